/*
 * What a stream socket receives at a time: from the kernel into a Lua string.
 *
 * Small chunks are received on the C stack and copied. After a large one the
 * next is received into a block that Lua takes over as it is (bind/block.h):
 * then all that may raise comes before bytes are taken from the kernel.
 */

#ifndef ar_sockchunk_h
#define ar_sockchunk_h

#include "bind/lsock.h"

/* At most so much is received at a time, however much is wanted. */
#define AR_SOCKCHUNK_MAX 65536

/* Somebody is about to wait for the next chunk; where it is a loop over the
 * stream, its last one is at place 3. If that may be large, all but place 1 is
 * let go of. May raise. */
void ar_sockchunk_prepare(lua_State *L, ar_lsock *s);

/* [-0, +0 or 1] Receive what is there, at most s->max bytes, as a string. *n
 * is 0, and nothing pushed, at the end of the data. Raises for want of memory.
 */
AR_MUST_CHECK ar_err ar_sockchunk_receive(lua_State *L, ar_lsock *s, size_t *n);

#endif
