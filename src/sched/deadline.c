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
  if (ar_deadline_is_set(d)) {
    ar_heap_update(&s->deadlines, &d->node, when);
    return 0;
  }
  return ar_heap_insert(&s->deadlines, &d->node, when);
}

void ar_deadline_unset(ar_sched *s, ar_deadline *d) {
  ar_heap_remove(&s->deadlines, &d->node);
}

void ar_deadlines_expire(ar_sched *s, ar_time now) {
  while (ar_heap_min_key(&s->deadlines) <= now) {
    ar_heap_node *node = ar_heap_min(&s->deadlines);
    ar_deadline *d;
    /* An empty heap's key is forever, which a clock never shows; a clock of
     * a script might. */
    if (node == NULL) return;
    d = ar_container_of(node, ar_deadline, node);
    ar_heap_remove(&s->deadlines, node);
    d->fire(d); /* d may be gone */
  }
}
