/*
 * The scheduler of one run: the ready queue and the loop around it.
 *
 * Order of calls: ar_sched_init; spawn the main task; ar_sched_run until it
 * answers; ar_sched_close.
 *
 * A pass of the loop, in this order: expire deadlines; take a look at the
 * events of the loop (where the policy wants one, and there can be any);
 * wait for them when nobody is ready; close the batch; step each task in it.
 * What becomes ready during a batch waits for the next: events are never
 * starved by tasks that wake each other.
 *
 * Tasks are stepped here and nowhere else.
 */

#ifndef ar_sched_h
#define ar_sched_h

#include "base/heap.h"
#include "base/list.h"
#include "base/rand.h"
#include "loop/clock.h"
#include "loop/loop.h"
#include "sched/instrument.h"
#include "sched/policy.h"
#include "sched/task.h"

typedef struct ar_sched ar_sched;
typedef struct ar_idler ar_idler;

/* How ar_sched_run ended. */
typedef enum {
  AR_RUN_DONE,  /* `until` said so */
  AR_RUN_STUCK, /* nothing can ever wake a task */
  AR_RUN_SIGNAL /* `attention` was set: see to it, then call again */
} ar_run_end;

/* Somebody who waits until every task is blocked for `cushion`. */
struct ar_idler {
  ar_link link;
  ar_time cushion;
  void (*idle)(ar_idler *idler);
};

struct ar_sched {
  ar_list ready;    /* jobs, in the order they became ready */
  ar_list batch;    /* jobs of the current batch not yet stepped */
  ar_task *current; /* borrowed; NULL between steps and in callbacks */
  const ar_policy *policy;
  ar_loop *loop;   /* borrowed (closed by the run, later) */
  ar_clock *clock; /* borrowed */
  ar_heap deadlines;
  ar_scope root;   /* above every scope of the run */
  ar_scope system; /* below root: of tasks that no group owns */
  ar_task *main;   /* borrowed (kept by the run's caller); NULL before it
                    * was spawned and once the run has seen that it is done */
  ar_list living;  /* tasks that are not DONE, oldest first */
  ar_list idlers;  /* ar_idler, shortest cushion first */
  ar_instruments *instruments; /* borrowed; NULL mostly */
  ar_rand rand;
  ar_rand *seeded; /* batches are sorted and shuffled: NULL mostly */
  uint64_t next_id;
  uint64_t turns; /* passes so far */
  ar_time seen;   /* the time, as last read */
  ar_time firing; /* deadlines up to here are being fired; AR_TIME_MIN: none */
  size_t n_living;
  size_t n_patient;    /* parked tasks that wait on purpose */
  size_t n_outside;    /* things outside the loop that may still wake a task */
  unsigned poll_every; /* passes between two looks at the loop */
  unsigned until_poll; /* passes left */
  bool courtesy;       /* who gave way has only to go on: the pass that
                        * follows may do without its look */
  bool spared;         /* the last one did */
  bool hurry; /* ask `until` after this step, rather than after the batch */
  /* Set by the signal handler, through interrupt.c. */
  const volatile int *attention;
};

void ar_sched_init(ar_sched *s, const ar_policy *policy, ar_loop *loop,
                   ar_clock *clock);

/* Every task must be DONE. */
void ar_sched_close(ar_sched *s);

/* Put a job at the end of the ready queue. */
void ar_sched_queue(ar_sched *s, ar_job *job);

/* Run passes until until(arg) is true after a batch, or where `hurry` was set
 * after a step; what is left of the batch then comes first in the next call. */
ar_run_end ar_sched_run(ar_sched *s, bool (*until)(void *arg), void *arg);

/* The run's time, read anew. */
static inline ar_time ar_sched_now(ar_sched *s) {
  s->seen = ar_clock_now(s->clock);
  return s->seen;
}

/* Wait until all are blocked. */
void ar_sched_add_idler(ar_sched *s, ar_idler *idler);

/* The running task gives way though what it wanted is done: one pass may then
 * do without a look at the loop, never two in succession. */
static inline void ar_sched_be_courteous(ar_sched *s) {
  s->courtesy = true;
}

/* Number of jobs that are ready now. O(n). */
size_t ar_sched_runnable(const ar_sched *s);

#endif
