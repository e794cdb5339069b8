/*
 * A task: something the scheduler steps, that can wait, be woken and be
 * cancelled.
 *
 *   state     what it means                 leaves it by
 *   NEW       queued for its first step     the scheduler -> RUNNING
 *   READY     queued for a further step     the scheduler -> RUNNING
 *   RUNNING   its step is on the C stack    ar_task_yield -> READY,
 *                                           ar_task_park -> PARKED or READY,
 *                                           ar_task_finish -> DONE
 *   PARKED    waits to be woken             ar_task_wake -> READY
 *   DONE      has ended, is in no list      -
 *
 * Order of calls: ar_task_init, ar_task_spawn; then the scheduler calls
 * `step`, which begins with ar_task_begin and ends with exactly one of
 * yield, park and finish. Before its first step it is given a kit.
 *
 * Whoever parks a task brings the function that undoes the wait: `abort`.
 * It is asked when a cancellation wants in, once for each cause in a wait,
 * and answers whether the wait was undone (the task is then woken with
 * AR_ECANCELED) or somebody will wake the task later. A task that was woken
 * is never cancelled in that step: it gets its result, and is hit at its
 * next wait. That rule is what keeps items, locks and results from being
 * lost. (asyncio's own edge cancellation breaks it on purpose: see policy.h.)
 *
 * Nothing here allocates, so nothing can fail.
 */

#ifndef ar_task_h
#define ar_task_h

#include "base/list.h"
#include "sched/deadline.h"
#include "sched/scope.h"

typedef struct ar_task ar_task;
typedef struct ar_job ar_job;
struct ar_sched;
struct ar_group;

/* Anything the ready queue can hold: a task or a plain callback. */
struct ar_job {
  ar_link ready; /* place in the ready queue or in the batch */
  void (*step)(ar_job *job);
  uint64_t id; /* creation number, unique in a run */
};

typedef enum {
  AR_TASK_NEW,
  AR_TASK_READY,
  AR_TASK_RUNNING,
  AR_TASK_PARKED,
  AR_TASK_DONE
} ar_task_state;

/* Why a wait is to end early. */
typedef enum {
  AR_CAUSE_NONE = 0,
  AR_CAUSE_SCOPE = 1,     /* a cancel scope around the task is cancelled */
  AR_CAUSE_NATIVE = 2,    /* the task itself was asked to cancel (asyncio) */
  AR_CAUSE_INTERRUPT = 4, /* control-C */
  AR_CAUSE_ABANDON = 8    /* the task is given up: it will never run again */
} ar_cause;

typedef enum {
  AR_ABORTED,    /* the wait is undone: wake the task with AR_ECANCELED */
  AR_ABORT_LATER /* somebody will wake it; the wait goes on until then */
} ar_abort;

/* Undo the wait of t, which is parked, because of `cause`. Must not step t,
 * nor wake it, but that a script can: then the answer does not count. Where
 * the task is given up nobody may keep a pointer to it, and the answer does
 * not count either. */
typedef ar_abort ar_abort_fn(ar_task *t, ar_cause cause);

/* What a parked task waits for: read by dumps, never by the scheduler. */
typedef struct {
  const char *kind;   /* a noun: "sleep", "lock"; static or anchored by L */
  const void *object; /* borrowed; identity only */
  ar_time since;      /* the run's time, as last read */
} ar_wait;

/* What a task needs from its first step on, or once it is to be cancelled by
 * itself: apart from it, so that 100,000 tasks which have not begun are
 * small, and those which have ended leave theirs to the next. */
typedef struct {
  ar_task *task;   /* borrowed: whose it is; NULL: nobody's */
  ar_deadline due; /* of a sleep */
  ar_scope own;    /* the task's own scope, below the one it was spawned in */
  ar_wait wait;
} ar_kit;

