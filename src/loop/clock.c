/*
** clock.c - what time it is for a run.
*/
#include "loop/clock.h"

#include <math.h>
#include <time.h>

ar_time ar_clock_monotonic(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (ar_time)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static ar_time system_now(ar_clock *clock) {
  return ar_clock_monotonic() + clock->offset;
}

static ar_time system_to_sleep(ar_clock *clock, ar_time deadline) {
  ar_time now = system_now(clock);
  if (deadline == AR_TIME_MAX)
    return AR_TIME_MAX;
  return deadline > now ? deadline - now : 0;
}

/* The time as of the last tick, which is a few milliseconds late, costs a
** quarter of the time now; a loop asks this before each batch. */
#ifdef CLOCK_MONOTONIC_COARSE
#define FAR_OFF 100000000 /* ns: many ticks */

static bool system_is_far(ar_clock *clock, ar_time when) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
  return when - clock->offset - FAR_OFF >
         (ar_time)ts.tv_sec * 1000000000 + ts.tv_nsec;
}
#else
#define system_is_far NULL
#endif

void ar_clock_init_system(ar_clock *clock, ar_time offset) {
  clock->now = system_now;
  clock->to_sleep = system_to_sleep;
  clock->threshold = NULL;
  clock->jump = NULL;
  clock->offset = offset;
  clock->is_far = system_is_far;
}

ar_time ar_time_of_seconds(double seconds) {
  double ns = seconds * 1e9;
  if (isnan(ns) || ns >= 9.2e18)
    return AR_TIME_MAX;
  if (ns <= -9.2e18)
    return -AR_TIME_MAX;
  return (ar_time)llround(ns);
}

double ar_time_to_seconds(ar_time time) {
  if (time == AR_TIME_MAX)
    return HUGE_VAL;
  if (time <= -AR_TIME_MAX)
    return -HUGE_VAL;
  return (double)time / 1e9;
}
