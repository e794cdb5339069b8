/*
 * A door: where other threads bring calls to a run.
 *
 * Order of calls: ar_door_new, on the loop's thread; ar_door_knock from any
 * thread; ar_door_close, when the run ends. A call that comes later, or was
 * still on its way, is refused.
 */

#ifndef ar_door_h
#define ar_door_h

#include "loop/call.h"

struct ar_door {
  ar_shared shared;    /* first */
  ar_mailbox *mailbox; /* ref */
  const char *backend; /* its run's: a constant */
  /* Of the loop's thread: */
  void *run;       /* borrowed; NULL once closed */
  ar_list arrived; /* ar_call by in_asks, each counted: not yet taken */
  bool announced;  /* somebody was told to come and take them */
  /* There is one: have ar_door_take called soon. False: no memory. */
  bool (*announce)(ar_door *door);
};

extern const ar_shared_class ar_door_class;

/* NULL: no memory. */
AR_MUST_CHECK ar_door *ar_door_new(ar_mailbox *mailbox, const char *backend);

static inline void ar_door_drop(ar_door *door) {
  if (door != NULL)
    ar_shared_drop(&door->shared);
}

/* Bring the call to the run: takes a count of it. A call is brought to one
 * door, once. */
void ar_door_knock(ar_door *door, ar_call *call);

/* On the loop's thread: the call that came first, or NULL; its count is the
 * caller's. */
ar_call *ar_door_take_call(ar_door *door);

/* The run ends. */
void ar_door_close(ar_door *door);

#endif
