/*
 * Anchors: what keeps a value of Lua's alive, and finds it, by a number.
 *
 * They are places in the registry, as luaL_ref's are, but a place that was
 * let go of is remembered here rather than in the table: taking one, reading
 * and letting go are one access each, and letting go cannot fail. A task
 * costs three of them.
 */

#ifndef ar_anchor_h
#define ar_anchor_h

#include <lauxlib.h>

#include "host/host.h"

/* [-1, +0] Keep the value on top, which is not nil. May raise for lack of
 * memory: then the value is still on top. */
int ar_anchor_take(lua_State *L, ar_host *host);

/* [-0, +0] Let go of it; does nothing for LUA_NOREF. */
void ar_anchor_drop(lua_State *L, ar_host *host, int anchor);

/* [-0, +1] */
static inline void ar_anchor_push(lua_State *L, int anchor) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, anchor);
}

/* The host ends. */
void ar_anchors_free(ar_host *host);

#endif
