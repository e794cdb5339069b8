/*
 * A ring of Lua values: the buffer of a channel.
 *
 * The values stand in a table, which is a user value of the ring's owner; the
 * owner is a user value of whatever stands at stack place 1 (an end of the
 * channel). The table grows when it must, and never shrinks.
 */

#ifndef ar_ring_h
#define ar_ring_h

#include <lua.h>

#include "base/base.h"

#define AR_RING_OWNER 1 /* user value of what is at stack place 1 */
#define AR_RING_TABLE 1 /* user value of the owner */

typedef struct ar_ring ar_ring;

struct ar_ring {
  size_t used;     /* values in it */
  size_t head;     /* where the oldest is, from 0 */
  size_t capacity; /* of the table */
  size_t peak;     /* most values there ever were */
};

/* [-1, +0] The value on top becomes the newest. */
void ar_ring_put(lua_State *L, ar_ring *r);

/* [-1, +0] The value on top becomes the oldest again. */
void ar_ring_put_back(lua_State *L, ar_ring *r);

/* [-0, +1] The oldest value, which is no longer in the ring. */
void ar_ring_take(lua_State *L, ar_ring *r);

#endif