struct ar_task {
  ar_job job;             /* first: a task is a job */
  struct ar_sched *sched; /* borrowed (outlives the task) */
  ar_kit *kit;            /* borrowed until the end; NULL: it is NEW or DONE */
  ar_task_state state : 8;
  ar_cause cause : 8;   /* of the wait's end, if woken is AR_ECANCELED */
  unsigned char asked;  /* causes whose abort was asked in this wait */
  unsigned char deaf;   /* causes this wait does not hear: set before it */
  bool system : 1;      /* nobody's child; ends with the run (trio) */
  bool patient : 1;     /* waits on purpose: no deadlock while it does */
  bool must_cancel : 1; /* native request not yet delivered */
  bool must_begin : 1;  /* its first step is made also where it is cancelled
                         * before: somebody else waits for what it does */
  bool interrupted : 1; /* control-C not yet delivered */
  bool doomed : 1;      /* its own scope, which it has not yet, is to be
                            * cancelled */
#ifdef AR_HARDYIELD
  bool slow : 1; /* it yielded: its next turn goes to the others, too */
#endif
  ar_err woken;           /* how the last wait ended: 0 or an error */
  unsigned cancelling;    /* native requests, less those taken back */
  ar_abort_fn *abort;     /* of the current wait; NULL: cannot be undone */
  ar_scope *scope;        /* innermost scope; never NULL while not DONE */
  ar_link in_scope;       /* place in scope->tasks */
  ar_link in_living;      /* place in sched->living */
  struct ar_group *group; /* borrowed; NULL when no group owns it */
  ar_link in_group;       /* place in group->children */
};

/* Make it a task of `sched`, in no list yet. */
void ar_task_init(ar_task *t, struct ar_sched *sched,
                  void (*step)(ar_job *job));

/* Queue it for its first step, under `scope`. */
void ar_task_spawn(ar_task *t, ar_scope *scope);

/* Give it what it needs to run, once, before it does anything in its first
 * step: its own scope is then below the one it was spawned in. The kit is free
 * again after its end. */
void ar_task_equip(ar_task *t, ar_kit *kit);

/* Cancel its own scope, whether it has one yet or will get it. */
void ar_task_doom(ar_task *t, ar_source source);

/* Was its own scope cancelled? False once it has ended. */
static inline bool ar_task_is_doomed(const ar_task *t) {
  return t->kit != NULL ? t->kit->own.cancelled : t->doomed;
}

/* A step begins: RUNNING. Returns the cancellation that must be raised
 * instead of going on, AR_CAUSE_NONE mostly. */
ar_cause ar_task_begin(ar_task *t);

/* Let the others run, then go on. */
void ar_task_yield(ar_task *t);

/* Wait until somebody wakes it. Where a cancellation is pending the wait is
 * undone at once, and the task is READY when this returns. */
void ar_task_park(ar_task *t, const char *kind, const void *object,
                  ar_abort_fn *abort);

/* The wait is over: `err` is 0, or what its continuation is to raise. */
void ar_task_wake(ar_task *t, ar_err err);

/* Ask once more whether a cancellation wants in, now that something around
 * the task changed. Does nothing unless it is parked, nor while its abort
 * function runs. */
void ar_task_deliver(ar_task *t);

/* The cancellation the next wait would raise. */
ar_cause ar_task_pending(const ar_task *t);

/* asyncio's cancel(): false if the task is done. */
bool ar_task_request_cancel(ar_task *t);

/* Take one request back; returns how many are left. */
unsigned ar_task_uncancel(ar_task *t);

/* Control-C for this task. */
void ar_task_interrupt(ar_task *t);

/* The task ended: DONE, out of every list, without its kit. Its group hears
 * of it by ar_group_child_done, which the caller calls. */
void ar_task_finish(ar_task *t);

/* Move it (with its own scope and all below) to another group. */
void ar_task_move(ar_task *t, struct ar_group *group);

const char *ar_task_state_name(ar_task_state state);

#endif
