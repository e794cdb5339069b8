/*
 * The children of a task group, and when it may close.
 *
 *   state    what it means                       leaves it by
 *   NEW      made, not entered                   ar_group_open -> OPEN
 *   OPEN     its body runs                       ar_group_join -> JOINING
 *   JOINING  the host waits for the children     ar_group_close -> CLOSED
 *   CLOSED   nothing can be spawned any more     -
 *
 * Errors are not kept here: whoever gives the group its children (the host
 * room) collects them, and says what is to be cancelled.
 */

#ifndef ar_group_h
#define ar_group_h

#include "base/list.h"
#include "sched/scope.h"

typedef struct ar_group ar_group;
struct ar_task;

typedef enum {
  AR_GROUP_NEW,
  AR_GROUP_OPEN,
  AR_GROUP_JOINING,
  AR_GROUP_CLOSED
} ar_group_state;

struct ar_group {
  ar_scope scope;       /* around the body and every child */
  struct ar_task *host; /* borrowed; NULL before it is opened */
  ar_list children;     /* tasks, oldest first */
  size_t n_children;    /* length of `children` */
  size_t n_starting;    /* start() calls under way, which keep it open */
  ar_group_state state;
  bool waiting; /* the host is parked in the join */
};

void ar_group_init(ar_group *g);

/* `host` enters the group's scope. AR_ENOMEM: not opened. */
AR_MUST_CHECK ar_err ar_group_open(ar_group *g, struct ar_task *host);

static inline bool ar_group_is_active(const ar_group *g) {
  return g->state == AR_GROUP_OPEN || g->state == AR_GROUP_JOINING;
}

/* Is there nobody left to wait for? */
static inline bool ar_group_is_empty(const ar_group *g) {
  return g->n_children == 0 && g->n_starting == 0;
}

/* A new task becomes its child and is queued. */
void ar_group_spawn(ar_group *g, struct ar_task *t);

/* The child has finished (it is DONE): wakes the host if it was the last. */
void ar_group_child_done(ar_group *g, struct ar_task *t);

/* A child was moved out of it (ar_task_move): as if it had finished. */
void ar_group_left(ar_group *g);

/* A start() begins or ends. */
void ar_group_starting(ar_group *g, int by);

/* The body is over. */
void ar_group_join(ar_group *g);

/* The host leaves the scope; nothing may be left. */
void ar_group_close(ar_group *g);

#endif
