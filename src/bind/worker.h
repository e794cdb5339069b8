/*
 * Lua states in threads of their own: what runs the calls of others.
 */

#ifndef ar_worker_h
#define ar_worker_h

#include <lua.h>

#include "host/marshal.h"
#include "loop/call.h"
#include "loop/crew.h"

/* What the values of a request are, and how they travel. */
enum {
  AR_REQUEST_CONTEXT = 1, /* values by variable, or nil */
  AR_REQUEST_NAME,        /* the thread's name meanwhile, or nil */
  AR_REQUEST_FUNCTION     /* its arguments follow */
};

/* The duties of crews whose jobs are calls (each with a count): of threads
 * that serve many calls one after the other, of states that know nothing of
 * who calls them, and of threads that serve one and end. */
extern const ar_duty ar_worker_thread;
extern const ar_duty ar_worker_interpreter;
extern const ar_duty ar_worker_once;

/* [-n, +0] Put the n values on top, a request, into the call. */
void ar_worker_pack_request(lua_State *L, ar_call *call, int n);

/* How answers to other threads are copied. */
extern const ar_copying ar_worker_answers;

/* [-n, +0] The answer that consists of the n values on top of the stack; the
 * caller has it. An error to be told of instead is made where they cannot be
 * copied; NULL if there is no memory even for that. */
ar_parcel *ar_worker_pack_answer(lua_State *L, int n, const ar_copying *how);

/* A Lua state that serves requests, to be closed by ar_memory_close; NULL: no
 * memory. In a thread os.exit ends the call only. */
lua_State *ar_worker_state(const char *backend, bool in_thread);

/* Serve the request in the parcel: the same parcel, with the answer; NULL if
 * there is no memory for one, and the parcel is gone. `call` is what it came
 * with, NULL in a process of its own; `name` that of the thread, when the
 * request gave it another. */
ar_parcel *ar_worker_answer(lua_State *L, ar_call *call, ar_parcel *parcel,
                            const ar_copying *how, const char *name);

/* The call that this state serves; NULL if none. */
ar_call *ar_worker_current(lua_State *L);

/* The name of the thread, as it was given; NULL: none was. */
const char *ar_worker_name(lua_State *L);

#endif
