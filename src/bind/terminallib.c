/*
 * Module _anyrun.terminal: the terminal that a child uses.
 */

#include "bind/libs.h"
#include "bind/luax.h"
#include "host/raise.h"
#include "io/terminal.h"

static ar_terminal *check_terminal(lua_State *L) {
  return luaL_checkudata(L, 1, "Terminal");
}

/* open() -> Terminal: standard input's, as it is now; nil if it is none */
static int terminal_open(lua_State *L) {
  ar_terminal *t = lua_newuserdatauv(L, sizeof *t, 0);
  ar_terminal_init(t);
  luaL_setmetatable(L, "Terminal");
  if (!ar_terminal_open(t, 0))
    lua_pushnil(L);
  return 1;
}

/* is_ours(terminal): may we hand it over? */
static int terminal_is_ours(lua_State *L) {
  lua_pushboolean(L, ar_terminal_is_ours(check_terminal(L)));
  return 1;
}

/* listen(terminal): it will be handed over */
static int terminal_listen(lua_State *L) {
  ar_err err = ar_terminal_listen(check_terminal(L));
  if (err != 0)
    ar_raise_oserror(L, err, "the terminal");
  return 0;
}

/* follow(terminal, group): that group has it now */
static int terminal_follow(lua_State *L) {
  ar_terminal_follow(check_terminal(L), (pid_t)luaL_checkinteger(L, 2));
  return 0;
}

/* close(terminal, restore): it is ours again; twice is harmless */
static int terminal_close(lua_State *L) {
  ar_terminal_close(check_terminal(L), lua_toboolean(L, 2));
  return 0;
}

static const luaL_Reg methods[] = {
    {"__gc", terminal_close},    {"close", terminal_close},
    {"follow", terminal_follow}, {"is_ours", terminal_is_ours},
    {"listen", terminal_listen}, {NULL, NULL}};

static const luaL_Reg functions[] = {{"open", terminal_open}, {NULL, NULL}};

int luaopen_anyrun_terminal(lua_State *L) {
  ar_class_open(L, "Terminal");
  luaL_getmetatable(L, "Terminal");
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
