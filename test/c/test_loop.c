/* The loop: waiting with a limit, waking, closing. */

#include "loop/loop.h"

#include <pthread.h>
#include <sys/resource.h>
#include <uv.h>

#include "base/err.h"
#include "ctest.h"
#include "loop/clock.h"

enum {
  MS = 1000000
};

static ar_loop *new_loop(void) {
  ar_loop *loop = NULL;
  CHECK_EQ(ar_loop_new(&loop), 0);
  return loop;
}

TEST("an empty loop is not alive, polls at once and closes clean") {
  ar_loop *loop = new_loop();
  CHECK(!ar_loop_is_alive(loop));
  ar_loop_poll(loop);
  ar_loop_wait(loop, 0);
  ar_loop_wait(loop, -5);
  CHECK(!ar_loop_is_alive(loop));
  CHECK_EQ(ar_loop_free(loop), 0);
}

TEST("a wait ends when its time has passed, not before") {
  ar_loop *loop = new_loop();
  ar_time start = ar_clock_monotonic();
  ar_loop_wait(loop, 20 * MS);
  CHECK(ar_clock_monotonic() - start >= 19 * MS);
  CHECK(!ar_loop_is_alive(loop));
  CHECK_EQ(ar_loop_free(loop), 0);
}

TEST("a time below a millisecond is waited for, too") {
  ar_loop *loop = new_loop();
  ar_time start = ar_clock_monotonic();
  for (int i = 0; i < 3; i++)
    ar_loop_wait(loop, 1);
  CHECK(ar_clock_monotonic() - start >= MS);
  CHECK_EQ(ar_loop_free(loop), 0);
}

TEST("a wake-up that came before the wait ends it") {
  ar_loop *loop = new_loop();
  ar_loop_wake(loop);
  ar_loop_wake(loop);
  ar_loop_wait(loop, AR_TIME_MAX);
  CHECK_EQ(ar_loop_free(loop), 0);
}

static void *wake(void *arg) {
  ar_loop_wake(arg);
  return NULL;
}

TEST("another thread can end a wait that has no limit") {
  ar_loop *loop = new_loop();
  pthread_t thread;
  CHECK_EQ(pthread_create(&thread, NULL, wake, loop), 0);
  ar_loop_wait(loop, AR_TIME_MAX);
  CHECK_EQ(pthread_join(thread, NULL), 0);
  CHECK_EQ(ar_loop_free(loop), 0);
}

static void on_timer(uv_timer_t *timer) {
  ++*(int *)timer->data;
}

TEST("handles of others keep the loop alive, are served, and are counted") {
  ar_loop *loop = new_loop();
  uv_timer_t timer;
  int fired = 0;
  timer.data = &fired;
  CHECK_EQ(uv_timer_init(ar_loop_uv(loop), &timer), 0);
  CHECK_EQ(uv_timer_start(&timer, on_timer, 1, 0), 0);
  CHECK(ar_loop_is_alive(loop));
  while (fired == 0)
    ar_loop_wait(loop, 1000 * (ar_time)MS);
  CHECK(!ar_loop_is_alive(loop));
  CHECK_EQ(ar_loop_free(loop), 1);
}

TEST("no memory for a loop is an error, and nothing is left") {
#ifdef AR_DEBUG
  ar_loop *loop = NULL;
  ar_mem_fail_at(1);
  CHECK_EQ(ar_loop_new(&loop), AR_ENOMEM);
  CHECK(loop == NULL);
#endif
}

TEST("the version of libuv has a text") {
  CHECK(strlen(ar_loop_version()) > 2);
}

TEST("no file descriptors for a loop: an error, and nothing is left") {
  struct rlimit limit, none;
  ar_loop *loop = NULL;
  CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  none = limit;
  none.rlim_cur = 0;
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  ar_err err = ar_loop_new(&loop);
  CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  CHECK_EQ(err, AR_EMFILE);
  CHECK(loop == NULL);
}

TEST("a wait says whether its time has passed") {
  ar_loop *loop = new_loop();
  CHECK(ar_loop_wait(loop, 0));
  CHECK(ar_loop_wait(loop, MS));
  ar_loop_wake(loop);
  CHECK(!ar_loop_wait(loop, 60000 * (ar_time)MS));
  ar_loop_wake(loop);
  CHECK(!ar_loop_wait(loop, AR_TIME_MAX));
  CHECK_EQ(ar_loop_free(loop), 0);
}

TEST("a handle that is closing already is not counted at the end") {
  ar_loop *loop = new_loop();
  uv_timer_t timers[2];
  for (int i = 0; i < 2; i++)
    CHECK_EQ(uv_timer_init(ar_loop_uv(loop), &timers[i]), 0);
  uv_close((uv_handle_t *)&timers[0], NULL);
  CHECK_EQ(ar_loop_free(loop), 1);
}
