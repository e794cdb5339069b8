/*
 * Functions of the script that the scheduler calls, without a task.
 *
 * An error in one has nobody to go to. On asyncio the run's exception handler
 * hears of it and the run goes on, but for an exit, which ends it at once; on
 * trio it is an internal error.
 */

#include <lauxlib.h>

#include "host/lrun.h"
#include "host/embed.h"
#include "host/raise.h"
#include "host/traceback.h"

void ar_lrun_report_error(lua_State *L, ar_lrun *run, const char *what) {
  lua_createtable(L, 0, 3);
  lua_pushfstring(L, "Exception in %s", what);
  lua_setfield(L, -2, "message");
  lua_insert(L, -2);
  lua_setfield(L, -2, "exception");
  ar_lrun_report(L, run);
}

void ar_lrun_report(lua_State *L, ar_lrun *run) {
  ar_lrun_push(L, run);
  lua_getiuservalue(L, -1, AR_RUN_REPORT);
  lua_remove(L, -2);
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    ar_embed_require(L, "anyrun.report");
  }
  lua_insert(L, -2);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    if ((ar_error_kind(L, -1) & (AR_KIND_KEYBOARD | AR_KIND_EXIT)) != 0) {
      ar_lrun_stop(L, run);
      return;
    }
    luaL_tolstring(L, -1, NULL);
    lua_warning(L, "error in an exception handler: ", 1);
    lua_warning(L, lua_tostring(L, -1), 0);
    lua_pop(L, 2);
  }
}

void ar_lrun_callback(lua_State *L, ar_lrun *run, int nargs, const char *what) {
  int fn = lua_gettop(L) - nargs, kind;
  ar_task *running = run->run.sched.current;
  int status;
  lua_pushcfunction(L, ar_traceback_handler);
  lua_insert(L, fn);
  run->run.sched.current = NULL; /* a callback is no task */
  status = lua_pcall(L, nargs, 0, fn);
  run->run.sched.current = running;
  lua_remove(L, fn);
  if (status == LUA_OK)
    return;
  kind = ar_error_kind(L, -1);
  if (!run->run.sched.policy->counts)
    ar_lrun_crash(L, run);
  else if ((kind & (AR_KIND_KEYBOARD | AR_KIND_EXIT)) != 0)
    ar_lrun_stop(L, run);
  else
    ar_lrun_report_error(L, run, what);
}
