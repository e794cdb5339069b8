/*
 * A task.
 */

#include "sched/task.h"

#include "base/err.h"
#include "sched/group.h"
#include "sched/policy.h"
#include "sched/sched.h"

/* A sleep is over. */
static void on_due(ar_deadline *due) {
  ar_task_wake(ar_container_of(due, ar_kit, due)->task, 0);
}

void ar_task_init(ar_task *t, ar_sched *sched, void (*step)(ar_job *)) {
  ar_link_init(&t->job.ready);
  t->job.step = step;
  t->job.id = sched->next_id++;
  t->sched = sched;
  t->kit = NULL;
  t->state = AR_TASK_NEW;
  t->woken = 0;
  t->cause = AR_CAUSE_NONE;
  t->asked = 0;
  t->deaf = 0;
  t->system = false;
  t->patient = false;
  t->must_cancel = false;
  t->interrupted = false;
  t->doomed = false;
#ifdef AR_HARDYIELD
  t->slow = false;
#endif
  t->cancelling = 0;
  t->abort = NULL;
  t->scope = NULL;
  ar_link_init(&t->in_scope);
  ar_link_init(&t->in_living);
  t->group = NULL;
  ar_link_init(&t->in_group);
}

void ar_task_spawn(ar_task *t, ar_scope *scope) {
  ar_sched *s = t->sched;
  AR_ASSERT(t->state == AR_TASK_NEW);
  t->scope = scope;
  ar_list_push(&scope->tasks, &t->in_scope);
  ar_list_push(&s->living, &t->in_living);
  s->n_living++;
  ar_sched_queue(s, &t->job);
  AR_INSTRUMENT(s, task_spawned, t, 0);
  AR_INSTRUMENT(s, task_scheduled, t, 0);
}

void ar_task_equip(ar_task *t, ar_kit *kit) {
  AR_ASSERT(t->kit == NULL && t->state != AR_TASK_DONE);
  t->kit = kit;
  kit->task = t;
  ar_deadline_init(&kit->due, on_due);
  kit->wait.kind = NULL;
  kit->wait.object = NULL;
  kit->wait.since = 0;
  ar_scope_init(&kit->own);
  if (t->doomed) {
    kit->own.cancelled = true;
    kit->own.source = AR_SOURCE_UNKNOWN;
  }
  ar_scope_attach(&kit->own, t->scope, t);
  ar_scope_take(&kit->own, t);
}

void ar_task_doom(ar_task *t, ar_source source) {
  if (t->kit != NULL)
    ar_scope_cancel(&t->kit->own, source);
  else
    t->doomed = true;
}

ar_cause ar_task_begin(ar_task *t) {
  ar_moment moment =
      t->state == AR_TASK_NEW ? AR_MOMENT_FIRST : AR_MOMENT_WOKEN;
  AR_ASSERT(t->state == AR_TASK_NEW || t->state == AR_TASK_READY);
  t->sched->current = t;
  t->state = AR_TASK_RUNNING;
  if (AR_UNLIKELY(t->must_cancel) &&
      !(moment == AR_MOMENT_FIRST && t->must_begin)) {
    ar_cause cause = t->sched->policy->deliver(t, moment);
    if (cause == AR_CAUSE_NATIVE) {
      t->must_cancel = false;
      t->woken = AR_ECANCELED;
      t->cause = cause;
      return cause;
    }
  }
  return AR_CAUSE_NONE;
}

static void make_ready(ar_task *t) {
  t->state = AR_TASK_READY;
  ar_sched_queue(t->sched, &t->job);
  AR_INSTRUMENT(t->sched, task_scheduled, t, 0);
}

void ar_task_yield(ar_task *t) {
  AR_ASSERT(t->state == AR_TASK_RUNNING);
  t->woken = 0;
  t->cause = AR_CAUSE_NONE;
#ifdef AR_HARDYIELD
  t->slow = true;
#endif
  make_ready(t);
}

void ar_task_park(ar_task *t, const char *kind, const void *object,
                  ar_abort_fn *abort) {
  AR_ASSERT(t->state == AR_TASK_RUNNING);
  t->state = AR_TASK_PARKED;
  t->woken = 0;
  t->cause = AR_CAUSE_NONE;
  t->asked = 0;
  t->abort = abort;
  t->kit->wait.kind = kind;
  t->kit->wait.object = object;
  t->kit->wait.since = t->sched->seen;
  if (AR_UNLIKELY(t->scope->effective || t->must_cancel || t->interrupted))
    ar_task_deliver(t);
}

void ar_task_wake(ar_task *t, ar_err err) {
  AR_ASSERT(t->state == AR_TASK_PARKED);
  if (ar_deadline_is_set(&t->kit->due))
    ar_deadline_unset(t->sched, &t->kit->due);
  if (t->patient) {
    t->patient = false;
    t->sched->n_patient--;
  }
  t->woken = err;
  t->deaf = 0;
  t->abort = NULL;
  make_ready(t);
}

