/*
 * The scheduler of one run.
 */

#include "sched/sched.h"

#include "sched/check.h"

void ar_sched_init(ar_sched *s, const ar_policy *policy, ar_loop *loop,
                   ar_clock *clock) {
  ar_list_init(&s->ready);
  ar_list_init(&s->batch);
  s->current = NULL;
  s->policy = policy;
  s->loop = loop;
  s->clock = clock;
  ar_heap_init(&s->deadlines);
  ar_scope_root(&s->root, s);
  ar_scope_root(&s->system, s);
  ar_scope_move(&s->system, &s->root);
  s->main = NULL;
  ar_list_init(&s->living);
  ar_list_init(&s->idlers);
  s->instruments = NULL;
  s->seeded = NULL;
  s->next_id = 1;
  s->turns = 0;
  s->seen = 0;
  s->firing = AR_TIME_MIN;
  s->n_living = 0;
  s->n_patient = 0;
  s->n_outside = 0;
  s->poll_every = 1;
  s->until_poll = 1;
  s->courtesy = false;
  s->spared = false;
  s->hurry = false;
  s->attention = NULL;
}

void ar_sched_close(ar_sched *s) {
  AR_ASSERT(ar_list_is_empty(&s->living));
  ar_heap_close(&s->deadlines);
}

void ar_sched_queue(ar_sched *s, ar_job *job) {
  ar_list_push(&s->ready, &job->ready);
}

size_t ar_sched_runnable(const ar_sched *s) {
  return ar_list_length(&s->ready) + ar_list_length(&s->batch);
}

void ar_sched_add_idler(ar_sched *s, ar_idler *idler) {
  ar_link *at = ar_list_last(&s->idlers);
  while (at != NULL &&
         ar_container_of(at, ar_idler, link)->cushion > idler->cushion)
    at = ar_list_prev(&s->idlers, at);
  ar_link_insert_after(at != NULL ? at : &s->idlers.head, &idler->link);
}

/* Everybody who waits for the same, shortest, cushion hears of it at once;
 * the others' time starts anew, since what these do is activity. */
static void tell_idlers(ar_sched *s) {
  ar_link *link = ar_list_first(&s->idlers);
  ar_time cushion = ar_container_of(link, ar_idler, link)->cushion;
  while (link != NULL) {
    ar_idler *idler = ar_container_of(link, ar_idler, link);
    if (idler->cushion != cushion)
      break;
    ar_list_remove(link);
    idler->idle(idler); /* idler may be gone */
    link = ar_list_first(&s->idlers);
  }
}

static bool wants_attention(const ar_sched *s) {
  return s->attention != NULL && *s->attention != 0;
}

/* True when nothing happened in all that time. */
static bool wait_for_events(ar_sched *s, ar_time timeout) {
  bool quiet;
  AR_INSTRUMENT(s, before_io_wait, NULL, timeout);
  quiet = ar_loop_wait(s->loop, timeout);
  s->until_poll = s->poll_every;
  s->courtesy = false;
  s->spared = false;
  AR_INSTRUMENT(s, after_io_wait, NULL, timeout);
  return quiet;
}

static void expire(ar_sched *s) {
  if (ar_heap_size(&s->deadlines) != 0 &&
      !ar_clock_is_far(s->clock, ar_heap_min_key(&s->deadlines)))
    ar_deadlines_expire(s, ar_sched_now(s));
}

/* Could anything still make a task ready? */
static bool has_hope(const ar_sched *s) {
  return ar_heap_size(&s->deadlines) != 0 || s->n_patient != 0 ||
         s->n_outside != 0 || ar_loop_is_alive(s->loop);
}

/* Nobody is ready: wait for whatever comes first. False: nothing can. */
static bool wait_idle(ar_sched *s) {
  ar_time due = ar_heap_min_key(&s->deadlines);
  ar_time timeout = AR_TIME_MAX;
  ar_time quiet = AR_TIME_MAX; /* until somebody hears that all are blocked */
  bool jumps = false;
  if (due != AR_TIME_MAX)
    timeout = s->clock->to_sleep(s->clock, due);
  if (!ar_list_is_empty(&s->idlers)) {
    ar_link *first = ar_list_first(&s->idlers);
    quiet = ar_container_of(first, ar_idler, link)->cushion;
  }
  if (s->clock->threshold != NULL && due != AR_TIME_MAX) {
    ar_time threshold = s->clock->threshold(s->clock);
    /* Who waits for all to be blocked comes before the clock that jumps
     * when they are. */
    jumps = threshold < quiet;
    if (jumps)
      quiet = threshold;
  }
  if (quiet >= timeout) {
    if (timeout == AR_TIME_MAX && !has_hope(s))
      return false;
    (void)wait_for_events(s, timeout);
    return true;
  }
  if (!wait_for_events(s, quiet))
    return true; /* the silence was broken */
  expire(s);     /* a real clock may have passed a deadline that was near */
  if (!ar_list_is_empty(&s->ready) || wants_attention(s))
    return true;
  if (jumps)
    s->clock->jump(s->clock, due);
  else
    tell_idlers(s);
  return true;
}

/* Whoever answers what an event brought gives way after that, and asks for the
 * next one in the pass that follows: to look in between, too, would be a call
 * of the system in vain for each event there was. Instruments see each pass. */
static bool spares_look(ar_sched *s) {
  s->spared = s->courtesy && !s->spared && s->instruments == NULL;
  s->courtesy = false;
  return s->spared;
}

static void poll_events(ar_sched *s) {
  if (s->until_poll > 1) {
    s->until_poll--;
    return;
  }
  if (!ar_loop_is_alive(s->loop) && s->instruments == NULL) {
    s->until_poll = s->poll_every;
    return;
  }
  if (spares_look(s))
    return;
  s->until_poll = s->poll_every;
  AR_INSTRUMENT(s, before_io_wait, NULL, 0);
  ar_loop_poll(s->loop);
  AR_INSTRUMENT(s, after_io_wait, NULL, 0);
}

static void step(ar_sched *s, ar_job *job) {
  job->step(job); /* job may be gone */
  s->current = NULL;
}

/* Is there a reason to ask before the batch is through, and is it over? */
static bool ends_early(ar_sched *s, bool (*until)(void *arg), void *arg) {
  if (AR_LIKELY(!s->hurry))
    return false;
  s->hurry = false;
  return until(arg);
}

ar_run_end ar_sched_run(ar_sched *s, bool (*until)(void *arg), void *arg) {
  for (;;) {
    ar_link *link;
    /* A batch that was left in the middle is finished first. */
    while ((link = ar_list_pop(&s->batch)) != NULL) {
      step(s, ar_container_of(link, ar_job, ready));
      if (AR_UNLIKELY(wants_attention(s)))
        return AR_RUN_SIGNAL;
      if (ends_early(s, until, arg))
        return AR_RUN_DONE;
    }
    AR_CHECK_ALL(s);
    if (until(arg))
      return AR_RUN_DONE;
    s->turns++;
    expire(s);
    if (ends_early(s, until, arg))
      return AR_RUN_DONE; /* before a long wait */
    if (!ar_list_is_empty(&s->ready)) {
      poll_events(s);
    } else {
      if (!wait_idle(s))
        return AR_RUN_STUCK;
      if (wants_attention(s))
        return AR_RUN_SIGNAL;
      expire(s);
    }
    ar_list_move_all(&s->batch, &s->ready);
    if (!ar_list_is_empty(&s->batch))
      s->policy->order(s, &s->batch);
  }
}
