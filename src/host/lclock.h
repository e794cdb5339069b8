/*
 * A clock that a script brought: trio's `clock` option.
 */

#ifndef ar_lclock_h
#define ar_lclock_h

#include "host/host.h"

/* [-0, +0] The clock of the options table at `opts` for the run at `self`;
 * NULL where there is none: the system's. Starts it. */
ar_clock *ar_lclock_open(lua_State *L, int self, int opts);

#endif
