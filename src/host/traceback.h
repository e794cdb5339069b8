/*
 * Where an error came from, across coroutines and tasks.
 *
 * An error object carries its traceback in a field. Any other value cannot,
 * so the host keeps the story of the last such value that was raised: it is
 * the one that is being passed on, as long as whoever passes it on says so
 * (ar_rethrow).
 */

#ifndef ar_traceback_h
#define ar_traceback_h

#include "host/host.h"

/* Message handler: remembers the traceback of the error, returns it. */
int ar_traceback_handler(lua_State *L);

/* Message handler of `pcall`: does so for error objects, which everybody may
 * ask for it, and nothing else. */
int ar_traceback_note_object(lua_State *L);

/* [-0, +1] The traceback text of the error value at idx, or nil. */
void ar_traceback_push(lua_State *L, int idx);

/* [-1, +0] The text on top is the traceback of the error value at idx, which
 * is about to be raised by ar_rethrow. */
void ar_traceback_set(lua_State *L, int idx);

/* The error at idx was raised in coroutine `co`, which is about to go: its
 * traceback is remembered. */
void ar_traceback_of_coroutine(lua_State *L, lua_State *co, int idx);

/* [-0, +0] The error at idx, which a coroutine was left by, goes on in this
 * one: its stack follows. */
void ar_traceback_resumed(lua_State *L, int idx);

/* [-1, +0] A line for the error at idx, under its traceback: "in task ...". */
void ar_traceback_note(lua_State *L, int idx);

#endif
