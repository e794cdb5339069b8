/*
** clock.h - what time it is for a run.
**
** A run reads time through an ar_clock, so that a test can put a clock of its
** own in its place. The monotonic clock is the only one that knows real time;
** ar_clock_init_system() adds a fixed offset to it (trio's runs start at a
** random one, so that nobody compares clocks of two runs).
*/
#ifndef AR_LOOP_CLOCK_H
#define AR_LOOP_CLOCK_H

#include <stdbool.h>

#include "base/base.h"

typedef struct ar_clock ar_clock;

struct ar_clock {
  /* The time now. */
  ar_time (*now)(ar_clock *clock);
  /* How long to sleep, in real time, until the clock shows `deadline`. */
  ar_time (*to_sleep)(ar_clock *clock, ar_time deadline);
  /* Real time for which every task must have been blocked before `jump` is
  ** called; AR_TIME_MAX when the clock never jumps. NULL: never. */
  ar_time (*threshold)(ar_clock *clock);
  /* Every task is blocked: move on to the next deadline. */
  void (*jump)(ar_clock *clock, ar_time deadline);
  ar_time offset; /* system clock: added to monotonic time */
  /* Is `when` so far off that the time need not be read to know? False says
   * nothing. NULL: never. */
  bool (*is_far)(ar_clock *clock, ar_time when);
};

/* Nanoseconds of the monotonic clock. */
ar_time ar_clock_monotonic(void);

/* The system's clock, shown `offset` later than it is. */
void ar_clock_init_system(ar_clock *clock, ar_time offset);

/* Seconds as scripts write them, to nanoseconds: saturates, never wraps. NaN
** is the caller's to refuse; it becomes "forever". */
ar_time ar_time_of_seconds(double seconds);

/* Nanoseconds to seconds; AR_TIME_MAX becomes infinity, and -AR_TIME_MAX its
** opposite. */
double ar_time_to_seconds(ar_time time);

static inline bool ar_clock_is_far(ar_clock *clock, ar_time when) {
  return clock->is_far != NULL && clock->is_far(clock, when);
}

static inline ar_time ar_clock_now(ar_clock *clock) {
  return clock->now(clock);
}

#endif
