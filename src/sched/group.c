/*
 * The children of a task group.
 */

#include "sched/group.h"

#include "sched/sched.h"
#include "sched/task.h"

void ar_group_init(ar_group *g) {
  ar_scope_init(&g->scope);
  g->host = NULL;
  ar_list_init(&g->children);
  g->n_children = 0;
  g->n_starting = 0;
  g->state = AR_GROUP_NEW;
  g->waiting = false;
}

ar_err ar_group_open(ar_group *g, ar_task *host) {
  ar_err err;
  AR_ASSERT(g->state == AR_GROUP_NEW);
  err = ar_scope_enter(&g->scope, host);
  if (err != 0)
    return err;
  g->host = host;
  g->state = AR_GROUP_OPEN;
  return 0;
}

void ar_group_spawn(ar_group *g, ar_task *t) {
  AR_ASSERT(ar_group_is_active(g));
  t->group = g;
  ar_list_push(&g->children, &t->in_group);
  g->n_children++;
  ar_task_spawn(t, &g->scope);
}

static void wake_host(ar_group *g) {
  if (!g->waiting || !ar_group_is_empty(g))
    return;
  g->waiting = false;
  /* A host whose wait a cancellation has broken is READY already. */
  if (g->host->state == AR_TASK_PARKED)
    ar_task_wake(g->host, 0);
}

void ar_group_child_done(ar_group *g, ar_task *t) {
  AR_ASSERT(t->group == g);
  ar_list_remove(&t->in_group);
  g->n_children--;
  t->group = NULL;
  wake_host(g);
}

void ar_group_left(ar_group *g) {
  wake_host(g);
}

void ar_group_starting(ar_group *g, int by) {
  AR_ASSERT(by > 0 || g->n_starting > 0);
  if (by > 0)
    g->n_starting++;
  else
    g->n_starting--;
  wake_host(g);
}

void ar_group_join(ar_group *g) {
  AR_ASSERT(g->state == AR_GROUP_OPEN);
  g->state = AR_GROUP_JOINING;
}

void ar_group_close(ar_group *g) {
  AR_ASSERT(g->state == AR_GROUP_JOINING && ar_group_is_empty(g));
  g->state = AR_GROUP_CLOSED;
  ar_scope_exit(&g->scope);
}
