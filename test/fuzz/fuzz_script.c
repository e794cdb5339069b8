/*
 * Fuzz scripts: see script.lua. Each may use so much memory, so many
 * instructions.
 */

#include "base/mem.h"

#include "lua_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX_SIZE 2048
#define MEMORY ((ptrdiff_t)64 << 20)
#define INSTRUCTIONS 2000000
#define STEP 1000
#define RUNS_PER_STATE 1000

static ptrdiff_t
    used; /* more than before the script; perhaps less than nothing */
static long left;

/* Lua's allocator with a limit. */
static void *limited(void *ud, void *ptr, size_t osize, size_t nsize) {
  ptrdiff_t more = (ptrdiff_t)nsize - (ptrdiff_t)(ptr != NULL ? osize : 0);
  void *block;
  if (more > 0 && used + more > MEMORY)
    return NULL;
  block = ar_mem_lua_alloc(ud, ptr, osize, nsize);
  if (block != NULL || nsize == 0)
    used += more;
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

static lua_State *open_target(ar_warnings *warnings) {
  lua_State *L = world_open(warnings);
  lua_setwarnf(L, NULL, NULL); /* of finalizers that fail */
  world_load(L, "test/fuzz/script.lua");
  lua_setallocf(L, limited, NULL);
  return L;
}

/* Returns false where the script was stopped in the middle of something. */
static bool run(lua_State *L, const uint8_t *data, size_t size) {
  bool ended;
  used = 0;
  left = INSTRUCTIONS;
  lua_sethook(L, count, LUA_MASKCOUNT, STEP);
  lua_pushvalue(L, 1);
  lua_pushlstring(L, (const char *)data, size);
  ended = lua_pcall(L, 1, 0, 0) == LUA_OK;
  lua_sethook(L, NULL, 0, 0);
  if (!ended) {
    const char *why = luaL_tolstring(L, -1, NULL);
    if (left > 0 && strcmp(why, "not enough memory") != 0)
      world_fail(L, "script");
  }
  lua_settop(L, 1);
  return ended && left > 0;
}

/* What the grammar makes cannot change the library: its scripts share a state,
 * since a new one takes longer than they do. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static ar_warnings warnings;
  static lua_State *shared;
  static unsigned runs;
  bool shares = size > 0 && data[0] % 2 == 1;
  lua_State *L;
  if (size > INPUT_MAX_SIZE)
    return -1;
  if (shares && shared != NULL)
    L = shared;
  else
    L = open_target(&warnings);
  shared = shares ? L : shared;
  if (run(L, data, size) && shares && ++runs % RUNS_PER_STATE != 0)
    return 0;
  shared = shares ? NULL : shared;
  world_close(L);
  return 0;
}
