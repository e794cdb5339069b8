/*
 * A whole run: loop, clock and scheduler, under one backend.
 *
 * Order of calls: ar_run_open; spawn the main task and name it with
 * ar_run_main; ar_run_drive until it answers AR_RUN_DONE; the same for a
 * further main, if wanted; ar_run_wind_down, ar_run_drive again; ar_run_close.
 * A half-opened run can be closed.
 */

#ifndef ar_run_h
#define ar_run_h

#include "backend/backend.h"
#include "loop/door.h"
#include "sched/sched.h"

typedef struct ar_run ar_run;

struct ar_run {
  const ar_backend *backend;
  ar_loop *loop; /* owned */
  ar_clock clock;
  ar_sched sched;
  ar_door *door; /* borrowed: where other threads come in; NULL: none made */
  bool opened;
  bool winding;         /* main is over; the others are being ended */
  bool sealed;          /* nothing is let in any more; what was is still done */
  unsigned last_passes; /* before it is sealed though callbacks are ready */
  bool stop;            /* end at once, whatever main does: see ar_run_stop */
};

/* `clock` NULL: the system's. `fast`: the backend's amortising loop. */
AR_MUST_CHECK ar_err ar_run_open(ar_run *r, const ar_backend *backend,
                                 bool fast, ar_clock *clock);

/* This task, just spawned, is the main one. */
void ar_run_main(ar_run *r, ar_task *main);

/* Until main is done, or the run was stopped; when winding down, until no
 * task lives. */
ar_run_end ar_run_drive(ar_run *r);

/* End when this step is over, whatever main does; the others that stand in
 * its batch do not run before they have been told. */
void ar_run_stop(ar_run *r);

/* Main is over: end the others. */
void ar_run_wind_down(ar_run *r);

/* Give everything back. Returns how many handles had been left open. */
unsigned ar_run_close(ar_run *r);

#endif
