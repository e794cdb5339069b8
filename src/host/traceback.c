/*
 * Where an error came from, across coroutines and tasks.
 */

#include "host/traceback.h"

#include <lauxlib.h>

#include "host/raise.h"

static const char key_value[] = "traceback of which value";
static const char key_text[] = "traceback text";

/* [-1, +0] The traceback on top is that of the error at idx. */
static void keep(lua_State *L, int idx) {
  if (ar_is_error(L, idx)) {
    lua_pushliteral(L, "traceback");
    lua_insert(L, -2);
    lua_rawset(L, idx);
    return;
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, key_text);
  lua_pushvalue(L, idx);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key_value);
}

void ar_traceback_set(lua_State *L, int idx) {
  keep(L, lua_absindex(L, idx));
}

/* [-0, +0] Keep the traceback of `from` for the error at idx of L. */
static void remember(lua_State *L, lua_State *from, int idx, int level) {
  idx = lua_absindex(L, idx);
  luaL_traceback(L, from, NULL, level);
  keep(L, idx);
}

/* Is it ar_rethrow that raises? The function above the handler is the one
 * that called it. (A plain pcall catches without a handler: what was noted
 * then must not count for the next error.) */
static bool is_rethrown(lua_State *L) {
  lua_CFunction rethrower = ar_host_of(L)->rethrower;
  lua_Debug ar;
  bool is;
  if (rethrower == NULL || !lua_getstack(L, 1, &ar))
    return false;
  lua_getinfo(L, "f", &ar);
  is = lua_tocfunction(L, -1) == rethrower;
  lua_pop(L, 1);
  return is;
}

/* Has the error at idx its traceback already? */
static bool is_known(lua_State *L, int idx) {
  bool known;
  if (ar_is_error(L, idx)) {
    lua_pushliteral(L, "traceback");
    known = lua_rawget(L, idx) != LUA_TNIL;
    lua_pop(L, 1);
    return known;
  }
  if (!is_rethrown(L))
    return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, key_value);
  known = lua_rawequal(L, idx, -1);
  lua_pop(L, 1);
  return known;
}

int ar_traceback_handler(lua_State *L) {
  if (ar_is_recent(L, 1)) { /* there may be 100,000 */
    ar_host_of(L)->rethrower = NULL;
    return 1;
  }
  if (lua_isnil(L, 1)) { /* nobody could tell it from no error */
    ar_push_error(L, "RuntimeError", "error(nil): an error without a value");
    lua_replace(L, 1);
  }
  /* A cancellation is no error to be explained. */
  if ((ar_error_kind(L, 1) & AR_KIND_CANCELLED) == 0 && !is_known(L, 1))
    remember(L, L, 1, 1);
  ar_host_of(L)->rethrower = NULL;
  lua_settop(L, 1);
  return 1;
}

void ar_traceback_push(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  if (ar_is_error(L, idx)) {
    lua_pushliteral(L, "traceback");
    lua_rawget(L, idx);
    return;
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, key_value);
  if (lua_rawequal(L, idx, -1))
    lua_rawgetp(L, LUA_REGISTRYINDEX, key_text);
  else
    lua_pushnil(L);
  lua_remove(L, -2);
}

void ar_traceback_of_coroutine(lua_State *L, lua_State *co, int idx) {
  idx = lua_absindex(L, idx);
  if ((ar_error_kind(L, idx) & AR_KIND_CANCELLED) == 0 && !is_known(L, idx))
    remember(L, co, idx, 0);
}

void ar_traceback_note(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  if (!ar_is_error(L, idx)) {
    ar_traceback_push(L, idx);
    if (lua_type(L, -1) == LUA_TSTRING) {
      lua_pushliteral(L, "\n\t");
      lua_pushvalue(L, -3);
      lua_concat(L, 3);
      lua_rawsetp(L, LUA_REGISTRYINDEX, key_text);
    } else {
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return;
  }
  lua_pushliteral(L, "tasks");
  if (lua_rawget(L, idx) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushliteral(L, "tasks");
    lua_pushvalue(L, -2);
    lua_rawset(L, idx);
  }
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 1);
}
