/*
 * References from other threads to values that only their owner may touch.
 *
 * The owner (a Lua state) keeps a value in a slot; an ar_ref, counted by
 * everybody who has it, names owner and slot. When nobody has it any more it
 * goes on a list of the owner's, who frees the slot when it comes by.
 */

#ifndef ar_origin_h
#define ar_origin_h

#include "base/list.h"
#include "base/shared.h"

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

#endif
