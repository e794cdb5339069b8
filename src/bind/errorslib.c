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

/* raise_from(err, traceback, where): raise an error of another thread here;
 * its traceback goes on with that of the caller. */
static int errors_raise_from(lua_State *L) {
  luaL_checkany(L, 3);
  lua_settop(L, 3);
  if (lua_type(L, 2) != LUA_TSTRING) { /* it has none yet */
    lua_settop(L, 1);
    return lua_error(L);
  }
  lua_pushvalue(L, 2);
  lua_pushfstring(L, "\n%s; who waited for it:\n", luaL_checkstring(L, 3));
  luaL_traceback(L, L, NULL, 1);
  lua_concat(L, 3);
  lua_pushvalue(L, 1);
  lua_insert(L, 4); /* stack: err, traceback, where, err, text */
  ar_traceback_set(L, 4);
  lua_settop(L, 1);
  ar_rethrow(L);
}

static const luaL_Reg functions[] = {
    {"traceback_handler", ar_traceback_handler},
    {"traceback", errors_traceback},
    {"rethrow", errors_rethrow},
    {"raise_from", errors_raise_from},
    {NULL, NULL}};

int luaopen_anyrun_errors(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
