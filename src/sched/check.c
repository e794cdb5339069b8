/*
 * Debug: walk tasks, scopes and groups, and assert every invariant.
 *
 * Runs between two batches, when no step is on the C stack. It starts from
 * what the scheduler keeps (living tasks, root scope, queue, heap) and asks
 * of everything it meets that both ends of each link agree; counts are then
 * compared, so that nothing can be missing on one side unnoticed.
 *
 * A pass costs O(alive). With very much alive only every 64th turn is
 * checked, since programs that spawn 100,000 tasks must stay usable here.
 */

#include "sched/check.h"

#ifdef AR_DEBUG

#include "sched/group.h"
#include "sched/sched.h"
#include "sched/task.h"

enum {
  MANY = 2000,  /* tasks, scopes or jobs: from here on not in each turn */
  SELDOM = 64,  /* but in one of so many */
  NO_LIMIT = -1 /* for `left` below */
};

/* What the walks count, to be compared at the end. */
typedef struct {
  const ar_sched *s;
  size_t living;  /* tasks met in s->living */
  size_t patient; /* of these */
  size_t queued;  /* of these: should stand in the queue */
  size_t placed;  /* tasks met in scopes */
  long left;      /* scopes that may still be met; NO_LIMIT in full checks */
} census;

/* ---- tasks --------------------------------------------------------------- */

/* Where it stands must fit its state. */
static void check_state(census *n, const ar_task *t) {
  bool linked = ar_link_is_linked(&t->job.ready);
  AR_ASSERT(t->state != AR_TASK_RUNNING); /* no step is on the stack now */
  AR_ASSERT(t->state != AR_TASK_DONE);    /* or it would be in no list */
  AR_ASSERT(linked == (t->state != AR_TASK_PARKED));
  AR_ASSERT(t->kit != NULL || t->state == AR_TASK_NEW);
  if (t->state == AR_TASK_PARKED) {
    AR_ASSERT(t->kit->wait.kind != NULL);
    return;
  }
  AR_ASSERT(t->abort == NULL);
  AR_ASSERT(t->kit == NULL || !ar_deadline_is_set(&t->kit->due));
  AR_ASSERT(!t->patient);
  n->queued++;
}

/* From its innermost scope upwards there are only scopes of its own, down to
 * the one in its kit. */
static void check_scopes_of(const ar_task *t) {
  const ar_scope *s = t->scope;
  AR_ASSERT(t->scope != NULL && ar_link_is_linked(&t->in_scope));
  if (t->kit == NULL) {
    AR_ASSERT(s->host != t);
    return;
  }
  AR_ASSERT(t->kit->task == t);
  AR_ASSERT(t->kit->own.entered && t->kit->own.host == t);
  for (; s != &t->kit->own; s = s->parent) {
    AR_ASSERT(s != NULL && s->host == t);
    AR_ASSERT(s->entered);
  }
}

/* A cancellation that is pending was offered to the wait, if it can end. */
static void check_was_asked(const ar_task *t) {
  ar_cause pending;
  if (t->state != AR_TASK_PARKED || t->abort == NULL)
    return;
  pending = t->sched->policy->deliver(t, AR_MOMENT_PARKED);
  AR_ASSERT(pending == AR_CAUSE_NONE || ((t->asked | t->deaf) & pending) != 0);
}

/* Seen from its first child, so once in a pass. */
static void check_group(const ar_group *g) {
  const ar_link *link;
  size_t children = 0;
  for (link = ar_list_first(&g->children); link != NULL;
       link = ar_list_next(&g->children, link)) {
    AR_ASSERT(ar_container_of(link, ar_task, in_group)->group == g);
    children++;
  }
  AR_ASSERT(g->n_children == children);
  AR_ASSERT(g->state != AR_GROUP_NEW);
  AR_ASSERT(g->host != NULL || g->state == AR_GROUP_CLOSED); /* it was lost */
  AR_ASSERT(!g->waiting || g->state == AR_GROUP_JOINING);
  AR_ASSERT(!g->waiting || g->host->state != AR_TASK_DONE);
}

static void check_membership(const ar_task *t) {
  const ar_group *g = t->group;
  const ar_scope *above = t->kit != NULL ? t->kit->own.parent : t->scope;
  AR_ASSERT((g != NULL) == ar_link_is_linked(&t->in_group));
  if (g == NULL)
    return;
  /* A host that died left the scope, and its children with it moved up. */
  AR_ASSERT(!g->scope.entered || above == &g->scope);
  if (ar_list_first(&g->children) == &t->in_group)
    check_group(g);
}

static void check_tasks(census *n) {
  const ar_link *link;
  for (link = ar_list_first(&n->s->living); link != NULL;
       link = ar_list_next(&n->s->living, link)) {
    const ar_task *t = ar_container_of(link, ar_task, in_living);
    AR_ASSERT(t->sched == n->s);
    AR_ASSERT(t->job.id != 0 && t->job.id < n->s->next_id);
    AR_ASSERT(t->job.step != NULL);
    AR_ASSERT(t->woken <= 0);
    n->living++;
    n->patient += t->patient;
    check_state(n, t);
    check_scopes_of(t);
    check_was_asked(t);
    check_membership(t);
  }
}

