/*
 * The table of native modules.
 */

#include "bind/libs.h"

#include <lauxlib.h>

#include "bind/handle.h"
#include "bind/luax.h"
#include "bind/runlib.h"
#include "bind/worker.h"
#include "host/known.h"

static const luaL_Reg modules[] = {
    {"_anyrun.errors", luaopen_anyrun_errors},
    {"_anyrun.run", luaopen_anyrun_run},
    {"_anyrun.task", luaopen_anyrun_task},
    {"_anyrun.time", luaopen_anyrun_time},
    {"_anyrun.scope", luaopen_anyrun_scope},
    {"_anyrun.group", luaopen_anyrun_group},
    {"_anyrun.lot", luaopen_anyrun_lot},
    {"_anyrun.lock", luaopen_anyrun_lock},
    {"_anyrun.channel", luaopen_anyrun_channel},
    {"_anyrun.pipe", luaopen_anyrun_pipe},
    {"_anyrun.process", luaopen_anyrun_process},
    {"_anyrun.signal", luaopen_anyrun_signal},
    {"_anyrun.stock", luaopen_anyrun_stock},
    {"_anyrun.terminal", luaopen_anyrun_terminal},
    {"_anyrun.text", luaopen_anyrun_text},
    {"_anyrun.dns", luaopen_anyrun_dns},
    {"_anyrun.socket", luaopen_anyrun_socket},
    {"_anyrun.thread", luaopen_anyrun_thread},
    {"_anyrun.tls", luaopen_anyrun_tls},
    {"_anyrun.peer", luaopen_anyrun_peer},
    {"_anyrun.fs", luaopen_anyrun_fs},
    {"_anyrun.file", luaopen_anyrun_file},
#ifdef AR_DEBUG
    {"_anyrun.test", luaopen_anyrun_test},
#endif
    {NULL, NULL}};

/* ---- what a state has in the beginning ---------------------------------- */

#define FRESH "FreshState"

static int fresh_gc(lua_State *L) {
  lua_State **fresh = lua_touserdata(L, 1);
  if (*fresh != NULL)
    ar_host_closestate(*fresh);
  *fresh = NULL;
  return 0;
}

/* [-0, +1] A box that holds a state which no script has seen. */
static lua_State *push_fresh(lua_State *L) {
  lua_State **box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = NULL;
  if (luaL_newmetatable(L, FRESH)) {
    lua_pushcfunction(L, fresh_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  *box = ar_worker_state(ar_host_of(L)->backend, false);
  if (*box == NULL)
    luaL_error(L, "not enough memory");
  return *box;
}

/* [-0, +0] Its functions of C: "module\0field" by address in the table at
 * `names`. stack of F: ..., module's name, module. An address that several have
 * says nothing. */
static void name_functions(lua_State *L, int names, lua_State *F) {
  const char *module = lua_tostring(F, -2);
  lua_pushnil(F);
  while (lua_next(F, -2)) {
    union {
      lua_CFunction f;
      void *p;
    } address = {.f = lua_tocfunction(F, -1)};
    lua_pop(F, 1);
    if (address.f == NULL || lua_type(F, -1) != LUA_TSTRING)
      continue;
    if (lua_rawgetp(L, names, address.p) == LUA_TNIL)
      lua_pushfstring(L, "%s%c%s", module, '\0', lua_tostring(F, -1));
    else
      lua_pushboolean(L, 0);
    lua_rawsetp(L, names, address.p);
    lua_pop(L, 1);
  }
}

/* See host/known.h. The fresh state has just been made, and is not short of
 * memory for a look at it. */
static int standard_names(lua_State *L) {
  lua_State *F;
  lua_settop(L, 0);
  F = push_fresh(L);
  lua_newtable(L);
  lua_getfield(F, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushnil(F);
  while (lua_next(F, -2)) {
    if (lua_istable(F, -1))
      name_functions(L, 2, F);
    lua_pop(F, 1);
  }
  ar_host_closestate(F);
  *(lua_State **)lua_touserdata(L, 1) = NULL;
  return 1;
}

void ar_libs_open(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  for (const luaL_Reg *m = modules; m->name != NULL; m++) {
    lua_pushcfunction(L, m->func);
    lua_setfield(L, -2, m->name);
  }
  lua_pop(L, 1);
  lua_pushcfunction(L, ar_time_sleep);
  lua_setglobal(L, "sleep");
  ar_stock_open(L);
  lua_pushcfunction(L, standard_names);
  lua_rawsetp(L, LUA_REGISTRYINDEX, ar_key_standard);
  /* The classes of what the host itself makes: runs and tasks. */
  ar_class_open(L, "Run");
  ar_class_open(L, "TaskHandle");
  ar_handle_open(L);
  ar_run_class_open(L);
}
