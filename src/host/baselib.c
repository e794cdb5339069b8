/*
 * What of Lua's base library must be suspendable.
 *
 * xpcall and dofile are by themselves. `require` is not, and a module that
 * awaits while it loads is a fair thing to write: it is done again here, with
 * the behaviour (and the messages) of Lua's own. So is pcall, since an error
 * object that it catches must know where it was raised.
 */

#include "host/baselib.h"

#include <lauxlib.h>

#include "host/coro.h"
#include "host/embed.h"
#include "host/traceback.h"

/* Stack of `require` while it looks and loads. */
enum {
  NAME = 1,
  LOADED,
  SEARCHERS,
  PROBLEMS
};

static int searchk(lua_State *L, int status, lua_KContext ctx);

/* Ask the i-th searcher. */
static int ask(lua_State *L, lua_KContext i) {
  if (lua_rawgeti(L, SEARCHERS, (lua_Integer)i) == LUA_TNIL)
    return luaL_error(L, "module '%s' not found:%s", lua_tostring(L, NAME),
                      lua_tostring(L, PROBLEMS));
  lua_pushvalue(L, NAME);
  lua_callk(L, 1, 2, i, searchk);
  return searchk(L, LUA_OK, i);
}

/* stack: name, LOADED, searchers, problems, loader data, result */
static int loadk(lua_State *L, int status, lua_KContext ctx) {
  const char *name = lua_tostring(L, NAME);
  (void)status;
  (void)ctx;
  ar_host_of(L)->loads++;
  if (!lua_isnil(L, -1))
    lua_setfield(L, LOADED, name);
  else
    lua_pop(L, 1);
  if (lua_getfield(L, LOADED, name) == LUA_TNIL) { /* it set nothing */
    lua_pushboolean(L, 1);
    lua_copy(L, -1, -2);
    lua_setfield(L, LOADED, name);
  }
  lua_rotate(L, -2, 1);
  return 2;
}

/* stack: name, LOADED, searchers, problems, loader or text, data */
static int searchk(lua_State *L, int status, lua_KContext i) {
  (void)status;
  if (lua_isfunction(L, -2)) {
    lua_rotate(L, -2, 1); /* data, loader */
    lua_pushvalue(L, NAME);
    lua_pushvalue(L, -3);
    lua_callk(L, 2, 1, 0, loadk);
    return loadk(L, LUA_OK, 0);
  }
  lua_pop(L, 1);
  if (lua_isstring(L, -1)) {
    lua_pushvalue(L, PROBLEMS);
    lua_pushliteral(L, "\n\t");
    lua_rotate(L, -3, 2); /* problems, separator, text */
    lua_concat(L, 3);
    lua_replace(L, PROBLEMS);
  } else {
    lua_pop(L, 1);
  }
  return ask(L, i + 1);
}

static int base_require(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  if (ar_embed_is_hidden(name))
    ar_embed_push_hidden(L);
  else
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, LOADED, name);
  if (lua_toboolean(L, -1))
    return 1; /* loaded already */
  lua_pop(L, 1);
  if (lua_getfield(L, lua_upvalueindex(1), "searchers") != LUA_TTABLE)
    return luaL_error(L, "'package.searchers' must be a table");
  lua_pushliteral(L, "");
  return ask(L, 1);
}

/* stack: handler, true, results or error */
static int pcall_end(lua_State *L, int status, lua_KContext ctx) {
  (void)ctx;
  if (AR_LIKELY(status == LUA_OK || status == LUA_YIELD))
    return lua_gettop(L) - 1;
  lua_pushboolean(L, false);
  lua_insert(L, -2);
  return 2;
}

static int base_pcall(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushcfunction(L, ar_traceback_note_object);
  lua_pushboolean(L, true);
  lua_rotate(L, 1, 2);
  return pcall_end(
      L, lua_pcallk(L, lua_gettop(L) - 3, LUA_MULTRET, 1, 0, pcall_end), 0);
}

/* os.exit(code, true) closes the state, and with it the to-be-closed variables
 * of the main thread: for a script that is the coroutine of its chunk. Nothing
 * of it runs any more but those, so it may be reset though it is running. */
static int base_exit(lua_State *L) {
  ar_host *host = ar_host_of(L);
  lua_State *M = L;
  if (!lua_isboolean(L, 1))
    (void)luaL_optinteger(L, 1, 0); /* what it takes: nothing fails below */
  lua_settop(L, 2);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  if (lua_toboolean(L, 3) && host->chunk != NULL) {
    M = host->L;
    luaL_checkstack(M, 4, NULL);
    lua_xmove(L, M, 3);
    (void)lua_resetthread(host->chunk);
  }
  lua_call(M, 2, 0); /* does not return */
  return 0;
}

static void wrap_exit(lua_State *L) {
  lua_getglobal(L, "os");
  lua_getfield(L, -1, "exit");
  lua_pushcclosure(L, base_exit, 1);
  lua_setfield(L, -2, "exit");
  lua_pop(L, 1);
}

void ar_baselib_open(lua_State *L) {
  wrap_exit(L);
  lua_getglobal(L, "package");
  lua_pushcclosure(L, base_require, 1);
  lua_setglobal(L, "require");
  ar_coro_transparent(L, base_require);
  lua_pushcfunction(L, base_pcall);
  lua_setglobal(L, "pcall");
  ar_coro_transparent(L, base_pcall);
  lua_getglobal(L, "xpcall");
  ar_coro_transparent(L, lua_tocfunction(L, -1));
  lua_getglobal(L, "dofile");
  ar_coro_transparent(L, lua_tocfunction(L, -1));
  lua_pop(L, 2);
}
