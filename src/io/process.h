/*
 * A child process: started, waited for, signalled, reaped.
 *
 *   state    what it means                       leaves it by
 *   RUNNING  it has not ended, as far as known   its end -> ENDED or REAPED
 *   ENDED    its status is known; it is not      ar_child_reap -> REAPED
 *            reaped yet, so its number is its own
 *   REAPED   its number may be somebody else's   -
 *
 * Order of calls: ar_child_start; then, as often as wanted: ar_child_wait,
 * ar_child_poll, ar_child_signal; ar_child_unwatch before its loop goes;
 * ar_child_free.
 *
 * Only this child is ever waited for, by its number: children that others
 * start are none of our business. Its end is heard of by a descriptor of it
 * (pidfd), where the system has that; by SIGCHLD otherwise. It is reaped then
 * and there, unless its number has to be kept: it is that of its process
 * group, too, and signals sent to the group must not hit a stranger's.
 */

#ifndef ar_process_h
#define ar_process_h

#include "base/list.h"
#include "io/op.h"
#include "io/spawn.h"

typedef struct ar_child ar_child;
typedef struct ar_child_end ar_child_end;

typedef enum {
  AR_CHILD_RUNNING,
  AR_CHILD_ENDED,
  AR_CHILD_REAPED
} ar_child_state;

/* A wait for its end; any number of them at a time. */
struct ar_child_end {
  ar_op op; /* first */
  ar_link link;
};

/* Start one. With spec->group it is reaped by ar_child_reap, not before. */
AR_MUST_CHECK ar_err ar_child_start(ar_loop *loop, const ar_spawn_spec *spec,
                                    ar_child **out, ar_spawn_stage *stage);

/* One that ar_spawn started; its descriptor (-1: none) is closed where this
 * fails. */
AR_MUST_CHECK ar_err ar_child_adopt(ar_loop *loop, pid_t pid, int pidfd,
                                    ar_child **out);

/* `ended` is told at its end, and may free it if ar_child_poll is not called
 * any more. */
void ar_child_on_end(ar_child *c, void (*ended)(ar_child *c, void *arg),
                     void *arg);

pid_t ar_child_pid(const ar_child *c);

/* How it is now: asks the system. */
ar_child_state ar_child_poll(ar_child *c);

/* Once it has ended: its exit status, or the number of the signal it died of,
 * negated. */
int ar_child_status(const ar_child *c);

void ar_child_end_init(ar_child_end *end);

/* Wait for its end. It must be running, and watched. */
void ar_child_wait(ar_child *c, ar_child_end *end);

/* Does this loop hear of its end? */
bool ar_child_is_watched_by(const ar_child *c, const ar_loop *loop);

/* Send it a signal, or its whole group. AR_ESRCH: it is reaped. */
AR_MUST_CHECK ar_err ar_child_signal(ar_child *c, int signum, bool group);

/* It has ended: give its number back. */
void ar_child_reap(ar_child *c);

/* The loop goes; the child does not. */
void ar_child_unwatch(ar_child *c);

/* It must not be running: or it is left to itself, unreaped. Waits must be
 * over. */
void ar_child_free(ar_child *c);

#endif
