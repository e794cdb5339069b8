/*
 * What a Lua state lives on: slabs of its own, which no other thread asks. The
 * debug build looks at each block by itself.
 */

#include "host/memory.h"

#include "base/mem.h"
#include "base/slab.h"

/* All calls into Lua are protected: an error outside is a bug, and Lua aborts
 * after the caller's panic function, if it sets one. */
lua_State *ar_memory_newstate(void) {
#ifdef AR_DEBUG
  ar_slabs *slabs = NULL;
  lua_State *L = lua_newstate(ar_mem_lua_alloc, NULL);
#else
  ar_slabs *slabs = ar_slabs_new();
  lua_State *L = slabs != NULL ? lua_newstate(ar_slabs_lua_alloc, slabs) : NULL;
#endif
  if (L == NULL)
    ar_slabs_free(slabs);
  return L;
}

void ar_memory_close(lua_State *L) {
  void *slabs = NULL;
  (void)lua_getallocf(L, &slabs);
  lua_close(L);
  ar_slabs_free(slabs);
}
