/*
 * The error objects of cancellations.
 */

#ifndef ar_cancelled_h
#define ar_cancelled_h

#include "host/coro.h"

/* [-2, +0] The scope is about to be cancelled: the reason and the name of
 * the task that does it (or nil) are on top. */
void ar_cancelled_explain(lua_State *L, ar_lrun *run, ar_scope *s,
                          ar_source source);

/* [-0, +0] The same, for a script that cancels it now; the reason stands at
 * `reason`. Nothing happens if it is cancelled already. */
void ar_cancelled_by_script(lua_State *L, ar_scope *s, int reason);

/* [-0, +1] The error object of a cancelled scope. */
void ar_cancelled_push(lua_State *L, ar_lrun *run, ar_scope *s);

/* [-0, +0] The scope is left: nobody will ask for its object again. */
void ar_cancelled_forget(lua_State *L, ar_scope *s);

/* [-0, +0] The same for all that a task is inside of, but for its own. */
void ar_cancelled_forget_within(lua_State *L, ar_task *t);

/* [-0, +1] The error of an interrupt: KeyboardInterrupt, or SystemExit with
 * the signal that asks for it. */
void ar_interrupt_push(lua_State *L, ar_lrun *run);

#endif
