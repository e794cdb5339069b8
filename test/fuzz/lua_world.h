/*
 * A Lua state for a fuzzer whose target is written in Lua: test/fuzz/NAME.lua
 * returns a function of the input, which raises where something is wrong.
 */

#ifndef ar_fuzz_lua_world_h
#define ar_fuzz_lua_world_h

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lualib.h>

#include "bind/libs.h"
#include "cli/state.h"
#include "host/host.h"

/* Fills a fresh state. */
static int world_prepare(lua_State *L) {
  luaL_openlibs(L);
  ar_libs_open(L);
  ar_host_open(L, "asyncio");
  return 0;
}

static void world_fail(lua_State *L, const char *what) {
  (void)fprintf(stderr, "%s: %s\n", what, luaL_tolstring(L, -1, NULL));
  abort();
}

static lua_State *world_open(ar_warnings *warnings) {
  lua_State *L = ar_state_new(warnings);
  if (L == NULL)
    abort();
  lua_pushcfunction(L, world_prepare);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK)
    world_fail(L, "prepare");
  return L;
}

static void world_close(lua_State *L) {
  ar_host_close(L);
  ar_state_close(L);
}

/* [-0, +1] The target of this name. */
static void world_load(lua_State *L, const char *path) {
  if (luaL_loadfile(L, path) != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK)
    world_fail(L, path);
}

#endif
