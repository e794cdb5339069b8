/*
 * Lua's own functions that wait: inside a task they let the others run. Module
 * _anyrun.stock has them as they were.
 */

#include "bind/stocklib.h"

#include "bind/libs.h"
#include "host/embed.h"

static const char key_stock[] = "functions of stock Lua";

static int os_execute(lua_State *L) {
  if (lua_type(L, 1) != LUA_TSTRING || !ar_coro_is_suspendable(L))
    return ar_stock_call(L);
  lua_settop(L, 1);
  ar_embed_require(L, "anyrun.process.stock");
  lua_getfield(L, -1, "execute");
  lua_replace(L, 2);
  lua_insert(L, 1); /* stack: function, command */
  return ar_callk_all(L, 1);
}

static const luaL_Reg of_os[] = {{"execute", os_execute}, {NULL, NULL}};

static const luaL_Reg of_io[] = {{"close", ar_stock_io_close},
                                 {"flush", ar_stock_io_flush},
                                 {"lines", ar_stock_io_lines},
                                 {"popen", ar_stock_popen},
                                 {"read", ar_stock_io_read},
                                 {"write", ar_stock_io_write},
                                 {NULL, NULL}};

static const luaL_Reg of_files[] = {
    {"close", ar_stock_file_close}, {"flush", ar_stock_file_flush},
    {"lines", ar_stock_file_lines}, {"read", ar_stock_file_read},
    {"write", ar_stock_file_write}, {NULL, NULL}};

static const luaL_Reg of_metatable[] = {{"__close", ar_stock_file_leave},
                                        {"__gc", ar_stock_file_collect},
                                        {NULL, NULL}};

/* Where ar_stock_open has things on the stack. */
typedef struct {
  int all;    /* the module */
  int shared; /* ar_stock */
} places;

/* [-0, +0] Ours in their place in the table on top; those that were there go
 * to a table of the module's, under `name`. */
static void replace(lua_State *L, places at, const luaL_Reg *list,
                    const char *name) {
  int table = lua_gettop(L);
  lua_newtable(L);
  for (const luaL_Reg *r = list; r->name != NULL; r++) {
    lua_getfield(L, table, r->name);
    lua_pushvalue(L, -1);
    lua_setfield(L, table + 1, r->name);
    lua_pushvalue(L, at.shared);
    lua_pushcclosure(L, r->func, 2);
    lua_setfield(L, table, r->name);
    ar_coro_transparent(L, r->func);
  }
  lua_setfield(L, at.all, name);
}

/* [-0, +0] What anyrun.process.stock closes a file with. stack: ..., methods */
static void add_closing(lua_State *L, places at) {
  lua_getfield(L, -1, "flush");
  lua_setfield(L, at.all, "flush");
  lua_pushnil(L);
  lua_pushvalue(L, at.shared);
  lua_pushcclosure(L, ar_stock_shut, 2);
  lua_setfield(L, at.all, "shut");
}

void ar_stock_open(lua_State *L) {
  places at = {lua_gettop(L) + 1, lua_gettop(L) + 2};
  ar_stock *s;
  lua_newtable(L);
  s = lua_newuserdatauv(L, sizeof *s, 0);
  s->n_busy = 0;
  ar_list_init(&s->left);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, ar_stock_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_getglobal(L, "os");
  replace(L, at, of_os, "os");
  lua_getglobal(L, "io");
  replace(L, at, of_io, "io");
  luaL_getmetatable(L, LUA_FILEHANDLE);
  s->files = lua_topointer(L, -1);
  replace(L, at, of_metatable, "metatable");
  lua_getfield(L, -1, "__index");
  replace(L, at, of_files, "file");
  add_closing(L, at);
  lua_settop(L, at.all);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key_stock);
}

int luaopen_anyrun_stock(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, key_stock);
  return 1;
}
