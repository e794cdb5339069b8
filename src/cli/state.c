/*
 * Makes the program's Lua state.
 */

#include "cli/state.h"

#include <stdio.h>

#include <lauxlib.h>

#include "base/mem.h"

/* A bug of ours: all calls into Lua are protected. */
static int panic(lua_State *L) {
  const char *why = lua_tostring(L, -1);
  (void)fprintf(stderr, "anyrun: error outside any protected call: %s\n",
                why != NULL ? why : luaL_typename(L, -1));
  return 0; /* Lua aborts */
}

lua_State *ar_state_new(ar_warnings *warnings) {
  lua_State *L;
  ar_mem_keep();
  L = ar_host_newstate();
  if (L == NULL)
    return NULL;
  (void)lua_atpanic(L, panic);
  lua_setwarnf(L, ar_warnings_print, warnings);
  return L;
}

void ar_state_close(lua_State *L) {
  ar_host_closestate(L);
}
