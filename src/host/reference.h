/*
 * References: what stands, in another Lua state, for a value that cannot be
 * copied.
 *
 * It can be given back, and is the value again where that is at home: see
 * loop/origin.h for who keeps what.
 *
 * In Lua a reference is a userdata. Indexing one gives a reference to a field:
 * `event.set` in a worker is handed back together with `event`.
 */

#ifndef ar_reference_h
#define ar_reference_h

#include <lua.h>

#include "loop/origin.h"

typedef struct ar_copier ar_copier;

/* [-0, +0] The metatable of references; once a state. */
void ar_reference_open(lua_State *L);

/* [-0, +1] A userdata for the reference, which takes a count. */
void ar_reference_push(lua_State *L, ar_ref *ref);

/* [-1, +1] The reference below the list of keys on top is one to a field. */
void ar_reference_set_path(lua_State *L);

/* The reference at idx, NULL if the value there is none; *path is 1 when its
 * list of keys was pushed [+1], else 0. Raises if it has expired. */
ar_ref *ar_reference_at(lua_State *L, int idx, int *path);

/* [-0, +0] The reference at idx can be given back no more. */
void ar_reference_expire(lua_State *L, int idx);

#endif
