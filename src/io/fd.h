/*
 * A descriptor whose readiness can be waited for.
 *
 * Order of calls: ar_fd_new; ar_fd_wait for one side or the other, one wait a
 * side at a time; ar_fd_close, once. An owned descriptor becomes non-blocking
 * when it is first waited for, at the latest; another stays as it is.
 *
 * Nothing is read or written here: who waited does that, with the system's
 * own calls, and waits again when they answer EAGAIN. So a wait can be undone
 * at any moment and no byte is ever on its way into nowhere.
 *
 * Interest outlives the wait: the next one mostly follows soon, and telling
 * the kernel costs more than asking. Only events that nobody waits for end it.
 */

#ifndef ar_fd_h
#define ar_fd_h

#include "io/op.h"

typedef struct ar_fd ar_fd;

typedef enum {
  AR_SIDE_READ,
  AR_SIDE_WRITE
} ar_side;

/* Watch descriptor `fd` on this loop. With `owned`, closing closes it. */
AR_MUST_CHECK ar_err ar_fd_new(ar_loop *loop, int fd, bool owned, ar_fd **out);

/* Is its descriptor to be closed with it? */
bool ar_fd_is_owned(const ar_fd *f);

/* The descriptor's number. */
int ar_fd_number(const ar_fd *f);

/* The operation of a side, for its `done` and `waiter`. */
ar_op *ar_fd_op(ar_fd *f, ar_side side);

/* Wait until the side is ready, or in a state that its next call reports.
 * AR_EPERM: it is a file of a kind that is always ready. An op that ends by
 * ar_fd_close or ar_fd_forsake has the result AR_OP_CLOSED. */
AR_MUST_CHECK ar_err ar_fd_wait(ar_fd *f, ar_side side);

/* End both waits: somebody is about to close the descriptor. */
void ar_fd_forsake(ar_fd *f);

/* The descriptor is somebody else's from now on. */
void ar_fd_release(ar_fd *f);

/* End both waits, close the descriptor if it is owned; f is gone. */
void ar_fd_close(ar_fd *f);

#endif
