/*
 * The tree of cancel scopes.
 */

#include "sched/scope.h"

#include "sched/policy.h"
#include "sched/sched.h"
#include "sched/task.h"

static void on_due(ar_deadline *due) {
  ar_scope *s = ar_container_of(due, ar_scope, due);
  ar_scope_cancel(s, AR_SOURCE_DEADLINE);
}

void ar_scope_init(ar_scope *s) {
  s->parent = NULL;
  ar_link_init(&s->in_parent);
  ar_list_init(&s->children);
  ar_list_init(&s->tasks);
  s->host = NULL;
  s->sched = NULL;
  ar_deadline_init(&s->due, on_due);
  s->deadline = AR_TIME_MAX;
  s->within = NULL;
  s->debt = 0;
  s->told = 0;
  s->source = AR_SOURCE_NONE;
  s->cancelled = false;
  s->caught = false;
  s->shield = false;
  s->effective = false;
  s->entered = false;
}

void ar_scope_root(ar_scope *s, ar_sched *sched) {
  ar_scope_init(s);
  s->sched = sched;
  s->entered = true;
}

/* What `effective` ought to be. */
static bool is_effective(const ar_scope *s) {
  return s->cancelled ||
         (!s->shield && s->parent != NULL && s->parent->effective);
}

/* The scope after `s` in a walk over everything below `top`, the children
 * of `s` left out when `skip`; NULL at the end. */
static ar_scope *walk_next(const ar_scope *top, ar_scope *s, bool skip) {
  ar_link *link = skip ? NULL : ar_list_first(&s->children);
  while (link == NULL) {
    if (s == top)
      return NULL;
    link = ar_list_next(&s->parent->children, &s->in_parent);
    s = s->parent;
  }
  return ar_container_of(link, ar_scope, in_parent);
}

static void deliver_to_tasks(ar_scope *s) {
  ar_link *link = ar_list_first(&s->tasks);
  while (link != NULL) {
    ar_task *t = ar_container_of(link, ar_task, in_scope);
    /* An abort function of a script may do anything but step tasks: a task
     * stays in its scope until it runs, so `link` stays in the list. */
    ar_task_deliver(t);
    link = ar_list_next(&s->tasks, link);
  }
}

/* Bring `effective` of s and of all below up to date, then offer the
 * cancellation to the tasks that came under it. Two walks: a task's abort
 * must see a tree that is right everywhere. */
static void update(ar_scope *top) {
  ar_scope *s;
  bool now = is_effective(top);
  if (now == top->effective)
    return;
  top->effective = now;
  for (s = walk_next(top, top, false); s != NULL;) {
    bool is = is_effective(s);
    bool same = is == s->effective;
    s->effective = is;
    s = walk_next(top, s, same);
  }
  if (!now)
    return;
  for (s = top; s != NULL; s = walk_next(top, s, !s->effective))
    if (s->effective)
      deliver_to_tasks(s);
}

void ar_scope_take(ar_scope *s, ar_task *t) {
  ar_list_remove(&t->in_scope);
  ar_list_push(&s->tasks, &t->in_scope);
  t->scope = s;
}

ar_err ar_scope_enter(ar_scope *s, ar_task *host) {
  bool asks = s->deadline != AR_TIME_MAX && !s->cancelled;
  return ar_scope_enter_at(s, host, asks ? ar_sched_now(host->sched) : 0);
}

ar_err ar_scope_enter_at(ar_scope *s, ar_task *host, ar_time now) {
  AR_ASSERT(!s->entered);
  s->sched = host->sched;
  if (s->deadline != AR_TIME_MAX && !s->cancelled) {
    if (s->deadline <= now) {
      s->cancelled = true;
      s->source = AR_SOURCE_DEADLINE;
    } else {
      ar_err err = ar_deadline_set(s->sched, &s->due, s->deadline);
      if (err != 0)
        return err;
    }
  }
  ar_scope_attach(s, host->scope, host);
  ar_scope_take(s, host);
  return 0;
}

void ar_scope_attach(ar_scope *s, ar_scope *parent, ar_task *host) {
  s->sched = host->sched;
  s->host = host;
  s->parent = parent;
  s->entered = true;
  ar_list_push(&parent->children, &s->in_parent);
  s->effective = is_effective(s);
}

void ar_scope_exit(ar_scope *s) {
  ar_link *link;
  ar_scope *parent = s->parent;
  AR_ASSERT(s->entered && parent != NULL);
  ar_deadline_unset(s->sched, &s->due);
  ar_list_remove(&s->in_parent);
  while ((link = ar_list_pop(&s->children)) != NULL) {
    ar_scope *child = ar_container_of(link, ar_scope, in_parent);
    child->parent = parent;
    ar_list_push(&parent->children, link);
    update(child);
  }
  while ((link = ar_list_first(&s->tasks)) != NULL)
    ar_scope_take(parent, ar_container_of(link, ar_task, in_scope));
  s->entered = false;
  s->host = NULL;
  s->parent = NULL; /* may be gone before s is */
}

void ar_scope_move(ar_scope *s, ar_scope *parent) {
  ar_list_remove(&s->in_parent);
  s->parent = parent;
  ar_list_push(&parent->children, &s->in_parent);
  update(s);
}

void ar_scope_cancel(ar_scope *s, ar_source source) {
  if (s->cancelled)
    return;
  s->cancelled = true;
  s->source = source;
  if (!s->entered)
    return;
  ar_deadline_unset(s->sched, &s->due);
  update(s);
}

void ar_scope_set_shield(ar_scope *s, bool shield) {
  if (s->shield == shield)
    return;
  s->shield = shield;
  if (s->entered)
    update(s);
}

ar_err ar_scope_set_deadline(ar_scope *s, ar_time when) {
  if (s->entered && !s->cancelled) {
    ar_err err = ar_deadline_set(s->sched, &s->due, when);
    if (err != 0)
      return err;
  }
  s->deadline = when;
  return 0;
}

ar_scope *ar_scope_cause(ar_scope *s) {
  while (s != NULL && s->effective && !s->cancelled)
    s = s->parent;
  return s != NULL && s->cancelled ? s : NULL;
}

ar_time ar_scope_effective_deadline(const ar_scope *s) {
  ar_time soonest = AR_TIME_MAX;
  if (s->effective)
    return -AR_TIME_MAX;
  for (; s != NULL; s = s->shield ? NULL : s->parent)
    if (s->deadline < soonest)
      soonest = s->deadline;
  return soonest;
}

const char *ar_source_name(ar_source source) {
  switch (source) {
    case AR_SOURCE_EXPLICIT: return "explicit";
    case AR_SOURCE_DEADLINE: return "deadline";
    case AR_SOURCE_NURSERY: return "nursery";
    case AR_SOURCE_SHUTDOWN: return "shutdown";
    case AR_SOURCE_INTERRUPT: return "KeyboardInterrupt";
    case AR_SOURCE_NONE:
    case AR_SOURCE_UNKNOWN: break;
  }
  return "unknown";
}
