/*
 * Calls as Lua has them: on the side of who makes one, and of who is to
 * answer it.
 */

#ifndef ar_calls_h
#define ar_calls_h

#include "bind/luax.h"
#include "loop/door.h"

/* [-0, +0] The classes Call, Ask and Door, once a state. */
void ar_calls_open(lua_State *L);
void ar_doors_open(lua_State *L);

/* [-0, +1] A new call; its userdata holds it. */
ar_call *ar_call_push_new(lua_State *L);

/* [-0, +1] The userdata of who is to answer the call, with a count of its own.
 * One that is collected unanswered refuses the call. */
void ar_ask_push(lua_State *L, ar_call *call);

/* [-0, +1] The same, with the caller's count, which is given up in any case: an
 * error refuses the call. */
void ar_ask_push_taken(lua_State *L, ar_call *call);

/* The call, the door at idx; raises. */
ar_call *ar_check_call(lua_State *L, int idx);
ar_door *ar_check_door(lua_State *L, int idx);

/* [-0, +0] The door of the run, made on first use. Borrowed: the run's. */
ar_door *ar_door_of(lua_State *L, ar_lrun *run);

/* [-0, +0] The call is made by a task of this run, which waits for it. */
void ar_call_at_home(lua_State *L, ar_call *call, ar_lrun *run);

/* Does the loop wait for the call's thread? Not while that waits for the loop:
 * where nobody can wake the task that is to answer it, all are stuck. */
void ar_call_expect(ar_call *call, bool expected);

/* The call, which nobody waited for, is over: the function that its run's
 * variables have for it is called. */
void ar_call_end_hook(ar_call *call);

/* door(handler): the run's, the handler of what comes to it */
int ar_thread_door(lua_State *L);

/* Idle worker threads of this state end. */
void ar_workers_dismiss(lua_State *L);

/* cell() */
int ar_thread_cell(lua_State *L);
void ar_cells_open(lua_State *L);

/* call:at_end(f) */
int ar_thread_at_end(lua_State *L);

#endif
