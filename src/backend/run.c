/*
 * A whole run.
 */

#include "backend/run.h"

#include "base/rand.h"

/* Where trio's clocks start, in seconds: far enough from zero and from each
 * other that nobody takes two of them for one. */
#define SHIFT_LEAST 10000.0
#define SHIFT_MOST 200000.0

/* Passes in which callbacks may ask for more when no task is left. */
#define LAST_PASSES 10

ar_err ar_run_open(ar_run *r, const ar_backend *backend, bool fast,
                   ar_clock *clock) {
  const ar_policy *policy = fast ? backend->fast : backend->policy;
  ar_rand rand;
  ar_time offset = 0;
  ar_err err;
  r->opened = false;
  r->winding = false;
  r->sealed = false;
  r->stop = false;
  r->door = NULL;
  r->last_passes = LAST_PASSES;
  r->backend = backend;
  err = ar_loop_new(&r->loop);
  if (err != 0)
    return err;
  ar_rand_seed(&rand, ar_rand_entropy());
  if (policy->shifts_clock)
    offset = ar_time_of_seconds(SHIFT_LEAST + ar_rand_double(&rand) *
                                                  (SHIFT_MOST - SHIFT_LEAST));
  ar_clock_init_system(&r->clock, offset);
  ar_sched_init(&r->sched, policy, r->loop, clock != NULL ? clock : &r->clock);
  r->sched.rand = rand;
  r->sched.poll_every = fast ? backend->fast_poll_every : backend->poll_every;
  r->sched.until_poll = r->sched.poll_every;
  r->opened = true;
  return 0;
}

void ar_run_main(ar_run *r, ar_task *main) {
  r->sched.main = main;
  r->winding = false;
  r->stop = false;
}

static void seal(ar_run *r) {
  r->sealed = true;
  if (r->door != NULL)
    ar_door_seal(r->door);
}

/* No task is left. Callbacks may still ask for callbacks, but not for ever:
 * when none is left, or after a few passes, nobody is let in any more. Who was
 * let in before is ready then, or done. */
static bool is_drained(ar_run *r) {
  if (!r->sealed) {
    if (ar_sched_runnable(&r->sched) != 0 && r->last_passes > 0) {
      r->last_passes--;
      return false;
    }
    seal(r);
  }
  return ar_sched_runnable(&r->sched) == 0;
}

static bool is_over(void *arg) {
  ar_run *r = arg;
  if (r->winding)
    return ar_list_is_empty(&r->sched.living) &&
           (!r->sched.policy->drains || is_drained(r));
  return r->stop || r->sched.main->state == AR_TASK_DONE;
}

ar_run_end ar_run_drive(ar_run *r) {
  ar_run_end end = ar_sched_run(&r->sched, is_over, r);
  /* Whoever made main may drop it now, as long before the run is closed as
   * they like. */
  if (end == AR_RUN_DONE && !r->winding && r->sched.main->state == AR_TASK_DONE)
    r->sched.main = NULL;
  return end;
}

void ar_run_stop(ar_run *r) {
  r->stop = true;
  r->sched.hurry = true;
}

void ar_run_wind_down(ar_run *r) {
  r->winding = true;
  r->sched.policy->main_done(&r->sched);
}

unsigned ar_run_close(ar_run *r) {
  unsigned left;
  if (!r->opened)
    return 0;
  r->opened = false;
  ar_sched_close(&r->sched);
  left = ar_loop_free(r->loop);
  r->loop = NULL;
  return left;
}
