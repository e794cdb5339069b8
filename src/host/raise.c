/*
 * C makes and raises anyrun's error objects.
 */

#include "host/raise.h"

#include <lauxlib.h>
#include <stdarg.h>

#include "base/err.h"
#include "host/embed.h"
#include "host/traceback.h"

static const char key_errors[] = "errors";

void ar_push_class(lua_State *L, const char *name) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, key_errors) != LUA_TTABLE) {
    lua_pop(L, 1);
    ar_embed_require(L, "anyrun.errors");
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key_errors);
  }
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
}

void ar_call_errors(lua_State *L, const char *name, int nargs, int nres) {
  ar_push_class(L, name);
  lua_insert(L, -(nargs + 1));
  lua_call(L, nargs, nres);
}

static void push_error_v(lua_State *L, const char *name, const char *fmt,
                         va_list args) {
  lua_pushvfstring(L, fmt, args);
  ar_call_errors(L, name, 1, 1);
}

void ar_push_error(lua_State *L, const char *name, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  push_error_v(L, name, fmt, args);
  va_end(args);
}

void ar_raise(lua_State *L, const char *name, const char *fmt, ...) {
  va_list args;
  va_start(args, fmt);
  push_error_v(L, name, fmt, args);
  va_end(args);
  (void)lua_error(L);
  AR_UNREACHABLE();
}

void ar_push_oserror(lua_State *L, ar_err err, const char *what) {
  if (what != NULL)
    ar_push_error(L, "OSError", "%s: %s", *what != '\0' ? what : "''",
                  ar_err_text(err));
  else
    ar_push_error(L, "OSError", "%s", ar_err_text(err));
  lua_pushstring(L, ar_err_name(err));
  lua_setfield(L, -2, "code");
  lua_pushinteger(L, -err);
  lua_setfield(L, -2, "errno");
}

void ar_raise_oserror(lua_State *L, ar_err err, const char *what) {
  if (err == AR_ENOMEM)
    luaL_error(L, "not enough memory");
  ar_push_oserror(L, err, what);
  (void)lua_error(L);
  AR_UNREACHABLE();
}

void ar_rethrow(lua_State *L) {
  lua_Debug ar;
  if (lua_getstack(L, 0, &ar)) {
    lua_getinfo(L, "f", &ar);
    ar_host_of(L)->rethrower = lua_tocfunction(L, -1);
    lua_pop(L, 1);
  }
  (void)lua_error(L);
  AR_UNREACHABLE();
}

bool ar_is_error(lua_State *L, int idx) {
  bool is;
  if (lua_type(L, idx) != LUA_TTABLE || !lua_getmetatable(L, idx))
    return false;
  lua_pushliteral(L, "__kind");
  is = lua_rawget(L, -2) == LUA_TNUMBER;
  lua_pop(L, 2);
  return is;
}

int ar_error_kind(lua_State *L, int idx) {
  int kind = AR_KIND_ORDINARY;
  const ar_host *host = ar_host_of(L);
  const void *class;
  if (ar_is_recent(L, idx))
    return AR_KIND_CANCELLED;
  if (lua_type(L, idx) != LUA_TTABLE || !lua_getmetatable(L, idx))
    return kind;
  class = lua_topointer(L, -1);
  if (class == host->cancelled[0] || class == host->cancelled[1]) {
    lua_pop(L, 1); /* the one error there may be 100,000 times */
    return AR_KIND_CANCELLED;
  }
  lua_pushliteral(L, "__kind");
  if (lua_rawget(L, -2) == LUA_TNUMBER)
    kind = (int)lua_tointeger(L, -1);
  lua_pop(L, 2);
  return kind;
}
