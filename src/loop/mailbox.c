/*
 * A mailbox: the one thread-safe door into a loop.
 */

#include "loop/mailbox.h"

#include <pthread.h>

#include "base/err.h"
#include "base/mem.h"
#include "loop/loop.h"

struct ar_mailbox {
  pthread_mutex_t mutex;
  ar_loop *loop;     /* borrowed; NULL once it is gone */
  ar_message *first; /* oldest; NULL: empty */
  ar_message **end;  /* where the next one goes */
  unsigned refs;
};

ar_err ar_mailbox_new(ar_loop *loop, ar_mailbox **out) {
  ar_mailbox *box = ar_mem_alloc(sizeof *box);
  int number;
  if (box == NULL)
    return AR_ENOMEM;
  number = pthread_mutex_init(&box->mutex, NULL);
  if (number != 0) {
    ar_mem_free(box, sizeof *box);
    return ar_err_from_errno(number);
  }
  box->loop = loop;
  box->first = NULL;
  box->end = &box->first;
  box->refs = 1;
  *out = box;
  return 0;
}

static void lock(ar_mailbox *box) {
  (void)pthread_mutex_lock(&box->mutex); /* cannot fail: see mutex_init */
}

static void unlock(ar_mailbox *box) {
  (void)pthread_mutex_unlock(&box->mutex);
}

ar_mailbox *ar_mailbox_ref(ar_mailbox *box) {
  lock(box);
  box->refs++;
  unlock(box);
  return box;
}

void ar_mailbox_unref(ar_mailbox *box) {
  unsigned left;
  lock(box);
  left = --box->refs;
  unlock(box);
  if (left > 0)
    return;
  (void)pthread_mutex_destroy(&box->mutex);
  ar_mem_free(box, sizeof *box);
}

void ar_mailbox_post(ar_mailbox *box, ar_message *message) {
  bool gone;
  message->next = NULL;
  lock(box);
  gone = box->loop == NULL;
  if (!gone) {
    bool was_empty = box->first == NULL;
    *box->end = message;
    box->end = &message->next;
    /* Under the mutex: the loop must not go between. Who posts into a box
     * that is not empty finds the loop woken already. */
    if (was_empty)
      ar_loop_wake(box->loop);
  }
  unlock(box);
  if (gone)
    message->drop(message);
}

/* All messages there are; the box is empty then. */
static ar_message *take_all(ar_mailbox *box) {
  ar_message *first = box->first;
  box->first = NULL;
  box->end = &box->first;
  return first;
}

void ar_mailbox_empty(ar_mailbox *box) {
  ar_message *message;
  lock(box);
  message = take_all(box);
  unlock(box);
  while (message != NULL) {
    ar_message *next = message->next;
    message->deliver(message); /* message may be gone */
    message = next;
  }
}

void ar_mailbox_close(ar_mailbox *box) {
  ar_message *message;
  lock(box);
  box->loop = NULL;
  message = take_all(box);
  unlock(box);
  while (message != NULL) {
    ar_message *next = message->next;
    message->drop(message); /* message may be gone */
    message = next;
  }
  ar_mailbox_unref(box);
}
