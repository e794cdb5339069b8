/*
 * Control-C (and SIGTERM, SIGHUP) into running Lua.
 *
 * The handler does three things that are safe in one: it notes the signal in
 * the one flag, wakes the loop that may be waiting, and sets a debug hook on
 * the coroutine that is running, so that even `while true do end` is
 * interrupted. What the signal then means is the backend's business.
 */

#ifndef ar_interrupt_h
#define ar_interrupt_h

#include <stdatomic.h>

#include "host/host.h"

/* Take over the signals that have their default action. */
void ar_interrupt_open(ar_host *host);

/* Give them back. */
void ar_interrupt_close(ar_host *host);

/* The same for control-C alone; it is ignored, and what is pending forgotten,
 * while this is off. */
void ar_interrupt_listen(ar_host *host, bool on);

/* The current run or coroutine of the host changed. */
void ar_interrupt_attach(ar_host *host);

/* `L` is about to run: it gets the hook if a signal is pending. */
void ar_interrupt_entering_slow(lua_State *L);

/* The flag: number of the signal that is pending, 0 for none. */
const volatile int *ar_interrupt_flag(void);

/* [-0, +0] A C function that blocked the thread was woken by a signal: raises
 * what is pending, where code that runs may be told. */
void ar_interrupt_raise(lua_State *L);

/* [-0, +0] Before a C function reads from the descriptor, in a thread without a
 * run: wait until there is something. A signal that came a moment before the
 * read began would be slept through. Raises what is pending. */
void ar_interrupt_await_input(lua_State *L, int fd);

/* Take the pending signal: its number, 0 if there is none. */
int ar_interrupt_take(void);

static inline void ar_interrupt_entering(const ar_host *host, lua_State *L) {
  if (AR_LIKELY(host->listens) && AR_UNLIKELY(*ar_interrupt_flag() != 0))
    ar_interrupt_entering_slow(L);
}

/* A coroutine is resumed, and gives way. The signal handler looks at the
 * innermost one whenever it likes. */
static inline void ar_hop_enter(ar_host *host, ar_hop *hop) {
  atomic_signal_fence(memory_order_release);
  host->hop = hop;
  ar_interrupt_entering(host, hop->L);
}

static inline void ar_hop_leave(ar_host *host, ar_hop *hop) {
  host->hop = hop->up;
  atomic_signal_fence(memory_order_release);
  ar_interrupt_entering(host, hop->up != NULL ? hop->up->L : host->L);
}

#endif
