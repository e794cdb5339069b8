/*
 * Where bytes come from or go to, without blocking, whoever else has it open.
 *
 * Non-blocking mode belongs to an open file, which a shell shares with those
 * it starts: whoever sets it for standard input breaks the shell. So what is
 * only borrowed is opened anew, where it is a pipe or a terminal; asked before
 * each call whether it is ready, where it cannot be (a socket, a terminal of
 * somebody else); and left to a thread where it is always ready, as files are,
 * which may take their time all the same. Files are never opened anew: their
 * place in it is shared on purpose.
 */

#ifndef ar_endpoint_h
#define ar_endpoint_h

#include <sys/types.h>

#include "base/base.h"

typedef enum {
  AR_WAY_OWN,    /* in non-blocking mode: nobody else's */
  AR_WAY_SHARED, /* blocking: asked first */
  AR_WAY_SOCKET, /* blocking, but each call may say that it must not */
  AR_WAY_PLAIN   /* always ready: for a thread */
} ar_way;

typedef struct {
  int fd;      /* to read from and to write to */
  int watched; /* to be waited for, and closed in the end; -1: PLAIN */
  ar_way way;
} ar_endpoint;

/* One of ours, which is in non-blocking mode. */
ar_endpoint ar_endpoint_own(int fd);

/* Descriptor `fd`, which stays as it is. */
AR_MUST_CHECK ar_err ar_endpoint_borrow(int fd, bool writes, ar_endpoint *out);

/* A descriptor of ours that is ready to be read when `fd` is ready, which stays
 * as it is. AR_EPERM: that one is always ready. */
AR_MUST_CHECK ar_err ar_endpoint_watch(int fd, bool writes, int *out);

/* As read(2) and write(2), but for the answer: how many bytes, or an error;
 * AR_EAGAIN: wait for it. A reader that is gone is AR_EPIPE and no signal. Of
 * PLAIN they may block, and be called in any thread. */
ssize_t ar_endpoint_read(const ar_endpoint *e, void *to, size_t size);
ssize_t ar_endpoint_write(const ar_endpoint *e, const void *from, size_t size);

#endif
