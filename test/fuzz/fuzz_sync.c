/*
 * Fuzz primitives and memory streams: the input is a program for several
 * tasks, see sync.lua, which holds what happens against a model.
 */

#include "lua_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX_SIZE 4096
#define RUNS_PER_STATE 10000 /* what a state gathers is part of the test */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static ar_warnings warnings;
  static lua_State *L;
  static unsigned runs;
  if (size > INPUT_MAX_SIZE)
    return -1;
  if (L != NULL && ++runs % RUNS_PER_STATE == 0) {
    world_close(L);
    L = NULL;
  }
  if (L == NULL) {
    L = world_open(&warnings);
    world_load(L, "test/fuzz/sync.lua");
  }
  lua_pushvalue(L, 1);
  lua_pushlstring(L, (const char *)data, size);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK)
    world_fail(L, "sync");
  lua_settop(L, 1);
  return 0;
}
