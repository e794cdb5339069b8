/*
 * Fuzz scripts: see script.lua. Each has a state of its own, so much memory,
 * so many instructions.
 */

#include "base/mem.h"

#include "lua_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_INPUT 2048
#define MEMORY ((size_t)64 << 20)
#define INSTRUCTIONS 2000000
#define STEP 1000

static size_t used;
static long left;

/* Lua's allocator with a limit. */
static void *limited(void *ud, void *ptr, size_t osize, size_t nsize) {
  size_t old = ptr != NULL ? osize : 0;
  void *block;
  if (nsize > old && used + (nsize - old) > MEMORY)
    return NULL;
  block = ar_mem_lua_alloc(ud, ptr, osize, nsize);
  if (block != NULL || nsize == 0)
    used += nsize - old;
  return block;
}

/* A script that catches this gets it again at its next instruction. */
static void count(lua_State *L, lua_Debug *ar) {
  (void)ar;
  left -= STEP;
  if (left > 0)
    return;
  lua_sethook(L, count, LUA_MASKCOUNT, 1);
  luaL_error(L, "too many instructions");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ar_warnings warnings = {0};
  lua_State *L;
  if (size > MAX_INPUT)
    return -1;
  L = world_open(&warnings);
  lua_setwarnf(L, NULL, NULL); /* of finalizers that fail */
  world_load(L, "test/fuzz/script.lua");
  used = 0;
  left = INSTRUCTIONS;
  lua_setallocf(L, limited, NULL);
  lua_sethook(L, count, LUA_MASKCOUNT, STEP);
  lua_pushlstring(L, (const char *)data, size);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    const char *why = luaL_tolstring(L, -1, NULL);
    if (left > 0 && strcmp(why, "not enough memory") != 0)
      world_fail(L, "script");
  }
  lua_sethook(L, NULL, 0, 0);
  world_close(L);
  return 0;
}
