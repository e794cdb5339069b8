/*
 * Signals as events of a loop.
 *
 * Order of calls: ar_signal_watch_init; ar_signal_watch_start;
 * ar_signal_unwatch, at any time, also twice.
 *
 * Signals are the process's, not a loop's: what is watched is known once, and
 * loops of the main thread are told. While a signal is watched its disposition
 * is ours; what stood there before comes back with the last watch, unless
 * somebody has put something else there meanwhile.
 *
 * One that arrives again before anybody was told is told once: no flood of
 * signals fills anything, and none of another kind is lost in it.
 */

#ifndef ar_signal_h
#define ar_signal_h

#include "base/list.h"
#include "loop/loop.h"

typedef struct ar_signal_watch ar_signal_watch;

struct ar_signal_watch {
  ar_link link; /* in none: not started */
  int signum;
  /* It arrived, once or more. Inside a loop's turn. It may stop this watch,
   * and no other. */
  void (*arrived)(ar_signal_watch *watch);
};

void ar_signal_watch_init(ar_signal_watch *watch);

/* AR_EPERM: this is not the main thread. AR_EINVAL: there is no such signal,
 * or it cannot be caught. */
AR_MUST_CHECK ar_err ar_signal_watch_start(ar_signal_watch *watch, int signum,
                                           void (*arrived)(ar_signal_watch *));

/* `unread`: it arrived, but whom it was meant for has not seen it. With the
 * last watch such a signal goes to the disposition that comes back. */
void ar_signal_unwatch(ar_signal_watch *watch, bool unread);

/* The loop that waits for the main thread's events now; NULL: none. */
void ar_signal_attach(ar_loop *loop);

/* ---- for loop.c ---- */

/* This loop was woken: perhaps by a signal. */
void ar_signal_look(ar_loop *loop);

#endif
