/*
 * The tree of cancel scopes.
 *
 * A scope covers the tasks in it and the scopes below it. Cancelling it is
 * a state: every wait inside raises from then on, until the scope is left.
 * A shielded scope does not see what is above it.
 *
 * `effective` is kept up to date for every scope in the tree, so that asking
 * "is this task cancelled?" is one load: it is cancelled || (!shield &&
 * parent->effective). Whoever changes one of the three calls update(), which
 * walks down the tree (without recursion: people nest thousands) and offers
 * the cancellation to each task it finds in a newly cancelled scope.
 *
 * Order of calls: ar_scope_init, [enter, exit]*; cancel, shield and deadline
 * at any time.
 */

#ifndef ar_scope_h
#define ar_scope_h

#include "base/list.h"
#include "sched/deadline.h"

typedef struct ar_scope ar_scope;
struct ar_task;
struct ar_sched;

/* Who cancelled it: for the text of the error. */
typedef enum {
  AR_SOURCE_NONE,
  AR_SOURCE_EXPLICIT,  /* cancel() */
  AR_SOURCE_DEADLINE,  /* its time came */
  AR_SOURCE_NURSERY,   /* an error in the group it belongs to */
  AR_SOURCE_SHUTDOWN,  /* the run ends */
  AR_SOURCE_INTERRUPT, /* control-C */
  AR_SOURCE_UNKNOWN
} ar_source;

/* What a walk over the tree looks at comes first, within 64 bytes: there may be
 * 100,000 of them. */
struct ar_scope {
  ar_scope *parent;  /* borrowed (left later); NULL: root, or not in */
  ar_link in_parent; /* place in parent->children */
  ar_list children;  /* scopes directly below */
  ar_list tasks;     /* tasks whose innermost scope this is */
  bool cancelled;    /* cancel was called; never taken back */
  bool shield;
  bool effective; /* see above */
  bool caught;    /* it swallowed its own cancellation */
  bool entered;
  ar_source source : 8;
  struct ar_task *host;   /* borrowed: who entered it; NULL while not in */
  struct ar_sched *sched; /* borrowed; NULL until first entered */
  ar_deadline due;        /* set while entered and not cancelled */
  ar_time deadline;       /* AR_TIME_MAX: none */
  const void *within;     /* coroutine it was entered in (host room's) */
  unsigned debt; /* native requests made for its cancellation (asyncio) */
  int told;      /* anchor of the error object that was made for it (host
                  * room's); 0: none was */
};

void ar_scope_init(ar_scope *s);

/* Make it the root of a tree, entered by nobody. */
void ar_scope_root(ar_scope *s, struct ar_sched *sched);

/* `host` goes into the scope; now is the run's time, asked for only when
 * the scope has a deadline. AR_ENOMEM: not entered. */
AR_MUST_CHECK ar_err ar_scope_enter(ar_scope *s, struct ar_task *host);

/* The same, where the time is known. */
AR_MUST_CHECK ar_err ar_scope_enter_at(ar_scope *s, struct ar_task *host,
                                       ar_time now);

/* As a child of `parent` without a host that walks through it: the scope
 * of a group's child, which lives and ends with its task. */
void ar_scope_attach(ar_scope *s, ar_scope *parent, struct ar_task *host);

/* It becomes the innermost scope of this task. */
void ar_scope_take(ar_scope *s, struct ar_task *t);

/* The host leaves. Tasks and scopes still below move up to the parent. */
void ar_scope_exit(ar_scope *s);

/* Hang it, with all below it, under another parent. */
void ar_scope_move(ar_scope *s, ar_scope *parent);

/* Cancel it; a second call changes nothing. Never fails, runs nothing. */
void ar_scope_cancel(ar_scope *s, ar_source source);

void ar_scope_set_shield(ar_scope *s, bool shield);

/* AR_ENOMEM: as before. Does not cancel by itself when `when` is past. */
AR_MUST_CHECK ar_err ar_scope_set_deadline(ar_scope *s, ar_time when);

/* Would it swallow a cancellation that leaves it now? Only the outermost
 * cancelled scope that is visible does. */
static inline bool ar_scope_catches(const ar_scope *s) {
  return s->cancelled &&
         (s->shield || s->parent == NULL || !s->parent->effective);
}

/* The cancelled scope that is responsible for an effective cancellation
 * here; NULL if there is none. */
ar_scope *ar_scope_cause(ar_scope *s);

/* Soonest deadline of the visible scopes; -AR_TIME_MAX when cancelled. */
ar_time ar_scope_effective_deadline(const ar_scope *s);

const char *ar_source_name(ar_source source);

#endif
