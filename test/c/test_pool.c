/* The mailbox, and work that blocks. */

#include "io/pool.h"

#include <pthread.h>
#include <unistd.h>

#include "base/err.h"
#include "ctest.h"

/* ---- the mailbox -------------------------------------------------------- */

typedef struct {
  ar_message message;
  int number;
} note;

static int delivered, dropped, last;

static void on_note(ar_message *message) {
  delivered++;
  last = ar_container_of(message, note, message)->number;
}

static void on_drop(ar_message *message) {
  (void)message;
  dropped++;
}

enum {
  POSTS = 1000
};

static void *post_many(void *arg) {
  static note notes[POSTS];
  for (int i = 0; i < POSTS; i++) {
    notes[i].message.deliver = on_note;
    notes[i].message.drop = on_drop;
    notes[i].number = i;
    ar_mailbox_post(arg, &notes[i].message);
  }
  ar_mailbox_unref(arg);
  return NULL;
}

static ar_mailbox *open_box(ar_loop **loop) {
  ar_mailbox *box;
  delivered = dropped = 0;
  CHECK_EQ(ar_loop_new(loop), 0);
  CHECK_EQ(ar_mailbox_of(*loop, &box), 0);
  return box;
}

TEST("messages of another thread arrive, in their order") {
  ar_loop *loop;
  ar_mailbox *box = open_box(&loop);
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, NULL, post_many, ar_mailbox_ref(box)), 0);
  while (delivered < POSTS) {
    int before = delivered;
    ar_loop_wait(loop, AR_TIME_MAX);
    CHECK(delivered == before || last == delivered - 1);
  }
  CHECK_EQ(pthread_join(thread, NULL), 0);
  CHECK_EQ(ar_loop_free(loop), 0);
  CHECK_EQ(dropped, 0);
}

TEST("what is posted to a loop that is gone is dropped, what lay there too") {
  ar_loop *loop;
  ar_mailbox *box = ar_mailbox_ref(open_box(&loop));
  note early = {{NULL, on_note, on_drop}, 1}, late = early;
  ar_mailbox_post(box, &early.message);
  CHECK_EQ(ar_loop_free(loop), 0);
  CHECK_EQ(dropped, 1);
  ar_mailbox_post(box, &late.message);
  CHECK_EQ(dropped, 2);
  CHECK_EQ(delivered, 0);
  ar_mailbox_unref(box);
}

TEST("a loop that expects a message is alive") {
  ar_loop *loop;
  (void)open_box(&loop);
  CHECK(!ar_loop_is_alive(loop));
  ar_loop_expect(loop, 2);
  ar_loop_expect(loop, -1);
  CHECK(ar_loop_is_alive(loop));
  ar_loop_expect(loop, -1);
  CHECK(!ar_loop_is_alive(loop));
  CHECK_EQ(ar_loop_free(loop), 0);
}

/* ---- the pool ----------------------------------------------------------- */

/* Work that waits for a byte. */
typedef struct {
  ar_work work; /* first */
  int gate;
  int taken, discarded; /* atomic */
} job;

static int ended;
static int gate[2];

static void on_done(ar_op *op) {
  (void)op;
  ended++;
}

static void pass_gate(ar_work *work) {
  char byte;
  __atomic_store_n(&((job *)work)->taken, 1, __ATOMIC_SEQ_CST);
  work->result = read(((job *)work)->gate, &byte, 1) == 1 ? 0 : AR_EIO;
}

static void discard(ar_work *work) {
  __atomic_store_n(&((job *)work)->discarded, 1, __ATOMIC_SEQ_CST);
}

static void start(ar_pool *pool, ar_loop *loop, job *j) {
  ar_work_init(&j->work, pass_gate, discard);
  j->gate = gate[0];
  j->taken = j->discarded = 0;
  j->work.op.done = on_done;
  CHECK_EQ(ar_pool_start(pool, loop, &j->work), 0);
}

static ar_pool *open_pool(unsigned threads, ar_loop **loop) {
  ar_pool *pool;
  ended = 0;
  CHECK_EQ(pipe(gate), 0);
  CHECK_EQ(ar_loop_new(loop), 0);
  CHECK_EQ(ar_pool_new(threads, &pool), 0);
  return pool;
}

static void let_pass(int n) {
  for (int i = 0; i < n; i++)
    CHECK_EQ(write(gate[1], "x", 1), 1);
}

static void close_gate(void) {
  (void)close(gate[0]);
  (void)close(gate[1]);
}

TEST("work that blocks ends in the loop, more of it than threads") {
  ar_loop *loop;
  ar_pool *pool = open_pool(2, &loop);
  job jobs[7];
  for (int i = 0; i < 7; i++)
    start(pool, loop, &jobs[i]);
  CHECK(ar_loop_is_alive(loop));
  let_pass(7);
  while (ended < 7)
    ar_loop_wait(loop, AR_TIME_MAX);
  for (int i = 0; i < 7; i++)
    CHECK_EQ(jobs[i].work.op.result, 0);
  CHECK(!ar_loop_is_alive(loop));
  ar_pool_close(pool);
  CHECK_EQ(ar_loop_free(loop), 0);
  close_gate();
}

TEST("work in the queue can be cancelled, work at a thread cannot") {
  ar_loop *loop;
  ar_pool *pool = open_pool(1, &loop);
  job first, second;
  start(pool, loop, &first);
  while (!__atomic_load_n(&first.taken, __ATOMIC_SEQ_CST))
    (void)usleep(1000);
  start(pool, loop, &second);
  CHECK(ar_op_cancel(&second.work.op));
  let_pass(1);
  while (ended < 1)
    ar_loop_wait(loop, AR_TIME_MAX);
  CHECK_EQ(first.work.op.result, 0);
  CHECK(!ar_loop_is_alive(loop));
  ar_pool_close(pool);
  CHECK_EQ(ar_loop_free(loop), 0);
  close_gate();
}

TEST("abandoned work is discarded, once it ends, by whoever sees that") {
  ar_loop *loop;
  ar_pool *pool = open_pool(1, &loop);
  static job running, queued;
  start(pool, loop, &running);
  while (!__atomic_load_n(&running.taken, __ATOMIC_SEQ_CST))
    (void)usleep(1000);
  start(pool, loop, &queued);
  ar_op_abandon(&queued.work.op);
  CHECK_EQ(queued.discarded, 1);
  ar_op_abandon(&running.work.op);
  CHECK_EQ(ar_loop_free(loop), 0); /* does not wait for it */
  ar_pool_close(pool);
  CHECK_EQ(running.discarded, 0);
  let_pass(1);
  while (!__atomic_load_n(&running.discarded, __ATOMIC_SEQ_CST) ||
         ar_mem_stats().live_blocks > 0) /* the thread lets go of the pool */
    (void)usleep(1000);
  CHECK_EQ(ended, 0);
  close_gate();
}
