/*
 * Lua's coroutine library, through which a suspension passes.
 */

#ifndef ar_corolib_h
#define ar_corolib_h

#include <lua.h>

/* [-0, +0] Replace the functions of the global table `coroutine`. */
void ar_corolib_open(lua_State *L);

#endif
