/*
 * Where bytes come from or go to.
 */

#define _GNU_SOURCE /* preadv2 */

#include "io/endpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"

/* What a pipe that is ready takes without blocking. */
#define SURE 512

ar_endpoint ar_endpoint_own(int fd) {
  ar_endpoint e = {fd, fd, AR_WAY_OWN};
  return e;
}

/* ---- borrowing ---------------------------------------------------------- */

/* The same pipe or terminal as another open file; -1: it cannot be. */
static int open_anew(int fd, bool writes) {
  char path[32];
  (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return open(path, (writes ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_NOCTTY |
                        O_CLOEXEC);
}

/* libuv makes what it polls non-blocking: it gets this instead. */
ar_err ar_endpoint_watch(int fd, bool writes, int *out) {
  struct epoll_event event;
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  if (epoll < 0)
    return ar_err_from_errno(errno);
  event.events = writes ? EPOLLOUT : EPOLLIN;
  event.data.fd = fd;
  if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
    int number = errno;
    (void)close(epoll);
    return ar_err_from_errno(number);
  }
  *out = epoll;
  return 0;
}

ar_err ar_endpoint_borrow(int fd, bool writes, ar_endpoint *out) {
  struct stat status;
  ar_err err;
  int anew = -1;
  if (fstat(fd, &status) != 0)
    return ar_err_from_errno(errno);
  if (S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && isatty(fd)))
    anew = open_anew(fd, writes);
  if (anew >= 0) {
    *out = ar_endpoint_own(anew);
    return 0;
  }
  out->fd = fd;
  out->way = S_ISSOCK(status.st_mode) ? AR_WAY_SOCKET : AR_WAY_SHARED;
  err = ar_endpoint_watch(fd, writes, &out->watched);
  if (err == AR_EPERM) { /* of a kind that is always ready */
    out->way = AR_WAY_PLAIN;
    out->watched = -1;
    err = 0;
  }
  return err;
}

/* ---- reading ------------------------------------------------------------ */

static bool is_ready(int fd, short events) {
  struct pollfd one = {fd, events, 0};
  return poll(&one, 1, 0) != 0; /* an error is for the call to tell */
}

static ssize_t read_shared(int fd, void *to, size_t size) {
  struct iovec piece = {to, size};
  ssize_t got = preadv2(fd, &piece, 1, -1, RWF_NOWAIT);
  if (got >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
    return got;
  if (is_ready(fd, POLLIN))
    return read(fd, to, size);
  errno = EAGAIN;
  return -1;
}

static ssize_t read_by(const ar_endpoint *e, void *to, size_t size) {
  switch (e->way) {
    case AR_WAY_OWN:
    case AR_WAY_PLAIN: return read(e->fd, to, size);
    case AR_WAY_SHARED: return read_shared(e->fd, to, size);
    case AR_WAY_SOCKET: return recv(e->fd, to, size, MSG_DONTWAIT);
  }
  AR_UNREACHABLE();
}

ssize_t ar_endpoint_read(const ar_endpoint *e, void *to, size_t size) {
  ssize_t got;
  do
    got = read_by(e, to, size);
  while (got < 0 && errno == EINTR);
  return got < 0 ? ar_err_from_errno(errno) : got;
}

/* ---- writing ------------------------------------------------------------ */

static ssize_t write_shared(int fd, const void *from, size_t size) {
  struct iovec piece = {(void *)(uintptr_t)from, size};
  ssize_t put = pwritev2(fd, &piece, 1, -1, RWF_NOWAIT);
  if (put >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS))
    return put;
  if (is_ready(fd, POLLOUT))
    return write(fd, from, size < SURE ? size : SURE);
  errno = EAGAIN;
  return -1;
}

static ssize_t write_by(const ar_endpoint *e, const void *from, size_t size) {
  switch (e->way) {
    case AR_WAY_OWN:
    case AR_WAY_PLAIN: return write(e->fd, from, size);
    case AR_WAY_SHARED: return write_shared(e->fd, from, size);
    case AR_WAY_SOCKET: return send(e->fd, from, size, MSG_DONTWAIT);
  }
  AR_UNREACHABLE();
}

/* SIGPIPE is for this thread: blocked meanwhile, and taken if it came. The
 * disposition stays, so that `print` into a closed pipe ends a script as it
 * ends any program. */
ssize_t ar_endpoint_write(const ar_endpoint *e, const void *from, size_t size) {
  sigset_t pipe, old, pending;
  const struct timespec now = {0, 0};
  ssize_t put;
  int number;
  (void)sigemptyset(&pipe);
  (void)sigaddset(&pipe, SIGPIPE);
  (void)pthread_sigmask(SIG_BLOCK, &pipe, &old);
  do
    put = write_by(e, from, size);
  while (put < 0 && errno == EINTR);
  number = errno;
  if (put < 0 && number == EPIPE && !sigismember(&old, SIGPIPE) &&
      sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE))
    (void)sigtimedwait(&pipe, NULL, &now);
  (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
  return put < 0 ? ar_err_from_errno(number) : put;
}
