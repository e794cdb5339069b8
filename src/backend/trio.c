/*
 * trio: batches in an order nobody can rely on; cancellation is a state that
 * only a checkpoint sees.
 */

#include <stdlib.h>

#include "backend/backend.h"
#include "base/mem.h"
#include "sched/sched.h"

static int by_creation(const void *a, const void *b) {
  const ar_job *x = *(ar_job *const *)a;
  const ar_job *y = *(ar_job *const *)b;
  return x->id < y->id ? -1 : x->id > y->id;
}

/* A seed was given: the same seed, the same order. AR_HARDORDER shuffles
 * without one, too, rather than toss a coin. Sorting first makes the
 * order independent of how the tasks became ready. Without the memory for it
 * the batch stays as it is. */
static void shuffle(ar_sched *s, ar_list *batch) {
  size_t n = ar_list_length(batch), i = 0;
  ar_job **jobs = ar_mem_alloc(n * sizeof *jobs);
  ar_link *link;
  if (jobs == NULL)
    return;
  while ((link = ar_list_pop(batch)) != NULL)
    jobs[i++] = ar_container_of(link, ar_job, ready);
  qsort(jobs, n, sizeof *jobs, by_creation);
  for (i = n; i > 1; i--) {
    size_t j =
        (size_t)ar_rand_below(s->seeded != NULL ? s->seeded : &s->rand, i);
    ar_job *job = jobs[j];
    jobs[j] = jobs[i - 1];
    jobs[i - 1] = job;
  }
  for (i = 0; i < n; i++)
    ar_list_push(batch, &jobs[i]->ready);
  ar_mem_free(jobs, n * sizeof *jobs);
}

static void order(ar_sched *s, ar_list *batch) {
  if (ar_list_first(batch) == ar_list_last(batch))
    return;
#ifdef AR_HARDORDER
  bool hard = true;
#else
  bool hard = false;
#endif
  if (hard || s->seeded != NULL)
    shuffle(s, batch);
  else if ((ar_rand_next(&s->rand) >> 63) != 0)
    ar_list_reverse(batch);
}

static ar_cause deliver(const ar_task *t, ar_moment moment) {
  if (moment != AR_MOMENT_PARKED)
    return AR_CAUSE_NONE;
  if (t->interrupted)
    return AR_CAUSE_INTERRUPT;
  if (t->scope->effective)
    return AR_CAUSE_SCOPE;
  return AR_CAUSE_NONE;
}

/* An error always has a group to go to, but for main's, which the run
 * raises, and a system task's, which nobody expects. */
static ar_verdict failed(const ar_task *t, ar_failure failure) {
  if (!t->system || failure == AR_FAILURE_CANCELLED)
    return AR_VERDICT_KEEP;
  return AR_VERDICT_CRASH;
}

/* Only system tasks can be left. */
static void main_done(ar_sched *s) {
  ar_scope_cancel(&s->system, AR_SOURCE_SHUTDOWN);
}

static void interrupt(ar_sched *s) {
  if (s->main != NULL)
    ar_task_interrupt(s->main);
}

const ar_policy ar_policy_trio = {
    .name = "trio",
    .order = order,
    .deliver = deliver,
    .failed = failed,
    .main_done = main_done,
    .interrupt = interrupt,
    .asks_clock = true,
    .drains = true,
    .interrupts_code = true,
    .mixes_events = true,
    .shifts_clock = true,
};
