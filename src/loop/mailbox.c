/*
 * A mailbox: the one thread-safe door into a loop.
 */

#include "loop/mailbox.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/err.h"
#include "base/mem.h"
#include "loop/clock.h"
#include "loop/loop.h"

/* How lucky who lingers can become. */
#define LUCKY 8

/* Without any luck, it is tried once in so many times. */
#define SELDOM 32

struct ar_mailbox {
  pthread_mutex_t mutex;
  ar_loop *loop;               /* borrowed; NULL once it is gone */
  _Atomic(ar_message *) first; /* oldest; NULL: empty; set under the mutex */
  ar_message *last;            /* newest; means nothing while it is empty */
  unsigned refs;
  bool watched; /* the loop lingers: nobody has to wake it */
  /* The loop's thread's: */
  bool asked;          /* an answer may come soon */
  unsigned char luck;  /* how often lingering was worth it, lately */
  unsigned char times; /* it was not tried since, for want of luck */
};

ar_err ar_mailbox_new(ar_loop *loop, ar_mailbox **out) {
  ar_mailbox *box = ar_mem_zalloc(sizeof *box);
  int number;
  if (box == NULL)
    return AR_ENOMEM;
  number = pthread_mutex_init(&box->mutex, NULL);
  if (number != 0) {
    ar_mem_free(box, sizeof *box);
    return ar_err_from_errno(number);
  }
  box->loop = loop;
  atomic_init(&box->first, NULL);
  box->refs = 1;
  box->luck = LUCKY;
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

static ar_message *oldest(ar_mailbox *box) {
  return atomic_load_explicit(&box->first, memory_order_relaxed);
}

static void set_oldest(ar_mailbox *box, ar_message *message) {
  atomic_store_explicit(&box->first, message, memory_order_relaxed);
}

void ar_mailbox_post(ar_mailbox *box, ar_message *message) {
  bool gone;
  message->next = NULL;
  lock(box);
  gone = box->loop == NULL;
  if (!gone) {
    bool was_empty = oldest(box) == NULL;
    if (was_empty)
      set_oldest(box, message);
    else
      box->last->next = message;
    box->last = message;
    /* Under the mutex: the loop must not go between. Who posts into a box
     * that is not empty finds the loop woken already. */
    if (was_empty && !box->watched)
      ar_loop_wake(box->loop);
  }
  unlock(box);
  if (gone)
    message->drop(message);
}

/* All messages there are; the box is empty then. */
static ar_message *take_all(ar_mailbox *box) {
  ar_message *first = oldest(box);
  set_oldest(box, NULL);
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

/* ---- lingering ---------------------------------------------------------- */

/* A thread that sleeps takes microseconds to wake, as long as many an answer
 * takes. So who has asked for one looks for it a little before it sleeps. No
 * longer than to sleep and to be woken would take: then the worst case is twice
 * the time. And where answers mostly take longer, or no processor is free for
 * who is to give them, it soon does so only now and then. */
#define LONGEST ((ar_time)15000)

void ar_mailbox_asked(ar_mailbox *box) {
  box->asked = true;
}

/* The processor is told that this is a loop that waits. */
static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#endif
}

static void watch(ar_mailbox *box, bool on) {
  lock(box);
  box->watched = on;
  unlock(box);
}

static void look(ar_mailbox *box, ar_time longest) {
  ar_time until = ar_time_add(ar_clock_monotonic(), longest);
  do {
    for (int i = 0; i < 32 && oldest(box) == NULL; i++)
      relax();
  } while (oldest(box) == NULL && ar_clock_monotonic() < until);
}

static bool is_promising(ar_mailbox *box, bool alone) {
  bool asked = box->asked;
  box->asked = false;
  if (!asked || !alone || (box->luck == 0 && ++box->times < SELDOM))
    return false;
  box->times = 0;
  return true;
}

bool ar_mailbox_linger(ar_mailbox *box, ar_time timeout, bool alone) {
  bool found;
  if (!is_promising(box, alone))
    return false;
  watch(box, true);
  look(box, timeout < LONGEST ? timeout : LONGEST);
  watch(box, false);
  /* What came by now did not wake the loop; what comes from now on does. */
  found = oldest(box) != NULL;
  if (!found)
    box->luck /= 2;
  else if (box->luck < LUCKY)
    box->luck++;
  return found;
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
