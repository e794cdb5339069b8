/*
 * Instruments of a script.
 *
 * The run's user value AR_RUN_HOOKS is a table: for each hook, by number, a
 * list {object, method, object, method, ...} read when the object was added;
 * and at [object] = true, which objects there are.
 */

#include "host/hooks.h"

#include <lauxlib.h>

#include "host/embed.h"
#include "host/lrun.h"
#include "host/raise.h"
#include "host/traceback.h"

#define X(name, arg) #name,
static const char *const names[] = {
#include "sched/instrument.def"
};
#undef X

typedef struct {
  ar_instruments hooks; /* first */
  ar_lrun *run;         /* borrowed: keeps this userdata in its table */
} lua_hooks;

/* A hook raised: it is said, and the instrument is removed.
 * stack: ..., error */
static void disable(lua_State *L, ar_lrun *run, int hooks, int object) {
  lua_createtable(L, 0, 2);
  lua_pushfstring(L,
                  "Exception raised when calling %s on instrument %s. "
                  "Instrument has been disabled.",
                  "a hook", luaL_tolstring(L, object, NULL));
  lua_setfield(L, -3, "message");
  lua_pop(L, 1);
  lua_pushvalue(L, -2);
  lua_setfield(L, -2, "exception");
  ar_embed_require(L, "anyrun.report");
  lua_insert(L, -2);
  lua_call(L, 1, 0);
  lua_pop(L, 1);
  ar_lrun_push(L, run);
  (void)ar_hooks_remove(L, run, lua_gettop(L), object);
  lua_pop(L, 1);
  (void)hooks;
}

static void call_one(lua_State *L, ar_lrun *run, int hooks, int object,
                     ar_task *t, ar_hook hook, ar_time timeout) {
  int nargs = 1;
  lua_pushcfunction(L, ar_traceback_handler);
  lua_insert(L, -2); /* stack: object, handler, method */
  lua_pushvalue(L, object);
  if (t != NULL) {
    ar_coro_push(L, ar_coro_of(t));
    ar_call_errors(L, "task_face", 1, 1);
    nargs++;
  } else if (hook == AR_HOOK_before_io_wait || hook == AR_HOOK_after_io_wait) {
    lua_pushnumber(L, ar_time_to_seconds(timeout));
    nargs++;
  }
  if (lua_pcall(L, nargs, 0, object + 1) != LUA_OK)
    disable(L, run, hooks, object);
}

static void call(ar_instruments *self, ar_hook hook, ar_task *t,
                 ar_time timeout) {
  lua_hooks *h = (lua_hooks *)self;
  lua_State *L = ar_host_stack(h->run->host);
  int top = lua_gettop(L);
  lua_Integer n;
  luaL_checkstack(L, 16, NULL);
  ar_lrun_push(L, h->run);
  lua_getiuservalue(L, -1, AR_RUN_HOOKS);
  if (lua_rawgeti(L, -1, (lua_Integer)hook + 1) == LUA_TTABLE) {
    n = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i < n; i += 2) {
      lua_rawgeti(L, top + 3, i);
      lua_rawgeti(L, top + 3, i + 1);
      if (!lua_isnil(L, -1))
        call_one(L, h->run, top + 2, top + 4, t, hook, timeout);
      lua_settop(L, top + 3);
    }
  }
  lua_settop(L, top);
}

void ar_hooks_call(ar_lrun *run, ar_hook hook) {
  ar_instruments *i = run->run.sched.instruments;
  if (i != NULL && (i->wanted >> (unsigned)hook & 1u) != 0)
    i->call(i, hook, NULL, 0);
}

/* [-0, +1] The table of hooks, made if there is none. */
static void push_table(lua_State *L, ar_lrun *run, int self) {
  lua_hooks *h;
  if (lua_getiuservalue(L, self, AR_RUN_HOOKS) == LUA_TTABLE)
    return;
  lua_pop(L, 1);
  lua_newtable(L);
  h = lua_newuserdatauv(L, sizeof *h, 0);
  h->hooks.wanted = 0;
  h->hooks.call = call;
  h->run = run;
  lua_setfield(L, -2, "anchor");
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, self, AR_RUN_HOOKS);
  run->run.sched.instruments = &h->hooks;
}

void ar_hooks_add(lua_State *L, ar_lrun *run, int self, int idx) {
  int table;
  unsigned wanted = 0;
  push_table(L, run, self);
  table = lua_gettop(L);
  lua_pushvalue(L, idx);
  if (lua_rawget(L, table) != LUA_TNIL) {
    lua_settop(L, table - 1);
    return;
  }
  /* Read all methods first: one that cannot be read leaves nothing behind. */
  for (int i = 0; i < AR_HOOK_COUNT; i++) {
    lua_getfield(L, idx, names[i]);
    if (!lua_isnil(L, -1))
      wanted |= 1u << (unsigned)i;
  }
  for (int i = AR_HOOK_COUNT - 1; i >= 0; i--) {
    if (lua_isnil(L, -1)) {
      lua_pop(L, 1);
      continue;
    }
    if (lua_rawgeti(L, table, i + 1) != LUA_TTABLE) {
      lua_pop(L, 1);
      lua_newtable(L);
      lua_pushvalue(L, -1);
      lua_rawseti(L, table, i + 1);
    }
    lua_insert(L, -2); /* stack: ..., list, method */
    lua_pushvalue(L, idx);
    lua_rawseti(L, -3, (lua_Integer)lua_rawlen(L, -3) + 1);
    lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
  }
  lua_pushvalue(L, idx);
  lua_pushboolean(L, 1);
  lua_rawset(L, table);
  run->run.sched.instruments->wanted |= wanted;
  lua_settop(L, table - 1);
}

bool ar_hooks_remove(lua_State *L, ar_lrun *run, int self, int idx) {
  int top = lua_gettop(L);
  (void)run;
  luaL_checkstack(L, 8, NULL);
  if (lua_getiuservalue(L, self, AR_RUN_HOOKS) != LUA_TTABLE) {
    lua_settop(L, top);
    return false;
  }
  lua_pushvalue(L, idx);
  if (lua_rawget(L, top + 1) == LUA_TNIL) {
    lua_settop(L, top);
    return false;
  }
  lua_pushvalue(L, idx);
  lua_pushnil(L);
  lua_rawset(L, top + 1);
  for (int i = 1; i <= AR_HOOK_COUNT; i++) {
    lua_Integer n, kept = 0;
    lua_settop(L, top + 1);
    if (lua_rawgeti(L, top + 1, i) != LUA_TTABLE)
      continue;
    n = (lua_Integer)lua_rawlen(L, -1);
    lua_createtable(L, (int)n, 0); /* a new list: one may be being called */
    for (lua_Integer k = 1; k < n; k += 2) {
      lua_rawgeti(L, top + 2, k);
      if (!lua_rawequal(L, -1, idx)) {
        lua_rawseti(L, top + 3, ++kept);
        lua_rawgeti(L, top + 2, k + 1);
        lua_rawseti(L, top + 3, ++kept);
      } else {
        lua_pop(L, 1);
      }
    }
    lua_rawseti(L, top + 1, i);
  }
  lua_settop(L, top);
  return true;
}

void ar_hooks_open(lua_State *L, ar_lrun *run, int self, int opts) {
  lua_Integer n;
  if (lua_getfield(L, opts, "instruments") != LUA_TTABLE) {
    lua_pop(L, 1);
    return;
  }
  n = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    ar_hooks_add(L, run, self, lua_gettop(L));
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}
