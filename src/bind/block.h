/*
 * A long string of which the bytes are there before Lua makes it.
 *
 * Lua copies what it is given to a string of its own, which costs as much as
 * reading a file from memory does. So who reads much has a block with room
 * for Lua's head of a string in front, reads behind that, and Lua is handed
 * the block itself when it asks for memory: what it then copies, it copies
 * onto itself, which the C library (and any compiler: so are structures
 * assigned) takes as nothing to do.
 */

#ifndef ar_block_h
#define ar_block_h

#include <lua.h>

#include "base/base.h"

/* How many bytes Lua has in front of a long string; one zero byte is behind
 * it. 0: Lua asks for memory in another way: there can be no blocks. */
size_t ar_block_head(lua_State *L);

/* [-0, +1] The string of n bytes behind `head` bytes of the block, which came
 * from ar_mem_alloc and is head + n + 1 bytes long. It is Lua's from now on.
 * Raises for want of memory. n: more than 40, else Lua shares it. */
void ar_push_block(lua_State *L, char *block, size_t head, size_t n);

#endif
