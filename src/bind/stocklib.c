/*
 * Lua's own functions that wait for a program: inside a task they let the
 * others run. Module _anyrun.stock has them as they were.
 */

#include "bind/libs.h"
#include "bind/luax.h"
#include "host/embed.h"

static const char key_stock[] = "functions of stock Lua";

static int os_execute(lua_State *L) {
  if (lua_type(L, 1) != LUA_TSTRING || !ar_coro_is_suspendable(L))
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
  lua_settop(L, 1);
  ar_embed_require(L, "anyrun.process.stock");
  lua_getfield(L, -1, "execute");
  lua_replace(L, 2);
  lua_insert(L, 1); /* stack: function, command */
  return ar_callk_all(L, 1);
}

void ar_stock_open(lua_State *L) {
  lua_newtable(L);
  lua_getglobal(L, "os");
  lua_getfield(L, -1, "execute");
  lua_pushvalue(L, -1);
  lua_setfield(L, -4, "execute");
  lua_pushcclosure(L, os_execute, 1);
  lua_setfield(L, -2, "execute");
  lua_pop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key_stock);
  ar_coro_transparent(L, os_execute);
}

int luaopen_anyrun_stock(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, key_stock);
  return 1;
}
