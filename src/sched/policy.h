/*
 * The contract of a backend: what asyncio and trio decide differently.
 *
 * A policy decides, the scheduler acts. Five functions and a few constants
 * are all that a backend is to the core; a further backend is a further
 * struct of these (and a row in backend/backend.c).
 */

#ifndef ar_policy_h
#define ar_policy_h

#include "base/list.h"
#include "sched/task.h"

typedef struct ar_policy ar_policy;
struct ar_sched;

/* When a task could be told of a cancellation. */
typedef enum {
  AR_MOMENT_FIRST,  /* before its first step */
  AR_MOMENT_WOKEN,  /* before a further step */
  AR_MOMENT_PARKED, /* while it waits */
  AR_MOMENT_END     /* it has returned */
} ar_moment;

/* What sort of error left a task. */
typedef enum {
  AR_FAILURE_ERROR,     /* an ordinary one */
  AR_FAILURE_CANCELLED, /* a cancellation */
  AR_FAILURE_EXIT       /* KeyboardInterrupt or SystemExit */
} ar_failure;

/* What becomes of the run then. */
typedef enum {
  AR_VERDICT_KEEP, /* the error stays with the task until somebody asks */
  AR_VERDICT_STOP, /* the run ends at once with this very error */
  AR_VERDICT_CRASH /* all is cancelled; the run ends with an internal error */
} ar_verdict;

struct ar_policy {
  const char *name;

  /* In what order does this batch run? */
  void (*order)(struct ar_sched *s, ar_list *batch);

  /* Does this task get a cancellation at this moment? */
  ar_cause (*deliver)(const ar_task *t, ar_moment moment);

  /* An error left a task: does the run go on? */
  ar_verdict (*failed)(const ar_task *t, ar_failure failure);

  /* Main is over: what becomes of the others? */
  void (*main_done)(struct ar_sched *s);

  /* Control-C arrived, while no code runs that it could be raised in. */
  void (*interrupt)(struct ar_sched *s);

  /* A delivery by a scope counts as a native request (cancelling()). */
  bool counts;
  /* Asking a scope whether it is cancelled looks at the clock. */
  bool asks_clock;
  /* The host's wait at the end of a group ends by a cancellation, which is
   * then raised when the children are done. */
  bool join_breaks;
  /* Control-C is raised where code runs, at once. */
  bool interrupts_code;
  /* The clock starts at a random offset. */
  bool shifts_clock;
  /* Callbacks that were accepted run, even when no task is left. */
  bool drains;
  /* Who waits for an event is woken in no order. */
  bool mixes_events;
  /* A timer's callback goes through the ready queue. */
  bool queues_timers;
};

#endif
