/* Mailboxes: what comes while the loop lingers, sleeps, or in between. */

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "ctest.h"
#include "loop/loop.h"
#include "loop/mailbox.h"

typedef struct {
  ar_loop *loop;
  ar_mailbox *box;
  atomic_int asked;
  int delivered;
  int order; /* of what came last */
} office;

typedef struct {
  ar_message message;
  office *office;
  int number;
} letter;

static void deliver(ar_message *message) {
  letter *l = ar_container_of(message, letter, message);
  l->office->delivered++;
  l->office->order = l->office->order * 10 + l->number;
}

static void drop(ar_message *message) {
  (void)message;
}

static office *open_office(void) {
  office *o = ar_mem_zalloc(sizeof *o);
  CHECK_EQ(ar_loop_new(&o->loop), 0);
  CHECK_EQ(ar_mailbox_of(o->loop, &o->box), 0);
  ar_loop_expect(o->loop, 1);
  return o;
}

static void close_office(office *o) {
  CHECK_EQ(ar_loop_free(o->loop), 0);
  ar_mem_free(o, sizeof *o);
}

static letter letter_of(office *o, int number) {
  letter l = {{NULL, deliver, drop}, o, number};
  return l;
}

TEST("what lies in the box is found by who lingers, in order, and once") {
  office *o = open_office();
  letter first = letter_of(o, 1), second = letter_of(o, 2);
  ar_mailbox_post(o->box, &first.message);
  ar_mailbox_post(o->box, &second.message);
  ar_mailbox_asked(o->box);
  CHECK(!ar_loop_wait(o->loop, AR_TIME_MAX));
  CHECK_EQ(o->delivered, 2);
  CHECK_EQ(o->order, 12);
  ar_loop_poll(o->loop);
  CHECK_EQ(o->delivered, 2);
  close_office(o);
}

TEST("who lingers in vain waits as long as it was told to, and no longer") {
  office *o = open_office();
  for (int i = 0; i < 100; i++) {
    ar_mailbox_asked(o->box);
    CHECK(ar_loop_wait(o->loop, 1000));
  }
  CHECK_EQ(o->delivered, 0);
  close_office(o);
}

/* ---- two threads -------------------------------------------------------- */

#define ROUNDS 4000

/* From no time to more than anybody lingers, and back. */
static void dawdle(int round) {
  struct timespec begin, now;
  long ns = round % 40 * 1000, gone;
  (void)clock_gettime(CLOCK_MONOTONIC, &begin);
  do {
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    gone =
        (now.tv_sec - begin.tv_sec) * 1000000000 + now.tv_nsec - begin.tv_nsec;
  } while (gone < ns);
}

typedef struct {
  office *office;
  letter letter;
} clerk;

static void *answer(void *arg) {
  clerk *c = arg;
  office *o = c->office;
  for (int round = 1; round <= ROUNDS; round++) {
    while (atomic_load(&o->asked) != round)
      (void)usleep(1);
    dawdle(round);
    ar_mailbox_post(o->box, &c->letter.message);
  }
  return NULL;
}

TEST("an answer wakes the loop whenever it comes") {
  office *o = open_office();
  clerk c = {o, letter_of(o, 0)}; /* read before the next one is asked for */
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, NULL, answer, &c), 0);
  for (int round = 1; round <= ROUNDS; round++) {
    atomic_store(&o->asked, round);
    ar_mailbox_asked(o->box);
    while (o->delivered < round)
      (void)ar_loop_wait(o->loop, AR_TIME_MAX);
    CHECK_EQ(o->delivered, round);
  }
  CHECK_EQ(pthread_join(thread, NULL), 0);
  close_office(o);
}
