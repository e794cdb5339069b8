/*
 * An operation in flight: something outside the scheduler that ends by itself.
 *
 *   state    what it means                     leaves it by
 *   IDLE     not begun, or over                ar_op_begin -> PENDING
 *   PENDING  `done` will be called, once       ar_op_end -> IDLE,
 *                                              ar_op_cancel -> IDLE or PENDING
 *
 * Order of calls: ar_op_init; then, as often as wanted: set `done` and
 * `waiter`, start it (the kind's own function, which calls ar_op_begin); the
 * kind calls ar_op_end. In between ar_op_cancel or ar_op_abandon, at any time.
 *
 * An op is a field of what it works on (a descriptor has two), or of a block
 * of its own that its end gives back. `done` only notes and wakes: it must
 * neither close nor free what the op is part of.
 */

#ifndef ar_op_h
#define ar_op_h

#include "base/err.h"
#include "loop/loop.h"

/* The result of an op that ended because what it works on is closed, or is
 * about to be: a code that no call of the system gives. */
#define AR_OP_CLOSED AR_EOWNERDEAD

typedef struct ar_op ar_op;
typedef struct ar_op_kind ar_op_kind;

typedef enum {
  AR_OP_IDLE,
  AR_OP_PENDING
} ar_op_state;

struct ar_op_kind {
  /* Try to undo it. True: it is undone, nothing happened or will. False: it
   * ends by itself, perhaps sooner now. */
  bool (*cancel)(ar_op *op);
  /* It ended, and nobody is there to take what it brought. */
  void (*orphan)(ar_op *op);
};

struct ar_op {
  const ar_op_kind *kind; /* borrowed: a constant */
  ar_loop *loop;          /* borrowed; NULL before it was begun */
  ar_op_state state;
  ar_err result;           /* once over: 0, or how it failed */
  void (*done)(ar_op *op); /* called at the end, inside the loop's turn */
  void *waiter;            /* borrowed: done's own */
};

static inline void ar_op_init(ar_op *op, const ar_op_kind *kind) {
  op->kind = kind;
  op->loop = NULL;
  op->state = AR_OP_IDLE;
  op->result = 0;
  op->done = NULL;
  op->waiter = NULL;
}

static inline bool ar_op_is_pending(const ar_op *op) {
  return op->state == AR_OP_PENDING;
}

/* It has been started on this loop, which waits for it. */
void ar_op_begin(ar_op *op, ar_loop *loop);

/* It is over: calls `done`. The op may be gone then. */
void ar_op_end(ar_op *op, ar_err result);

/* Undo it if that can be: true, and `done` will not be called. */
bool ar_op_cancel(ar_op *op);

/* Who waited is gone: undo it, or leave what it brings to the kind's orphan
 * function. The op may be gone then. */
void ar_op_abandon(ar_op *op);

#endif
