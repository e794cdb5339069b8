/*
 * References: what stands, in another Lua state, for a value that cannot be
 * copied.
 *
 * The state that owns the value keeps it in a slot; an ar_ref, counted by
 * everybody who has it, names state and slot. It can be given back, and is the
 * value again there. When nobody has it any more it goes on a list of its
 * state, which frees the slot when it next copies something: the slot is Lua's
 * and other threads must not touch it.
 *
 * In Lua a reference is a userdata. Indexing one gives a reference to a field:
 * `event.set` in a worker is handed back together with `event`.
 */

#ifndef ar_reference_h
#define ar_reference_h

#include <lua.h>

#include "base/list.h"
#include "base/shared.h"

typedef struct ar_copier ar_copier;
typedef struct ar_origin ar_origin;
typedef struct ar_ref ar_ref;

struct ar_ref {
  ar_shared shared;  /* first */
  ar_origin *origin; /* counted */
  uint64_t state;    /* id of the state that owns the value */
  int slot;
  char what[24];   /* the value's type, for messages */
  ar_link dropped; /* place in the origin's list, when nobody has it */
};

/* What of a Lua state the references to its values know. NULL: no memory. */
AR_MUST_CHECK ar_origin *ar_origin_new(void);

/* The state closes: references to its values are dead. */
void ar_origin_close(ar_origin *origin);

/* One that nobody has any more, or NULL. The caller frees it. */
ar_ref *ar_origin_next_dropped(ar_origin *origin);

/* Is there one? Cheap. */
bool ar_origin_has_dropped(const ar_origin *origin);

/* A reference to a value in a slot, with a count of one. NULL: no memory. */
AR_MUST_CHECK ar_ref *ar_ref_new(ar_origin *origin, uint64_t state, int slot,
                                 const char *what);

/* Free it: its slot has been freed, or never was taken. */
void ar_ref_free(ar_ref *ref);

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
