/*
 * What can be said of tasks: their names, where they were started, where
 * they wait.
 */

#ifndef ar_dump_h
#define ar_dump_h

#include "host/coro.h"

/* [-0, +1] The name of the task at idx: given, or its function's. */
void ar_dump_push_name(lua_State *L, int idx);

/* [-0, +1] "file:line" where the task waits, or nil. */
void ar_dump_push_where(lua_State *L, ar_coro *c);

/* [-0, +1] A DeadlockError that names every waiting task of the run. */
void ar_dump_push_deadlock(lua_State *L, ar_lrun *run);

#endif
