/*
 * A mailbox: the one thread-safe door into a loop.
 *
 * Order of calls: ar_mailbox_of, on the loop's thread; ar_mailbox_ref for
 * each thread that is handed it; ar_mailbox_post from any thread, as often as
 * wanted; ar_mailbox_unref. The loop may be gone meanwhile: what is posted
 * then, and what lay there undelivered, is dropped.
 *
 * A message is a field of what it is about, so posting allocates nothing and
 * cannot fail. Messages of one thread are delivered in the order posted.
 * Who expects a message calls ar_loop_expect, so that the loop waits for it.
 */

#ifndef ar_mailbox_h
#define ar_mailbox_h

#include "base/base.h"

typedef struct ar_mailbox ar_mailbox;
typedef struct ar_message ar_message;
typedef struct ar_loop ar_loop;

struct ar_message {
  ar_message *next;
  /* On the loop's thread, while no task is being stepped. The message may be
   * gone then. */
  void (*deliver)(ar_message *message);
  /* Nobody will read it: the loop is gone. On any thread. */
  void (*drop)(ar_message *message);
};

/* The mailbox of a loop, made when first asked for. Borrowed. */
AR_MUST_CHECK ar_err ar_mailbox_of(ar_loop *loop, ar_mailbox **out);

ar_mailbox *ar_mailbox_ref(ar_mailbox *box);
void ar_mailbox_unref(ar_mailbox *box);

/* Have the message delivered. Any thread; never fails. */
void ar_mailbox_post(ar_mailbox *box, ar_message *message);

/* Something was asked of another thread, which may be answered at once. On the
 * loop's thread. */
void ar_mailbox_asked(ar_mailbox *box);

/* Deliver what is there now, rather than in the loop's next turn. On the
 * loop's thread. */
void ar_mailbox_empty(ar_mailbox *box);

/* ---- for loop.c ---- */

AR_MUST_CHECK ar_err ar_mailbox_new(ar_loop *loop, ar_mailbox **out);

/* Before the loop sleeps: look a little whether what was asked for is there
 * already, where that is alone what is waited for. True: something is, and the
 * loop was not woken for it. */
bool ar_mailbox_linger(ar_mailbox *box, ar_time timeout, bool alone);

/* The loop goes: drop what is there, and the loop's own reference. */
void ar_mailbox_close(ar_mailbox *box);

#endif
