/*
 * The table of native modules.
 */

#include "bind/libs.h"

#include <lauxlib.h>

#include "bind/handle.h"
#include "bind/luax.h"
#include "bind/runlib.h"

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
  /* The classes of what the host itself makes: runs and tasks. */
  ar_class_open(L, "Run");
  ar_class_open(L, "TaskHandle");
  ar_handle_open(L);
  ar_run_class_open(L);
}
