/*
 * A plain callback in the ready queue.
 *
 * The userdata is anchored in the registry, under its own address, from when
 * it is made until it has been called or was cancelled.
 */

#include "bind/item.h"

#include <lauxlib.h>

#include "base/err.h"
#include "bind/luax.h"
#include "host/raise.h"

#define UV_FN 1
#define UV_ARGS 2
#define UV_CONTEXT 3

typedef struct {
  ar_job job; /* first */
  ar_deadline due;
  ar_loose loose;
  ar_lrun *run; /* borrowed: drops it when it closes; NULL: over */
  int nargs;
  bool cancelled;
} item;

static void release(lua_State *L, item *it) {
  it->run = NULL;
  ar_list_remove(&it->loose.link);
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, it);
}

/* Out of queue and heap: it will not be called. */
static void withdraw(lua_State *L, item *it) {
  ar_deadline_unset(&it->run->run.sched, &it->due);
  ar_list_remove(&it->job.ready);
  release(L, it);
}

static void drop(lua_State *L, ar_loose *loose) {
  item *it = ar_container_of(loose, item, loose);
  it->cancelled = true;
  ar_link_init(&it->loose.link);
  withdraw(L, it);
}

/* Call it: the userdata is on top of L, and popped. */
static void call(lua_State *L, item *it) {
  ar_lrun *run = it->run;
  int self = lua_gettop(L);
  luaL_checkstack(L, it->nargs + 8, NULL);
  lua_rawgetp(L, LUA_REGISTRYINDEX, ar_key_context);
  lua_getiuservalue(L, self, UV_CONTEXT);
  lua_rawsetp(L, LUA_REGISTRYINDEX, ar_key_context);
  lua_getiuservalue(L, self, UV_FN);
  lua_getiuservalue(L, self, UV_ARGS);
  for (int i = 1; i <= it->nargs; i++)
    lua_rawgeti(L, self + 3, i);
  lua_remove(L, self + 3);
  release(L, it);
  ar_lrun_callback(L, run, it->nargs, "callback");
  lua_settop(L, self + 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, ar_key_context);
  lua_settop(L, self - 1);
}

static void step(ar_job *job) {
  item *it = ar_container_of(job, item, job);
  lua_State *L = ar_host_stack(it->run->host);
  lua_rawgetp(L, LUA_REGISTRYINDEX, it);
  call(L, it);
}

/* Its time came: into the queue, or at once where the policy says so. */
static void on_due(ar_deadline *due) {
  item *it = ar_container_of(due, item, due);
  ar_sched *s = &it->run->run.sched;
  if (s->policy->queues_timers)
    ar_sched_queue(s, &it->job);
  else
    step(&it->job);
}

static item *new_item(lua_State *L, ar_lrun *run, int fn) {
  item *it = lua_newuserdatauv(L, sizeof *it, 3);
  ar_link_init(&it->job.ready);
  it->job.step = step;
  it->job.id = run->run.sched.next_id++;
  ar_deadline_init(&it->due, on_due);
  ar_link_init(&it->loose.link);
  it->run = run;
  it->loose.drop = drop;
  ar_list_push(&run->loose, &it->loose.link);
  it->nargs = 0;
  it->cancelled = false;
  luaL_setmetatable(L, "CallbackItem");
  lua_pushvalue(L, fn);
  lua_setiuservalue(L, -2, UV_FN);
  return it;
}

static void anchor(lua_State *L, item *it) {
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, it);
}

int ar_item_soon(lua_State *L, ar_lrun *run, int fn, int context, int nargs) {
  int first = lua_gettop(L) - nargs + 1;
  item *it = new_item(L, run, fn);
  int self = lua_gettop(L);
  it->nargs = nargs;
  if (nargs > 0) {
    lua_createtable(L, nargs, 0);
    for (int i = 0; i < nargs; i++) {
      lua_pushvalue(L, first + i);
      lua_rawseti(L, -2, i + 1);
    }
    lua_setiuservalue(L, self, UV_ARGS);
  }
  if (context != 0 && !lua_isnoneornil(L, context))
    lua_pushvalue(L, context);
  else
    ar_push_context(L);
  lua_setiuservalue(L, self, UV_CONTEXT);
  anchor(L, it);
  ar_sched_queue(&run->run.sched, &it->job);
  return 1;
}

int ar_item_timer(lua_State *L, ar_lrun *run, ar_time when, int fn) {
  item *it = new_item(L, run, fn);
  ar_err err;
  ar_push_context(L);
  lua_setiuservalue(L, -2, UV_CONTEXT);
  anchor(L, it);
  err = ar_deadline_set(&run->run.sched, &it->due, when);
  if (err != 0) {
    release(L, it);
    ar_raise_oserror(L, err, "timer");
  }
  return 1;
}

static int item_cancel(lua_State *L) {
  item *it = luaL_checkudata(L, 1, "CallbackItem");
  it->cancelled = true;
  if (it->run == NULL)
    return 0;
  withdraw(L, it);
  lua_pushnil(L);
  lua_setiuservalue(L, 1, UV_FN);
  lua_pushnil(L);
  lua_setiuservalue(L, 1, UV_ARGS);
  return 0;
}

static int item_cancelled(lua_State *L) {
  item *it = luaL_checkudata(L, 1, "CallbackItem");
  lua_pushboolean(L, it->cancelled);
  return 1;
}

static const luaL_Reg methods[] = {
    {"cancel", item_cancel}, {"cancelled", item_cancelled}, {NULL, NULL}};

void ar_item_open(lua_State *L) {
  ar_class_open(L, "CallbackItem");
  luaL_getmetatable(L, "CallbackItem");
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
}
