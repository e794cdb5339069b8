/*
 * A worker process of this program: one frame to it, one back.
 *
 * Order of calls: ar_peer_start; ar_peer_exchange as often as wanted, one at a
 * time, in a thread that may block; ar_peer_kill from any thread; drop its
 * count. A frame is its length, eight bytes in this machine's order, and so
 * many bytes. The peer runs bytecode that we send it, and we run what it sends
 * back: it is our own child, and nobody else has the other end.
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

/* Send a request and read the answer; AR_EOF where it has ended. */
AR_MUST_CHECK ar_err ar_peer_exchange(ar_peer *peer, const ar_parcel *request,
                                      ar_parcel *answer);

/* A frame over a descriptor, by either side. */
AR_MUST_CHECK ar_err ar_frame_write(int fd, const ar_parcel *parcel);
AR_MUST_CHECK ar_err ar_frame_read(int fd, ar_parcel *parcel);

#endif
