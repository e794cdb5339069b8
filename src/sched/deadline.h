/*
 * Everything that happens at a time: scopes that expire, sleeps that end,
 * timers that fire. One heap for each run.
 *
 * A deadline is a field of whatever waits for it. `fire` is called by
 * ar_deadlines_expire, after the deadline was taken out; it may add and
 * remove deadlines, its own included.
 */

#ifndef ar_deadline_h
#define ar_deadline_h

#include "base/heap.h"

typedef struct ar_deadline ar_deadline;
struct ar_sched;

struct ar_deadline {
  ar_heap_node node;
  void (*fire)(ar_deadline *deadline);
};

static inline void ar_deadline_init(ar_deadline *d,
                                    void (*fire)(ar_deadline *)) {
  ar_heap_node_init(&d->node);
  d->fire = fire;
}

static inline bool ar_deadline_is_set(const ar_deadline *d) {
  return ar_heap_is_in(&d->node);
}

/* Have it fire at `when`, whether it was set before or not. AR_ENOMEM:
 * nothing was changed. A `when` of AR_TIME_MAX unsets it. */
AR_MUST_CHECK ar_err ar_deadline_set(struct ar_sched *s, ar_deadline *d,
                                     ar_time when);

/* It will not fire. Never fails. */
void ar_deadline_unset(struct ar_sched *s, ar_deadline *d);

/* Fire what is due at `now`, soonest first. What is set meanwhile waits for
 * the next call, even if it is due already: a timer that always sets itself
 * to "now" starves nobody. */
void ar_deadlines_expire(struct ar_sched *s, ar_time now);

#endif
