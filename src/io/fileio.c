/*
 * A file: reading, writing, seeking.
 */

#define _GNU_SOURCE /* preadv2, memmem */

#include "io/fileio.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/err.h"

/* ---- reading ------------------------------------------------------------ */

static ssize_t read_quick(ar_file *f, char *to, size_t n) {
  struct iovec piece = {to, n};
  ssize_t got = preadv2(f->fd, &piece, 1, -1, RWF_NOWAIT);
  if (got < 0 && errno != EAGAIN) {
    f->nowait = false; /* a file system that cannot: the thread finds out */
    errno = EAGAIN;
  }
  return got;
}

/* One read to the end of the buffer, where there is room. */
static ar_err read_once(ar_file *f, bool quick) {
  size_t room = f->capacity - f->to;
  ssize_t got;
  do {
    got = quick ? read_quick(f, f->buffer + f->to, room)
                : read(f->fd, f->buffer + f->to, room);
  } while (got < 0 && errno == EINTR);
  if (got < 0)
    return ar_err_from_errno(errno);
  f->to += (size_t)got;
  f->ended = got == 0;
  return 0;
}

/* How much more is in the file, as far as that can be told. */
static size_t what_is_left(const ar_file *f) {
  struct stat st;
  off_t at;
  if (!f->regular || fstat(f->fd, &st) != 0)
    return 0;
  at = lseek(f->fd, 0, SEEK_CUR);
  return at >= 0 && st.st_size > at ? (size_t)(st.st_size - at) : 0;
}

/* How much to make room for, when `have` of order.want bytes are there. */
static size_t next_piece(const ar_file *f, size_t have) {
  size_t missing = f->order.want - have, left;
  if (missing <= f->chunk)
    return f->chunk;
  /* Not more than there is: who asks for all says SIZE_MAX. The one byte more
   * is where the end shows. */
  left = what_is_left(f) + 1;
  if (missing < left)
    left = missing;
  if (left < f->chunk)
    left = f->chunk;
  return left > have / 2 ? left : have / 2;
}

static ar_err read_more(ar_file *f, bool quick) {
  ar_err err = 0;
  if (f->capacity == f->to)
    err = ar_file_reserve(f, next_piece(f, f->to - f->from));
  return err != 0 ? err : read_once(f, quick);
}

/* Where a file system cannot read without blocking, the end of a file can
 * still be seen. */
static ar_err begin_reading(ar_file *f, bool quick) {
  f->ended = false;
  if (f->dirty)
    return ar_file_flush(f, quick);
  if (!quick || f->nowait)
    return 0;
  f->ended = f->local && what_is_left(f) == 0;
  return f->ended ? 0 : AR_EAGAIN;
}

/* More is a thread's to read, even where that does not block. */
#define QUICK_MAX ((size_t)1 << 20)

ar_err ar_file_fill(ar_file *f, bool quick) {
  ar_err err = begin_reading(f, quick);
  size_t most = quick ? f->to - f->from + QUICK_MAX : SIZE_MAX;
  while (err == 0 && !f->ended && f->to - f->from < f->order.want)
    err = f->to - f->from < most ? read_more(f, quick) : AR_EAGAIN;
  return err;
}

ar_err ar_file_fill_line(ar_file *f, bool quick) {
  ar_err err = begin_reading(f, quick);
  size_t want = f->order.want;
  while (err == 0 && !f->ended && f->to - f->from < want &&
         ar_file_line(f) == 0) {
    size_t have = f->to - f->from;
    f->order.want = have + have / 2 + 1; /* a long line comes in few pieces */
    err = read_more(f, quick);
  }
  f->order.want = want;
  return err;
}

/* ---- writing ------------------------------------------------------------ */

ar_err ar_file_flush(ar_file *f, bool quick) {
  if (!f->dirty)
    return 0;
  if (quick)
    return AR_EAGAIN;
  while (f->from < f->to) {
    ssize_t n = write(f->fd, f->buffer + f->from, f->to - f->from);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return ar_err_from_errno(errno);
    f->from += (size_t)n;
  }
  ar_file_forget(f);
  return 0;
}

