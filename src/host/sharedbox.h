/*
 * Shared objects in Lua: a userdata that holds a count, in each state that has
 * the object.
 */

#ifndef ar_sharedbox_h
#define ar_sharedbox_h

#include <lua.h>

#include "base/shared.h"

/* The field of a userdata's metatable that says it is a box of a shared
 * object, and its value. */
#define AR_SHARED_FIELD "__shared"
extern const char ar_key_shared[];

/* The userdata of a shared object. */
typedef struct {
  ar_shared *shared; /* counted; NULL: closed */
} ar_shared_box;

/* [-0, +1] A userdata for the object, which takes a count. */
void ar_shared_push(lua_State *L, ar_shared *shared);

/* Is the userdata at idx a box? */
bool ar_shared_is(lua_State *L, int idx);

/* [-0, +0] A metatable for the boxes of this class, once a state. */
void ar_shared_open(lua_State *L, const ar_shared_class *class);

#endif
