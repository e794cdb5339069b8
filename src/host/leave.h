/*
 * Leaving a cancel scope: what becomes of the error that leaves its body.
 */

#ifndef ar_leave_h
#define ar_leave_h

#include "host/coro.h"

/* [-?, +?] The body of the scope is over; if it failed, its error is on top.
 * The task leaves the scope. Returns whether an error goes on: it is on top
 * then (perhaps another one: a group without its cancellations), else
 * nothing is. */
bool ar_leave(lua_State *L, ar_scope *s, ar_task *t, bool failed);

/* The part of it that does without an error: on asyncio, whose the requests
 * are that deliveries of the scope counted as. */
void ar_leave_settle(ar_scope *s, ar_task *t);

/* The part of it that looks at the error: the scope is still entered. */
bool ar_leave_filter(lua_State *L, ar_scope *s, ar_task *t, bool failed);

#endif
