/*
 * The object that stands for the scope of a group.
 */

#ifndef ar_gscope_h
#define ar_gscope_h

#include "host/coro.h"

/* [-0, +1] The CancelScope of the group at stack place `group`, whose first
 * user value keeps it. */
void ar_gscope_push(lua_State *L, int group, ar_scope *scope);

#endif
