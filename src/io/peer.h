/*
 * A worker process of this program: one frame to it, one back.
 *
 * Order of calls: ar_peer_start; ar_peer_exchange as often as wanted, one at a
 * time, in a thread that may block; ar_peer_kill from any thread; drop its
 * count. A frame is its length, eight bytes in this machine's order, and so
 * many bytes. The peer runs bytecode that we send it, and we run what it sends
 * back: it is our own child, and nobody else has the other end.
 *
 * That it has died is seen by itself, not only by the end of its frames: a
 * child of its own may have inherited their descriptor. It dies with us.
 */

#ifndef ar_peer_h
#define ar_peer_h

#include "base/parcel.h"

typedef struct ar_peer ar_peer;

/* A longer frame is refused. */
#define AR_FRAME_MOST ((uint64_t)1 << 40)

/* The word of the command line that makes this program a peer: then the
 * number of its descriptor, a comma and the default backend. */
#define AR_PEER_OPTION "--anyrun-worker="

/* Start one. */
AR_MUST_CHECK ar_err ar_peer_start(const char *backend, ar_peer **out);

void ar_peer_take(ar_peer *peer);

/* The last one kills it, if it lives, and waits for it. */
void ar_peer_drop(ar_peer *peer);

/* It ends, whatever it does. */
void ar_peer_kill(ar_peer *peer);

/* Between two exchanges: is it alive, and silent? */
bool ar_peer_is_idle(const ar_peer *peer);

/* Send a request and read the answer; AR_EOF where it has ended. */
AR_MUST_CHECK ar_err ar_peer_exchange(ar_peer *peer, const ar_parcel *request,
                                      ar_parcel *answer);

/* How it ended, after an exchange that failed: its exit status, or the signal
 * that killed it, negative. False where that is not known. */
bool ar_peer_end(const ar_peer *peer, int *status);

/* ---- the other side ----------------------------------------------------- */

/* This process is a peer, with this descriptor: its children do not get it, and
 * this ends when who started it does. False: it is no peer's. */
bool ar_peer_become(int fd);

/* A frame from and to who started it. */
AR_MUST_CHECK ar_err ar_peer_read(int fd, ar_parcel *request);
AR_MUST_CHECK ar_err ar_peer_write(int fd, const ar_parcel *answer);

#endif
