/*
 * Waiting for a descriptor when the system has none to give: until one of
 * ours is closed, and at most for a while, since others may close theirs.
 */

#ifndef ar_seek_h
#define ar_seek_h

#include "host/coro.h"

/* [-0, +1] What the wait of this task, which was checked, needs; may raise. */
void ar_seek_prepare(lua_State *L, ar_coro *c);

/* Park it: what was prepared is on top. The continuation begins with
 * ar_coro_resumed. */
int ar_seek(lua_State *L, ar_coro *c, lua_KFunction k, lua_KContext ctx);

/* [-0, +0] A descriptor was closed. Never raises. */
void ar_seek_found(lua_State *L);

#endif
