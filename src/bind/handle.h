/*
 * AnyIO's TaskHandle: what a task userdata offers to scripts.
 */

#ifndef ar_handle_h
#define ar_handle_h

#include "host/coro.h"

/* [-0, +0] Methods and fields of the class. */
void ar_handle_open(lua_State *L);

/* [-0, +n] The results (or the error) of the finished task at idx. */
int ar_handle_push_results(lua_State *L, ar_coro *c, int idx, int n);

/* [-0, +0 or 1] The coroutine the task runs in, if it does. */
int ar_handle_push_coroutine(lua_State *L, const ar_coro *c);

#endif
