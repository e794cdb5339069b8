/*
** loop.h - one turn of libuv with a time limit.
**
** Order of calls: ar_loop_new, then ar_loop_poll and ar_loop_wait as often as
** wanted, then ar_loop_free. ar_loop_wake may come from anywhere in between.
**
** The loop has no tasks and steps none: callbacks of libuv only wake, and the
** scheduler steps what was woken after the turn. That keeps the order in which
** tasks run in one place.
*/
#ifndef AR_LOOP_LOOP_H
#define AR_LOOP_LOOP_H

#include <stdbool.h>

#include "base/base.h"

typedef struct ar_loop ar_loop;

/* A new loop in *out. */
AR_MUST_CHECK ar_err ar_loop_new(ar_loop **out);

/* Close what is left open, then the loop. Returns how many handles of others
** were still open: a leak of whoever opened them. */
unsigned ar_loop_free(ar_loop *loop);

/* Is there a handle or a request in flight that could bring an event? */
bool ar_loop_is_alive(const ar_loop *loop);

/* By how much more somebody waits for an event: the loop is alive while the
** sum is above zero. What is open but awaited by nobody (an idle connection)
** keeps no loop alive: its handle is unreferenced. */
void ar_loop_expect(ar_loop *loop, int by);

/* Take the events that are there, without waiting. */
void ar_loop_poll(ar_loop *loop);

/* Wait for an event, a wake-up, or until `timeout` has passed (AR_TIME_MAX:
** as long as it takes), then take what is there. True when the time has passed
** (a poll's has, always). */
bool ar_loop_wait(ar_loop *loop, ar_time timeout);

/* End a wait, or the next one. Safe in signal handlers and other threads. */
void ar_loop_wake(ar_loop *loop);

/* libuv's loop, for the rooms that know libuv. No timers of libuv's, please:
** one that is due when a wait begins runs and does not end it, and whom it woke
** sleeps on. What happens at a time is a deadline of the scheduler. */
struct uv_loop_s *ar_loop_uv(ar_loop *loop);

/* The version of libuv, as text. */
const char *ar_loop_version(void);

#endif
