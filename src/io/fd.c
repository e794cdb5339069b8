/*
 * A descriptor whose readiness can be waited for.
 */

#include "io/fd.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include "base/err.h"
#include "base/mem.h"

struct ar_fd {
  uv_poll_t poll; /* first: given back in its close callback */
  ar_loop *loop;  /* borrowed: outlives every handle */
  ar_op ops[2];   /* by ar_side */
  int fd;
  int proxy;                /* an epoll of its own, see below; -1: none */
  int polled;               /* the events that are asked for now */
  unsigned char unheard[2]; /* by ar_side: events since its last wait */
  bool owned;
  bool watched; /* `poll` is initialised */
};

static int events_of(ar_side side) {
  return side == AR_SIDE_READ ? UV_READABLE : UV_WRITABLE;
}

/* ---- descriptors of others ---------------------------------------------- */

/* libuv makes what it polls non-blocking, and others may have the same open
 * file: a terminal that is only waited for would lose what is printed on it.
 * So libuv polls an epoll that watches the descriptor, which stays as it is. */

/* Tell the proxy which events count from now on. */
static ar_err instruct(const ar_fd *f, int events) {
  struct epoll_event wanted = {0};
  if (events == 0) {
    (void)epoll_ctl(f->proxy, EPOLL_CTL_DEL, f->fd, &wanted);
    return 0; /* one that was closed is out already */
  }
  wanted.events = ((events & UV_READABLE) != 0 ? EPOLLIN : 0) |
                  ((events & UV_WRITABLE) != 0 ? EPOLLOUT : 0);
  if (epoll_ctl(f->proxy, EPOLL_CTL_MOD, f->fd, &wanted) == 0)
    return 0;
  if (errno == ENOENT &&
      epoll_ctl(f->proxy, EPOLL_CTL_ADD, f->fd, &wanted) == 0)
    return 0;
  return ar_err_from_errno(errno);
}

