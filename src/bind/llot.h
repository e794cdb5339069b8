/*
 * A parking lot as a Lua object, or as the first member of one.
 */

#ifndef ar_llot_h
#define ar_llot_h

#include <lauxlib.h>

#include "host/coro.h"

typedef struct ar_llot ar_llot;

struct ar_llot {
  ar_lot lot;      /* first */
  const void *run; /* identity of the run it was first waited in, or NULL */
};

/* Its tasks wait in the run of c, now and ever after; raises when they did
 * in another. */
ar_lot *ar_llot_bind(lua_State *L, ar_llot *l, ar_coro *c);

/* Abort function of waits that nothing can undo. */
ar_abort ar_abort_never(ar_task *t, ar_cause cause);

/* The lock at idx as a lot; NULL when it is none. */
ar_llot *ar_test_lock(lua_State *L, int idx);

#endif
