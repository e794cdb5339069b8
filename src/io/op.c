/*
 * An operation in flight.
 */

#include "io/op.h"

void ar_op_begin(ar_op *op, ar_loop *loop) {
  AR_ASSERT(op->state == AR_OP_IDLE);
  op->loop = loop;
  op->state = AR_OP_PENDING;
  op->result = 0;
  ar_loop_expect(loop, 1);
}

static void leave(ar_op *op) {
  AR_ASSERT(op->state == AR_OP_PENDING);
  op->state = AR_OP_IDLE;
  ar_loop_expect(op->loop, -1);
}

void ar_op_end(ar_op *op, ar_err result) {
  leave(op);
  op->result = result;
  op->done(op); /* op may be gone */
}

bool ar_op_cancel(ar_op *op) {
  AR_ASSERT(op->state == AR_OP_PENDING);
  if (!op->kind->cancel(op))
    return false;
  leave(op);
  return true;
}

void ar_op_abandon(ar_op *op) {
  if (op->state != AR_OP_PENDING)
    return;
  op->waiter = NULL;
  op->done = op->kind->orphan;
  if (ar_op_cancel(op))
    op->kind->orphan(op); /* op may be gone */
}