/* What the proxy has seen. An error is for both sides. */
static int events_seen(const ar_fd *f) {
  struct epoll_event event;
  int events = 0;
  if (epoll_wait(f->proxy, &event, 1, 0) != 1)
    return 0;
  if ((event.events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
    events |= UV_READABLE;
  if ((event.events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
    events |= UV_WRITABLE;
  return events & f->polled;
}

static void drop_proxy(ar_fd *f) {
  if (f->proxy >= 0)
    (void)close(f->proxy);
  f->proxy = -1;
}

/* ---- events ------------------------------------------------------------- */

static void on_ready(uv_poll_t *poll, int status, int events);

static ar_err poll_for(ar_fd *f, int events) {
  bool by_proxy = f->proxy >= 0;
  ar_err err = 0;
  if (events == f->polled)
    return 0;
  if (by_proxy)
    err = instruct(f, events);
  if (events == 0)
    (void)uv_poll_stop(&f->poll); /* cannot fail */
  else if (err == 0 && (!by_proxy || f->polled == 0))
    err = uv_poll_start(&f->poll, by_proxy ? UV_READABLE : events, on_ready);
  if (err == 0)
    f->polled = events;
  return err;
}

/* Events that nobody waits for come back each turn. Of those to read one is
 * borne: who has read is mostly only about to wait again, and to end the
 * interest and begin it anew are two calls of the system each. */
static const unsigned char patience[] = {1, 0}; /* by ar_side */

/* How much of `events` has become too much. */
static int nuisance(ar_fd *f, int events) {
  int ended = 0;
  for (int side = AR_SIDE_READ; side <= AR_SIDE_WRITE; side++) {
    int event = events_of((ar_side)side);
    if ((events & event) != 0 && f->unheard[side]++ >= patience[side])
      ended |= event;
  }
  return ended;
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  ar_fd *f = ar_container_of(poll, ar_fd, poll);
  int unheard = 0, ended;
  if (status < 0) { /* libuv stops polling at an error: it is for both */
    events = UV_READABLE | UV_WRITABLE;
    f->polled = 0;
  } else if (f->proxy >= 0) {
    events = events_seen(f);
  }
  for (int side = AR_SIDE_READ; side <= AR_SIDE_WRITE; side++) {
    int event = events_of((ar_side)side);
    if ((events & event) == 0)
      continue;
    if (ar_op_is_pending(&f->ops[side]))
      ar_op_end(&f->ops[side], 0);
    else
      unheard |= event;
  }
  if (AR_LIKELY(unheard == 0))
    return;
  ended = nuisance(f, unheard);
  /* Polling for less cannot fail but for memory, and then the event is merely
   * unheard once more. */
  if ((f->polled & ended) != 0)
    (void)poll_for(f, f->polled & ~ended);
}

static bool cancel_wait(ar_op *op) {
  (void)op; /* an event that still comes is unheard */
  return true;
}

static void orphan_wait(ar_op *op) {
  (void)op; /* it is part of its descriptor, which has an owner */
}

static const ar_op_kind wait_kind = {cancel_wait, orphan_wait};

ar_err ar_fd_new(ar_loop *loop, int fd, bool owned, ar_fd **out) {
  ar_fd *f = ar_mem_zalloc(sizeof *f);
  if (f == NULL)
    return AR_ENOMEM;
  f->loop = loop;
  f->fd = fd;
  f->proxy = -1;
  f->owned = owned;
  ar_op_init(&f->ops[AR_SIDE_READ], &wait_kind);
  ar_op_init(&f->ops[AR_SIDE_WRITE], &wait_kind);
  *out = f;
  return 0;
}

bool ar_fd_is_owned(const ar_fd *f) {
  return f->owned;
}

int ar_fd_number(const ar_fd *f) {
  return f->fd;
}

ar_op *ar_fd_op(ar_fd *f, ar_side side) {
  return &f->ops[side];
}

/* Polling begins with the first wait: many descriptors are ready always. */
static ar_err watch(ar_fd *f) {
  ar_err err;
  if (!f->owned) {
    f->proxy = epoll_create1(EPOLL_CLOEXEC);
    if (f->proxy < 0)
      return ar_err_from_errno(errno);
  }
  err =
      uv_poll_init(ar_loop_uv(f->loop), &f->poll, f->owned ? f->fd : f->proxy);
  if (err != 0) {
    drop_proxy(f);
    return err;
  }
  uv_unref((uv_handle_t *)&f->poll); /* its ops keep the loop alive */
  f->watched = true;
  return 0;
}

ar_err ar_fd_wait(ar_fd *f, ar_side side) {
  int events = events_of(side);
  if (!f->watched) {
    ar_err err = watch(f);
    if (err != 0)
      return err;
  }
  if ((f->polled & events) == 0) {
    ar_err err = poll_for(f, f->polled | events);
    if (err != 0)
      return err;
  }
  f->unheard[side] = 0;
  ar_op_begin(&f->ops[side], f->loop);
  return 0;
}

static void on_closed(uv_handle_t *handle) {
  ar_fd *f = ar_container_of(handle, ar_fd, poll);
  ar_mem_free(f, sizeof *f);
}

void ar_fd_forsake(ar_fd *f) {
  for (int side = AR_SIDE_READ; side <= AR_SIDE_WRITE; side++)
    if (ar_op_is_pending(&f->ops[side]))
      ar_op_end(&f->ops[side], AR_OP_CLOSED);
}

void ar_fd_release(ar_fd *f) {
  f->owned = false;
}

void ar_fd_close(ar_fd *f) {
  ar_fd_forsake(f);
  if (f->watched)
    uv_close((uv_handle_t *)&f->poll, on_closed); /* before its number goes */
  if (f->owned)
    (void)close(f->fd);
  drop_proxy(f);
  if (!f->watched)
    ar_mem_free(f, sizeof *f);
}
