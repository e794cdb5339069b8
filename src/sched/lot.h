/*
 * A parking lot: the fair queue every primitive waits on.
 *
 * First come, first woken; a cancelled task leaves the queue at once, so that
 * no wake-up is ever spent on somebody who is gone. A place in the queue is a
 * field of the waiter (`ar_place`), so parking allocates nothing.
 */

#ifndef ar_lot_h
#define ar_lot_h

#include "base/list.h"
#include "base/rand.h"
#include "sched/task.h"

typedef struct ar_lot ar_lot;
typedef struct ar_place ar_place;

struct ar_lot {
  ar_list places;   /* of parked tasks, oldest first */
  size_t n_parked;  /* length of `places` */
  const char *kind; /* what its tasks wait for; see ar_wait */
};

/* Where a task stands in a lot. A task waits for one thing at a time. */
struct ar_place {
  ar_link link;
  ar_task *task; /* borrowed: the place is part of it, or outlived by it */
  ar_lot *lot;   /* borrowed; NULL when in no lot */
  bool moved;    /* since it parked, to another lot */
  bool undone;   /* its wait was, by an abort function that says so */
};

void ar_lot_init(ar_lot *lot, const char *kind);
void ar_place_init(ar_place *p, ar_task *task);

/* Park the task at the end of the queue. */
void ar_lot_park(ar_lot *lot, ar_place *p, ar_abort_fn *abort);

/* For the abort function: the task leaves the queue. */
void ar_place_leave(ar_place *p);

/* Take the oldest waiter out of the queue without waking it; NULL if none. */
ar_place *ar_lot_take(ar_lot *lot);

/* Wake up to n tasks, oldest first, with err. Never fails, never runs them
 * here. Returns how many. */
size_t ar_lot_unpark(ar_lot *lot, size_t n, ar_err err);

/* Bring the waiters into another order, which one by chance. */
void ar_lot_mix(ar_lot *lot, ar_rand *rand);

/* Move up to n waiters, oldest first, to the end of another lot. */
size_t ar_lot_repark(ar_lot *lot, ar_lot *to, size_t n);

#endif
