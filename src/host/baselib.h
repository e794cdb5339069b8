/*
 * What of Lua's base library must be suspendable, and is not by itself.
 */

#ifndef ar_baselib_h
#define ar_baselib_h

#include <lua.h>

/* [-0, +0] Replace `require`. */
void ar_baselib_open(lua_State *L);

#endif