/* ---- scopes -------------------------------------------------------------- */

static void check_tasks_in(census *n, const ar_scope *s) {
  const ar_link *link;
  for (link = ar_list_first(&s->tasks); link != NULL;
       link = ar_list_next(&s->tasks, link)) {
    const ar_task *t = ar_container_of(link, ar_task, in_scope);
    AR_ASSERT(t->scope == s);
    AR_ASSERT(t->state != AR_TASK_DONE);
    n->placed++;
  }
}

static void check_deadline_of(const ar_sched *s, const ar_scope *scope) {
  bool waits = scope->deadline != AR_TIME_MAX && !scope->cancelled;
  AR_ASSERT(ar_deadline_is_set(&scope->due) == waits);
  /* Later than it says, if it was past when it was set: see deadline.h. */
  AR_ASSERT(!waits ||
            ar_heap_key(&s->deadlines, &scope->due.node) >= scope->deadline);
}

static void check_scope(census *n, const ar_scope *s) {
  const ar_scope *up = s->parent;
  AR_ASSERT(s->entered && s->sched == n->s);
  AR_ASSERT((up == NULL) == (s == &n->s->root));
  AR_ASSERT(s->effective ==
            (s->cancelled || (!s->shield && up != NULL && up->effective)));
  AR_ASSERT(s->cancelled == (s->source != AR_SOURCE_NONE));
  AR_ASSERT(s->cancelled || !s->caught);
  if (s->host == NULL)
    AR_ASSERT(s == &n->s->root || s == &n->s->system);
  else
    AR_ASSERT(s->host->sched == n->s && s->host->state != AR_TASK_DONE);
  check_deadline_of(n->s, s);
  check_tasks_in(n, s);
}

/* The scope after s in a walk over the tree; each child that is met must
 * know whose child it is. */
static const ar_scope *walk_next(const ar_scope *root, const ar_scope *s) {
  const ar_link *link = ar_list_first(&s->children);
  const ar_scope *up = s;
  while (link == NULL) {
    if (s == root)
      return NULL;
    up = s->parent;
    link = ar_list_next(&up->children, &s->in_parent);
    s = up;
  }
  s = ar_container_of(link, ar_scope, in_parent);
  AR_ASSERT(s->parent == up);
  return s;
}

/* False when there were too many for this turn. */
static bool check_scopes(census *n) {
  const ar_scope *s = &n->s->root;
  AR_ASSERT(n->s->system.parent == s);
  for (; s != NULL; s = walk_next(&n->s->root, s)) {
    if (n->left != NO_LIMIT && n->left-- == 0)
      return false;
    check_scope(n, s);
  }
  return true;
}

/* ---- queue, deadlines, idlers -------------------------------------------- */

/* As much of a heap as can be said without knowing how wide it is: heap.c's
 * own tests say the rest. */
static void check_deadlines(const ar_heap *h) {
  AR_ASSERT(h->size <= h->capacity);
  for (size_t i = 0; i < h->size; i++) {
    const ar_heap_entry *e = &h->entries[i];
    AR_ASSERT(e->node->pos == i + 1);
    AR_ASSERT(e->key >= h->entries[0].key && e->key != AR_TIME_MAX);
    AR_ASSERT(e->seq < h->next_seq);
    AR_ASSERT(ar_container_of(e->node, ar_deadline, node)->fire != NULL);
  }
}

static void check_idlers(const ar_sched *s) {
  const ar_link *link;
  ar_time last = AR_TIME_MIN;
  for (link = ar_list_first(&s->idlers); link != NULL;
       link = ar_list_next(&s->idlers, link)) {
    const ar_idler *idler = ar_container_of(link, ar_idler, link);
    AR_ASSERT(idler->cushion >= last && idler->idle != NULL);
    last = idler->cushion;
  }
}

static void check_counts(const census *n, bool all_scopes) {
  AR_ASSERT(n->living == n->s->n_living);
  AR_ASSERT(n->patient == n->s->n_patient);
  /* The rest of the queue is callbacks. */
  AR_ASSERT(n->queued <= ar_sched_runnable(n->s));
  AR_ASSERT(!all_scopes || n->placed == n->living);
}

void ar_check_all(const ar_sched *s) {
  bool full = s->turns % SELDOM == 0;
  census n = {.s = s, .left = full ? NO_LIMIT : MANY};
  if (!full && (s->n_living > MANY || ar_heap_size(&s->deadlines) > MANY))
    return;
  AR_ASSERT(s->until_poll <= s->poll_every);
  check_tasks(&n);
  check_counts(&n, check_scopes(&n));
  check_deadlines(&s->deadlines);
  check_idlers(s);
}

#else

/* An empty file is none in C. */
typedef int ar_check_nothing;

#endif
