/*
 * What a Lua state lives on.
 */

#ifndef ar_memory_h
#define ar_memory_h

#include <lua.h>

/* A new Lua state with memory of its own; NULL if there is none. */
lua_State *ar_memory_newstate(void);

/* Close it, and give its memory back. */
void ar_memory_close(lua_State *L);

#endif