/* ---- where it stands ---------------------------------------------------- */

/* A place inside what was read, which need not be read again. */
static bool is_near(ar_file *f, int64_t target) {
  int64_t at;
  if (f->dirty || f->from == f->to || ar_file_tell(f, &at) != 0)
    return false;
  return target >= at - (int64_t)f->from &&
         target <= at + (int64_t)(f->to - f->from);
}

static ar_err seek_to(ar_file *f, int64_t target) {
  int64_t at;
  off_t now;
  if (target < 0)
    return AR_EINVAL;
  if (is_near(f, target)) {
    ar_err err = ar_file_tell(f, &at);
    if (err != 0)
      return err;
    f->from = (size_t)((int64_t)f->from + target - at);
    f->scanned = 0;
    f->order.offset = target;
    return 0;
  }
  now = lseek(f->fd, (off_t)target, SEEK_SET);
  if (now < 0)
    return ar_err_from_errno(errno);
  ar_file_forget(f);
  f->order.offset = (int64_t)now;
  return 0;
}

ar_err ar_file_seek(ar_file *f, bool quick) {
  ar_err err = ar_file_flush(f, quick);
  int64_t base = 0;
  struct stat st;
  if (err != 0)
    return err;
  if (!f->seekable)
    return AR_ESPIPE;
  if (f->order.whence == SEEK_CUR) {
    err = ar_file_tell(f, &base);
  } else if (f->order.whence == SEEK_END) {
    if (quick && !f->local)
      return AR_EAGAIN;
    err = fstat(f->fd, &st) == 0 ? 0 : ar_err_from_errno(errno);
    base = err == 0 ? (int64_t)st.st_size : 0;
    if (err == 0 && !f->regular) { /* a disk: its size is where it ends */
      off_t end = lseek(f->fd, 0, SEEK_END);
      ar_file_forget(f);
      base = end < 0 ? 0 : (int64_t)end;
    }
  }
  if (err != 0)
    return err;
  if (f->order.offset > 0 && base > INT64_MAX - f->order.offset)
    return AR_EINVAL;
  return seek_to(f, base + f->order.offset);
}

/* The size is order.offset, or, when that is negative, where it stands. */
ar_err ar_file_truncate(ar_file *f, bool quick) {
  int64_t at, size = f->order.offset;
  ar_err err;
  if (quick)
    return AR_EAGAIN;
  err = ar_file_flush(f, false);
  if (err == 0)
    err = ar_file_tell(f, &at);
  if (err != 0)
    return err;
  if (size < 0)
    size = at;
  while (ftruncate(f->fd, (off_t)size) != 0)
    if (errno != EINTR)
      return ar_err_from_errno(errno);
  if (f->from < f->to) { /* what was read ahead may be gone */
    if (lseek(f->fd, (off_t)at, SEEK_SET) < 0)
      return ar_err_from_errno(errno);
    ar_file_forget(f);
  }
  f->order.offset = size;
  return 0;
}

/* ---- the end ------------------------------------------------------------ */

ar_err ar_file_close(ar_file *f, bool quick) {
  ar_err err;
  int fd = f->fd;
  if (quick &&
      (f->dirty || f->writable || f->unlinks || (f->owned && !f->local)))
    return AR_EAGAIN;
  err = ar_file_flush(f, false);
  ar_file_forget(f);
  f->fd = -1;
  if (f->unlinks && unlink(f->path) != 0 && err == 0 && errno != ENOENT)
    err = ar_err_from_errno(errno);
  f->unlinks = false;
  /* Linux has closed it whatever close says; EINTR is no failure. */
  if (f->owned && close(fd) != 0 && err == 0 && errno != EINTR)
    err = ar_err_from_errno(errno);
  return err;
}
