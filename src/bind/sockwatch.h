/*
 * Somebody is called each time that a side of a plain socket is ready.
 *
 * While it waits it can be lent: a task waits in its place, for the same
 * readiness, and what the socket does for that task is not told to it.
 */

#ifndef ar_sockwatch_h
#define ar_sockwatch_h

#include "bind/lsock.h"

/* [-0, +1] From now on the function at `fn` is called with the value at `arg`
 * each time that the side is ready, for which nobody else may be waiting; until
 * its `cancel`, or until the socket, which is at place 1, is closed. Raises. */
int ar_sockwatch_new(lua_State *L, ar_lsock *s, ar_side side, int fn, int arg);

/* take(watch, n): a task waits until the side can be read, and receives, in the
 * place of who would have been called. -> at most n bytes; nil: look again; nil
 * and more bytes than that, or none at the end, or an error; false: the watch
 * is lent already, or over, or n is no number of bytes. */
int ar_sockwatch_take(lua_State *L);

/* [-0, +0] The class of watches. */
void ar_sockwatch_open(lua_State *L);

#endif
