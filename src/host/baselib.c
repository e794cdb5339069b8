/*
 * What of Lua's base library must be suspendable.
 *
 * pcall, xpcall and dofile are by themselves. `require` is not, and a module
 * that awaits while it loads is a fair thing to write: it is done again here,
 * with the behaviour (and the messages) of Lua's own.
 */

#include "host/baselib.h"

#include <lauxlib.h>

#include "host/coro.h"

/* [-0, +2] The loader of a module and its datum; raises when none knows it.
 * stack: name, LOADED */
static void find_loader(lua_State *L, const char *name) {
  luaL_Buffer msg;
  if (lua_getfield(L, lua_upvalueindex(1), "searchers") != LUA_TTABLE)
    luaL_error(L, "'package.searchers' must be a table");
  luaL_buffinit(L, &msg);
  luaL_addstring(&msg, "\n\t"); /* error-message prefix for the first one */
  for (int i = 1;; i++) {
    if (lua_rawgeti(L, 3, i) == LUA_TNIL) { /* no more searchers */
      lua_pop(L, 1);
      luaL_buffsub(&msg, 2);
      luaL_pushresult(&msg);
      luaL_error(L, "module '%s' not found:%s", name, lua_tostring(L, -1));
    }
    lua_pushstring(L, name);
    lua_call(L, 1, 2);
    if (lua_isfunction(L, -2)) return;
    if (lua_isstring(L, -2)) {
      lua_pop(L, 1);
      luaL_addvalue(&msg);
      luaL_addstring(&msg, "\n\t");
    } else {
      lua_pop(L, 2);
    }
  }
}

/* stack: name, LOADED, loader data, result of the loader */
static int requirek(lua_State *L, int status, lua_KContext ctx) {
  const char *name = lua_tostring(L, 1);
  (void)status;
  (void)ctx;
  if (!lua_isnil(L, -1))
    lua_setfield(L, 2, name);
  else
    lua_pop(L, 1);
  if (lua_getfield(L, 2, name) == LUA_TNIL) { /* it set nothing */
    lua_pushboolean(L, 1);
    lua_copy(L, -1, -2);
    lua_setfield(L, 2, name);
  }
  lua_rotate(L, -2, 1);
  return 2;
}

static int ar_require(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_settop(L, 1);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, 2, name);
  if (lua_toboolean(L, -1)) return 1; /* loaded already */
  lua_pop(L, 1);
  find_loader(L, name);
  /* stack: name, LOADED, ..., loader, data */
  lua_rotate(L, -2, 1);
  lua_pushvalue(L, 1);
  lua_pushvalue(L, -3);
  /* stack: ..., data, loader, name, data */
  lua_callk(L, 2, 1, 0, requirek);
  return requirek(L, LUA_OK, 0);
}

void ar_baselib_open(lua_State *L) {
  lua_getglobal(L, "package");
  lua_pushcclosure(L, ar_require, 1);
  lua_setglobal(L, "require");
  ar_coro_transparent(L, ar_require);
  lua_getglobal(L, "pcall");
  ar_coro_transparent(L, lua_tocfunction(L, -1));
  lua_getglobal(L, "xpcall");
  ar_coro_transparent(L, lua_tocfunction(L, -1));
  lua_getglobal(L, "dofile");
  ar_coro_transparent(L, lua_tocfunction(L, -1));
  lua_pop(L, 3);
}
