/*
 * Module _anyrun.errors: what Lua needs of tracebacks.
 */

#include <lauxlib.h>

#include "bind/libs.h"
#include "host/raise.h"
#include "host/traceback.h"

/* traceback(err) -> its text, or nil */
static int errors_traceback(lua_State *L) {
  luaL_checkany(L, 1);
  ar_traceback_push(L, 1);
  return 1;
}

/* rethrow(err): raise it once more; its traceback is kept. */
static int errors_rethrow(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  ar_rethrow(L);
}

static const luaL_Reg functions[] = {
    {"traceback_handler", ar_traceback_handler},
    {"traceback", errors_traceback},
    {"rethrow", errors_rethrow},
    {NULL, NULL}};

int luaopen_anyrun_errors(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
