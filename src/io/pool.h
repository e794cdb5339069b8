/*
 * Threads that run work which blocks: a name is looked up, a file is read.
 *
 * Order of calls: ar_pool_new; ar_work_init, ar_pool_start; the work's op
 * ends; ar_pool_close. Threads are made when work finds none idle, up to a
 * limit, and end when they were idle for a while or the pool is closed. A
 * thread that is still at work then finishes it, and its end is dropped.
 */

#ifndef ar_pool_h
#define ar_pool_h

#include "base/list.h"
#include "io/op.h"
#include "loop/mailbox.h"

typedef struct ar_pool ar_pool;
typedef struct ar_work ar_work;

/* A piece of work: the first field of what it is about. */
struct ar_work {
  ar_op op; /* first */
  ar_message message;
  ar_link link;        /* place in the pool's queue; in none: it is running */
  ar_pool *pool;       /* borrowed: lives as long as work of it */
  ar_mailbox *mailbox; /* ref: until the end was posted */
  ar_err result;       /* what the op will end with: set by `run` */
  /* In a thread of the pool: may block, must not touch the op. */
  void (*run)(ar_work *work);
  /* Nobody wants it any more: give it back. On any thread. */
  void (*discard)(ar_work *work);
};

AR_MUST_CHECK ar_err ar_pool_new(unsigned max_threads, ar_pool **out);

/* Idle threads end, and are waited for; what was queued is still done. */
void ar_pool_close(ar_pool *pool);

void ar_work_init(ar_work *work, void (*run)(ar_work *),
                  void (*discard)(ar_work *));

/* Queue it; its op ends on this loop, unless it is cancelled while it is
 * still in the queue. */
AR_MUST_CHECK ar_err ar_pool_start(ar_pool *pool, ar_loop *loop, ar_work *work);

#endif
