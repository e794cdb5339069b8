/*
 * What a socket does that may have to wait: tried, waited for, tried again.
 *
 * To receive is to wait until there is something, then to take it: the wait
 * is the checkpoint, nothing is asked in vain, and as long as it lasts nothing
 * has been taken that a cancellation could lose. To send is to hand the kernel
 * what it takes at once; only what it does not take is waited for, and who had
 * not to wait gives way afterwards.
 *
 * While it lasts the side is busy: a second task that wants the same is
 * refused. The socket is at place 1 of the stack, which `once` finds in each
 * try as it was at the beginning.
 */

#ifndef ar_sockact_h
#define ar_sockact_h

#include "bind/lsock.h"

/* What a try can say in place of the number of its results. */
#define AR_SOCKACT_WAIT (-1) /* not now: when the side is ready */
#define AR_SOCKACT_LATER \
  (-2) /* not now, and nothing tells when: see s->tries */

struct ar_sockact {
  const char *kind; /* what it waits for, in dumps */
  ar_side side;
  /* [-0, +n] Try it: n, or one of the above. May raise. */
  int (*once)(lua_State *L, ar_lsock *s);
};

/* The running task, which may be suspended; raises where it may not, or where
 * the side of the socket is busy. */
ar_coro *ar_sockact_check(lua_State *L, const ar_lsock *s, ar_side side);

/* Wait, then try. */
int ar_sockact_await(lua_State *L, ar_lsock *s, ar_coro *c,
                     const ar_sockact *act);

/* Try, then wait or give way; a cancellation that is pending comes first. An
 * act of the writing side, without results. */
int ar_sockact_try(lua_State *L, ar_lsock *s, ar_coro *c,
                   const ar_sockact *act);

#endif
