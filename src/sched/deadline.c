/*
 * Everything that happens at a time.
 */

#include "sched/deadline.h"

#include "sched/sched.h"

ar_err ar_deadline_set(ar_sched *s, ar_deadline *d, ar_time when) {
  if (when == AR_TIME_MAX) {
    ar_deadline_unset(s, d);
    return 0;
  }
  /* Behind everything that is being fired. */
  if (when < s->firing)
    when = s->firing;
  if (ar_deadline_is_set(d)) {
    ar_heap_update(&s->deadlines, &d->node, when);
    return 0;
  }
  return ar_heap_insert(&s->deadlines, &d->node, when);
}

void ar_deadline_unset(ar_sched *s, ar_deadline *d) {
  ar_heap_remove(&s->deadlines, &d->node);
}

/* Of two with one key the one that got it first is first in the heap: the
 * first that was set during the call stands behind all that were not. */
void ar_deadlines_expire(ar_sched *s, ar_time now) {
  uint64_t end = s->deadlines.next_seq;
  if (now == AR_TIME_MAX)
    now--; /* a script's clock: forever never comes */
  s->firing = now;
  while (ar_heap_size(&s->deadlines) != 0 &&
         s->deadlines.entries[0].key <= now &&
         s->deadlines.entries[0].seq < end) {
    ar_heap_node *node = ar_heap_min(&s->deadlines);
    ar_deadline *d = ar_container_of(node, ar_deadline, node);
    ar_heap_remove(&s->deadlines, node);
    d->fire(d); /* d may be gone */
  }
  s->firing = AR_TIME_MIN;
}
