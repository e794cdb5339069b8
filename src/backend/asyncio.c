/*
 * asyncio: first come, first served; a task's cancellation is an event.
 *
 * Two kinds of cancellation meet here. A native request (task.cancel()) is
 * delivered once, at whatever moment comes first, and takes away even a
 * result the task was already woken with. A scope's is AnyIO's: a state,
 * delivered whenever the task waits. The native one wins where both are due.
 */

#include "backend/backend.h"
#include "sched/sched.h"

static void as_queued(ar_sched *s, ar_list *batch) {
  (void)s;
  (void)batch;
}

static ar_cause deliver(const ar_task *t, ar_moment moment) {
  if (t->must_cancel)
    return AR_CAUSE_NATIVE;
  if (moment == AR_MOMENT_PARKED && t->scope->effective)
    return AR_CAUSE_SCOPE;
  return AR_CAUSE_NONE;
}

static ar_verdict failed(const ar_task *t, ar_failure failure) {
  (void)t;
  return failure == AR_FAILURE_EXIT ? AR_VERDICT_STOP : AR_VERDICT_KEEP;
}

/* Everybody who is left is cancelled, and awaited by the run. */
static void main_done(ar_sched *s) {
  ar_link *link = ar_list_first(&s->living);
  while (link != NULL) {
    ar_task *t = ar_container_of(link, ar_task, in_living);
    (void)ar_task_request_cancel(t);
    link = ar_list_next(&s->living, link);
  }
}

static void interrupt(ar_sched *s) {
  if (s->main != NULL)
    (void)ar_task_request_cancel(s->main);
}

const ar_policy ar_policy_asyncio = {
    .name = "asyncio",
    .order = as_queued,
    .deliver = deliver,
    .failed = failed,
    .main_done = main_done,
    .interrupt = interrupt,
    .counts = true,
    .join_breaks = true,
    .queues_timers = true,
    .drains = true,
};

/* The same with libuv's habits: timers run straight in the timer phase. */
const ar_policy ar_policy_uvloop = {
    .name = "asyncio",
    .order = as_queued,
    .deliver = deliver,
    .failed = failed,
    .main_done = main_done,
    .interrupt = interrupt,
    .counts = true,
    .join_breaks = true,
    .drains = true,
};
