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

#include "host/host.h"

/* Take over the signals that have their default action. */
void ar_interrupt_open(ar_host *host);

/* Give them back. */
void ar_interrupt_close(ar_host *host);

/* The current run or coroutine of the host changed. */
void ar_interrupt_attach(ar_host *host);

/* `L` is about to run: it gets the hook if a signal is pending. */
void ar_interrupt_entering_slow(lua_State *L);

/* The flag: number of the signal that is pending, 0 for none. */
const volatile int *ar_interrupt_flag(void);

/* Take the pending signal: its number, 0 if there is none. */
int ar_interrupt_take(void);

extern lua_State *volatile ar_interrupt_running;

static inline void ar_interrupt_entering(ar_host *host, lua_State *L) {
  (void)host;
  ar_interrupt_running = L;
  if (AR_UNLIKELY(*ar_interrupt_flag() != 0))
    ar_interrupt_entering_slow(L);
}

#endif
