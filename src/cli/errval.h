/*
 * Reading an error value from C, whatever it is.
 *
 * Nothing here runs Lua code: fields are read raw, from the value or from
 * its metatable, which is its class.
 */

#ifndef ar_cli_errval_h
#define ar_cli_errval_h

#include <lua.h>

#include "base/base.h"

/* Slots of one leaf in the list that ar_errval_push_leaves makes. */
enum {
  AR_LEAF_VALUE,     /* what was raised */
  AR_LEAF_GROUP,     /* the group it is a member of */
  AR_LEAF_TRACEBACK, /* what that group knows of where it came from, or nil */
  AR_LEAF_SLOTS
};

/* Is it an object of the class of this name, or of one that extends it? */
bool ar_errval_is_a(lua_State *L, int idx, const char *class_name);

/* [-0, +1, m] The raw field of an error object; nil where it has none. */
int ar_errval_push_field(lua_State *L, int idx, const char *field);

/*
 * [-0, +2, m] All members of the group at idx that are no groups, in order,
 * through any nesting: a list with AR_LEAF_SLOTS slots each, and a table
 * that says for each sub-group in which group it stands. Returns how many
 * there are. A group met a second time is passed over.
 */
int ar_errval_push_leaves(lua_State *L, int idx);

/* [-0, +1] Slot `slot` of leaf `i` (from 0) of the list at idx. */
void ar_errval_push_slot(lua_State *L, int list, int i, int slot);

#endif
