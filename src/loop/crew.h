/*
 * Threads that each keep something of their own between jobs.
 *
 * Order of calls: ar_crew_new; ar_crew_run as often as wanted; ar_crew_dismiss
 * when the idle ones are not needed any more; ar_crew_close. A job goes to the
 * thread that became idle last; where none is idle one is started. A thread
 * that had nothing to do for `patience` ends by itself.
 *
 * A thread counts as idle before it tells of the end of its job: whoever hears
 * of it, and has the next one, finds that thread, and often still awake. A job
 * is the thread's until it has told.
 */

#ifndef ar_crew_h
#define ar_crew_h

#include "base/base.h"

typedef struct ar_crew ar_crew;
typedef struct ar_duty ar_duty;

struct ar_duty {
  const char *name; /* of the threads, as the system shows it */
  ar_time patience;
  ar_time pause; /* before `rest` is called */
  bool once;     /* a thread runs one job, and ends */
  /* In the thread. *own is NULL in the beginning. */
  void *(*run)(void **own, void *job);
  void (*tell)(void *job, void *result); /* of `run` */
  void (*rest)(void *own);               /* nothing to do for a while */
  void (*end)(void *own);                /* the thread ends; own may be NULL */
};

/* NULL: no memory. `duty` is a constant. */
AR_MUST_CHECK ar_crew *ar_crew_new(const ar_duty *duty);

/* Have a thread run the job. */
AR_MUST_CHECK ar_err ar_crew_run(ar_crew *crew, void *job);

/* The idle ones end. */
void ar_crew_dismiss(ar_crew *crew);

/* The idle ones end, and are waited for; of those at work each ends when it
 * is through, which nobody waits for unless `all`. */
void ar_crew_close(ar_crew *crew, bool all);

/* How many are at work, and how many idle. */
void ar_crew_count(ar_crew *crew, unsigned *busy, unsigned *idle);

#endif