/* The delivery goes through: a native request is not pending any more; a
 * scope's state goes on; control-C is pending until it is raised. */
static void delivered(ar_task *t, ar_cause cause) {
  if (cause == AR_CAUSE_NATIVE)
    t->must_cancel = false;
  if (cause == AR_CAUSE_SCOPE && t->sched->policy->counts) {
    ar_scope *origin = ar_scope_cause(t->scope);
    AR_ASSERT(origin != NULL); /* it is effective, so somebody made it so */
    t->cancelling++;
    if (origin->host == t)
      origin->debt++;
  }
}

/* Offer one cancellation to the wait. An abort function of a script may do
 * anything, even cancel this very task, which must not come back in here:
 * without `abort` the wait is nobody's to undo meanwhile. */
static void offer(ar_task *t, ar_cause cause) {
  ar_abort_fn *abort = t->abort;
  ar_abort answer;
  t->asked |= (unsigned char)cause;
  t->cause = cause;
  delivered(t, cause);
  t->abort = NULL;
  answer = abort(t, cause);
  if (t->state != AR_TASK_PARKED)
    return; /* it has woken t by itself */
  if (answer == AR_ABORTED) {
    if (cause == AR_CAUSE_INTERRUPT)
      t->interrupted = false;
    ar_task_wake(t, AR_ECANCELED);
  } else {
    t->abort = abort;
  }
}

void ar_task_deliver(ar_task *t) {
  unsigned offered = 0;
  /* A wait that refuses one cause may still give way to the next: control-C
   * and a scope may both be pending when it begins. */
  while (t->state == AR_TASK_PARKED && t->abort != NULL) {
    ar_cause cause = t->sched->policy->deliver(t, AR_MOMENT_PARKED);
    if (cause == AR_CAUSE_NONE || (offered & cause) != 0)
      return;
    if ((t->deaf & cause) != 0)
      return;
    /* A native request is handed on each time it is made: the task that is
     * awaited may have swallowed the last one. */
    if ((t->asked & cause) != 0 && cause != AR_CAUSE_NATIVE)
      return;
    offered |= cause;
    offer(t, cause);
  }
}

ar_cause ar_task_pending(const ar_task *t) {
  if (!t->scope->effective && !t->must_cancel && !t->interrupted)
    return AR_CAUSE_NONE;
  return t->sched->policy->deliver(t, AR_MOMENT_PARKED);
}

bool ar_task_request_cancel(ar_task *t) {
  if (t->state == AR_TASK_DONE)
    return false;
  t->cancelling++;
  t->must_cancel = true;
  ar_task_deliver(t);
  return true;
}

unsigned ar_task_uncancel(ar_task *t) {
  if (t->cancelling > 0)
    t->cancelling--;
  if (t->cancelling == 0)
    t->must_cancel = false;
  return t->cancelling;
}

void ar_task_interrupt(ar_task *t) {
  if (t->state == AR_TASK_DONE)
    return;
  t->interrupted = true;
  ar_task_deliver(t);
}

void ar_task_finish(ar_task *t) {
  ar_sched *s = t->sched;
  ar_kit *kit = t->kit;
  AR_ASSERT(t->state == AR_TASK_RUNNING);
  t->state = AR_TASK_DONE;
  if (kit != NULL) {
    /* Scopes that a dead coroutine left open go with it. */
    while (t->scope != &kit->own) {
      ar_scope *open = t->scope;
      ar_scope_exit(open);
    }
    ar_list_remove(&t->in_scope);
    ar_scope_exit(&kit->own);
    kit->task = NULL;
    t->kit = NULL;
  } else {
    ar_list_remove(&t->in_scope);
  }
  t->doomed = false;
  t->scope = NULL;
  ar_list_remove(&t->in_living);
  s->n_living--;
  AR_INSTRUMENT(s, task_exited, t, 0);
}

void ar_task_move(ar_task *t, ar_group *group) {
  ar_list_remove(&t->in_group);
  t->group->n_children--;
  t->group = group;
  group->n_children++;
  ar_list_push(&group->children, &t->in_group);
  if (t->kit != NULL)
    ar_scope_move(&t->kit->own, &group->scope);
  else
    ar_scope_take(&group->scope, t);
}

const char *ar_task_state_name(ar_task_state state) {
  switch (state) {
    case AR_TASK_NEW: return "new";
    case AR_TASK_READY: return "ready";
    case AR_TASK_RUNNING: return "running";
    case AR_TASK_PARKED: return "parked";
    case AR_TASK_DONE: return "done";
  }
  return "unknown";
}
