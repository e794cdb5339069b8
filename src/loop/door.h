/*
 * A door: where other threads bring calls to a run.
 *
 * Order of calls: ar_door_new, on the loop's thread; ar_door_knock from any
 * thread; ar_door_seal, when the run is about to end; ar_door_close.
 *
 * A call is let in and posted under the door's mutex, which ar_door_seal takes,
 * too. So each call comes either before that, and has arrived when ar_door_seal
 * returns: a run that is to answer whatever was let in has only to do what is
 * ready then. Or it comes after, and is refused before ar_door_knock returns:
 * those who come without end do not keep a run from ending. There is nobody in
 * between whom the run would have to wait for. Whoever closes a door refuses
 * the calls that nobody has taken.
 */

#ifndef ar_door_h
#define ar_door_h

#include <pthread.h>

#include "loop/call.h"

/* What the thread of a loop is blocked for, its run standing still. */
typedef struct {
  ar_call *call;    /* counted: until it is over; NULL: it is not blocked */
  ar_door *at;      /* counted: where that was brought */
  bool until_begun; /* ... or begun, and if need be not even that */
} ar_block;

struct ar_door {
  ar_shared shared;    /* first */
  ar_mailbox *mailbox; /* ref */
  const char *backend; /* its run's: a constant */
  pthread_mutex_t mutex;
  /* Under the mutex: */
  bool sealed;    /* nobody is let in */
  ar_block block; /* of its loop's thread */
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
 * door, once; one that comes too late is refused when this returns. */
void ar_door_knock(ar_door *door, ar_call *call);

/* From any thread: is anybody let in yet? */
bool ar_door_is_open(ar_door *door);

/* On the loop's thread, between its turns: let nobody in from now on. Who was
 * has arrived when this returns. */
void ar_door_seal(ar_door *door);

/* On the loop's thread, which is about to block until the call that it has
 * brought to the door `at` is over, or begun. False: it would wait for itself,
 * by way of other threads that are blocked in the same manner; it must not.
 * Else ar_door_unblock follows. Where one of them waits for a beginning only,
 * that one is let go. */
AR_MUST_CHECK bool ar_door_block(ar_door *door, ar_call *call, ar_door *at,
                                 bool until_begun);
void ar_door_unblock(ar_door *door);

/* On the loop's thread: the call that came first, or NULL; its count is the
 * caller's. */
ar_call *ar_door_take_call(ar_door *door);

/* The run ends. */
void ar_door_close(ar_door *door);

#endif
