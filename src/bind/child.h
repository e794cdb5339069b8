/*
 * A child that was started elsewhere, as a Lua object.
 */

#ifndef ar_child_h
#define ar_child_h

#include <lua.h>
#include <sys/types.h>

#include "base/base.h"

/* [-0, +0 or 1] The Child of that number; its descriptor (-1: none) is the
 * Child's from now on. False: its end cannot be heard of, the descriptor is
 * closed. */
bool ar_child_push(lua_State *L, pid_t pid, int pidfd);

#endif
