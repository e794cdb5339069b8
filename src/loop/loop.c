/*
** loop.c - one turn of libuv with a time limit.
*/
#include "loop/loop.h"

#include <uv.h>

#include "base/err.h"
#include "base/mem.h"
#include "loop/mailbox.h"
#include "loop/signal.h"

struct ar_loop {
  uv_loop_t uv;
  uv_timer_t limit;    /* ends a wait; active only inside ar_loop_wait */
  bool passed;         /* it did, in the last wait */
  uv_async_t wake;     /* referenced inside ar_loop_wait, and while ... */
  size_t expected;     /* ... this is not 0: events that are waited for */
  ar_mailbox *mailbox; /* owned (a reference); NULL: not asked for yet */
};

/* The numbers of err.def are libuv's on this system. */
_Static_assert((int)AR_ECANCELED == (int)UV_ECANCELED,
               "err.def and libuv disagree");
_Static_assert((int)AR_ENOMEM == (int)UV_ENOMEM, "err.def and libuv disagree");
_Static_assert((int)AR_EOF == (int)UV_EOF, "err.def and libuv disagree");

static void on_wake(uv_async_t *wake) {
  ar_loop *loop = ar_container_of(wake, ar_loop, wake);
  if (loop->mailbox != NULL) /* else its arrival is all it says */
    ar_mailbox_empty(loop->mailbox);
  ar_signal_look(loop);
}

static void on_limit(uv_timer_t *limit) {
  ar_container_of(limit, ar_loop, limit)->passed = true;
  /* Where the process was held up, the time is over when uv_run begins: it
   * fires the timer first and would then wait for events without a limit. */
  uv_stop(limit->loop);
}

ar_err ar_loop_new(ar_loop **out) {
  ar_err err;
  ar_loop *loop = ar_mem_zalloc(sizeof *loop);
  if (loop == NULL)
    return AR_ENOMEM;
  err = uv_loop_init(&loop->uv);
  if (err != 0)
    goto free_memory;
  err = uv_async_init(&loop->uv, &loop->wake, on_wake);
  if (err != 0)
    goto close_loop;
  uv_unref((uv_handle_t *)&loop->wake);
  (void)uv_timer_init(&loop->uv, &loop->limit); /* cannot fail */
  *out = loop;
  return 0;
close_loop:
  (void)uv_loop_close(&loop->uv);
free_memory:
  ar_mem_free(loop, sizeof *loop);
  return err;
}

typedef struct {
  ar_loop *loop;
  unsigned others;
} leftovers;

static void close_one(uv_handle_t *handle, void *arg) {
  leftovers *left = arg;
  if (uv_is_closing(handle))
    return;
  if (handle != (uv_handle_t *)&left->loop->wake &&
      handle != (uv_handle_t *)&left->loop->limit)
    left->others++;
  uv_close(handle, NULL);
}

unsigned ar_loop_free(ar_loop *loop) {
  leftovers left = {loop, 0};
  if (loop->mailbox != NULL)
    ar_mailbox_close(loop->mailbox);
  loop->mailbox = NULL;
  uv_walk(&loop->uv, close_one, &left);
  while (uv_loop_close(&loop->uv) == UV_EBUSY)
    (void)uv_run(&loop->uv, UV_RUN_ONCE); /* let close callbacks run */
  ar_mem_free(loop, sizeof *loop);
  return left.others;
}

bool ar_loop_is_alive(const ar_loop *loop) {
  return uv_loop_alive(&loop->uv) != 0;
}

void ar_loop_expect(ar_loop *loop, int by) {
  AR_ASSERT(by > 0 || loop->expected >= (size_t)-by);
  loop->expected += (size_t)by;
  if (loop->expected == 0)
    uv_unref((uv_handle_t *)&loop->wake);
  else
    uv_ref((uv_handle_t *)&loop->wake);
}

ar_err ar_mailbox_of(ar_loop *loop, ar_mailbox **out) {
  if (loop->mailbox == NULL) {
    ar_err err = ar_mailbox_new(loop, &loop->mailbox);
    if (err != 0)
      return err;
  }
  *out = loop->mailbox;
  return 0;
}

void ar_loop_poll(ar_loop *loop) {
  (void)uv_run(&loop->uv, UV_RUN_NOWAIT);
}

/* Only for the one event that is waited for at all: where there are others,
 * several threads may have work, and this one would keep a processor from them;
 * or an event comes that nobody would see meanwhile. */
static bool linger(ar_loop *loop, ar_time timeout) {
  if (loop->mailbox == NULL ||
      !ar_mailbox_linger(loop->mailbox, timeout, loop->expected == 1))
    return false;
  ar_mailbox_empty(loop->mailbox);
  return true;
}

bool ar_loop_wait(ar_loop *loop, ar_time timeout) {
  loop->passed = false;
  if (timeout <= 0) {
    ar_loop_poll(loop);
    return true;
  }
  if (linger(loop, timeout)) {
    ar_loop_poll(loop); /* events of other kinds have their turn as ever */
    return false;
  }
  if (timeout != AR_TIME_MAX) {
    /* libuv counts whole milliseconds: round up, so as never to wake before
    ** the deadline and then spin until it has come. */
    uint64_t ms = ((uint64_t)timeout + 999999) / 1000000;
    uv_update_time(&loop->uv);
    (void)uv_timer_start(&loop->limit, on_limit, ms, 0);
  }
  /* Without a referenced handle uv_run would return instead of waiting. */
  uv_ref((uv_handle_t *)&loop->wake);
  (void)uv_run(&loop->uv, UV_RUN_ONCE);
  if (loop->expected == 0)
    uv_unref((uv_handle_t *)&loop->wake);
  (void)uv_timer_stop(&loop->limit);
  return loop->passed;
}

void ar_loop_wake(ar_loop *loop) {
  (void)uv_async_send(&loop->wake);
}

struct uv_loop_s *ar_loop_uv(ar_loop *loop) {
  return &loop->uv;
}

const char *ar_loop_version(void) {
  return uv_version_string();
}
