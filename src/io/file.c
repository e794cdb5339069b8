/*
 * A file: its life, its buffer, and who does its work.
 */

#define _GNU_SOURCE /* memmem */

#include "io/file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "io/fileio.h"

/* A larger buffer is given back when it is empty. */
#define KEPT ((size_t)4 << 20)

/* Less is copied. */
#define GIVEN ((size_t)32 << 10)

static void run(ar_work *work) {
  ar_file *f = ar_container_of(work, ar_file, work);
  work->result = f->act(f, false);
}

static void discard(ar_work *work) {
  ar_file_unref(ar_container_of(work, ar_file, work));
}

ar_err ar_file_new(const char *path, ar_file **out) {
  ar_file *f = ar_mem_zalloc(sizeof *f);
  if (f == NULL)
    return AR_ENOMEM;
  if (path != NULL) {
    size_t size = strlen(path) + 1;
    f->path = ar_mem_alloc(size);
    if (f->path == NULL) {
      ar_mem_free(f, sizeof *f);
      return AR_ENOMEM;
    }
    memcpy(f->path, path, size);
  }
  ar_work_init(&f->work, run, discard);
  atomic_init(&f->refs, 1);
  f->fd = -1;
  f->owned = true;
  f->chunk = AR_FILE_CHUNK;
  *out = f;
  return 0;
}

static size_t block_size(const ar_file *f) {
  return f->head + f->capacity + 1;
}

static void free_buffer(ar_file *f) {
  if (f->buffer != NULL)
    ar_mem_free(f->buffer - f->head, block_size(f));
  f->buffer = NULL;
  f->capacity = 0;
}

void ar_file_unref(ar_file *f) {
  if (atomic_fetch_sub(&f->refs, 1) > 1)
    return;
  if (f->fd >= 0)
    (void)ar_file_close(f, false);
  free_buffer(f);
  if (f->lasts)
    (void)unlink(f->path);
  if (f->path != NULL)
    ar_mem_free(f->path, strlen(f->path) + 1);
  ar_mem_free(f, sizeof *f);
}

bool ar_file_try(ar_file *f, ar_file_fn *act, ar_err *result) {
  *result = act(f, true);
  return *result != AR_EAGAIN;
}

ar_err ar_file_start(ar_file *f, ar_file_fn *act, ar_pool *pool,
                     ar_loop *loop) {
  ar_err err;
  f->act = act;
  atomic_fetch_add(&f->refs, 1);
  err = ar_pool_start(pool, loop, &f->work);
  if (err != 0)
    atomic_fetch_sub(&f->refs, 1);
  return err;
}

/* ---- the buffer --------------------------------------------------------- */

ar_err ar_file_reserve(ar_file *f, size_t size) {
  size_t have = f->to - f->from;
  char *old, *grown;
  if (f->capacity - f->to >= size)
    return 0;
  if (have > 0 && f->from > 0)
    memmove(f->buffer, f->buffer + f->from, have);
  f->from = 0;
  f->to = have;
  if (f->capacity - have >= size)
    return 0;
  if (size > SIZE_MAX / 4 || have > SIZE_MAX / 4)
    return AR_ENOMEM;
  old = f->buffer != NULL ? f->buffer - f->head : NULL;
  grown = ar_mem_realloc(old, old != NULL ? block_size(f) : 0,
                         f->head + have + size + 1);
  if (grown == NULL)
    return AR_ENOMEM;
  f->buffer = grown + f->head;
  f->capacity = have + size;
  return 0;
}

void ar_file_forget(ar_file *f) {
  f->from = f->to = f->scanned = 0;
  f->dirty = false;
  if (f->capacity > KEPT)
    free_buffer(f);
}

void ar_file_take(ar_file *f, size_t n) {
  AR_ASSERT(!f->dirty && n <= f->to - f->from);
  f->from += n;
  f->scanned -= n < f->scanned ? n : f->scanned;
  if (f->from == f->to)
    ar_file_forget(f);
}

char *ar_file_give(ar_file *f, size_t *size) {
  size_t n = ar_file_available(f);
  char *block;
  if (n < GIVEN || f->from > 0 || f->capacity - n > n / 4)
    return NULL;
  block = ar_mem_lua_alloc(NULL, f->buffer - f->head, block_size(f),
                           f->head + n + 1); /* shrinks: cannot fail */
  f->buffer = NULL;
  f->capacity = 0;
  ar_file_forget(f);
  *size = n;
  return block;
}

/* Length up to and with the first end of a line of n bytes, 0: none. A '\r'
 * that stands last may be half of one. */
static size_t find_end(const ar_file *f, const char *p, size_t n) {
  const char *cr, *lf;
  switch (f->line_end) {
    case AR_LINE_LF:
      lf = memchr(p, '\n', n);
      return lf != NULL ? (size_t)(lf - p) + 1 : 0;
    case AR_LINE_CR:
      cr = memchr(p, '\r', n);
      return cr != NULL ? (size_t)(cr - p) + 1 : 0;
    case AR_LINE_CRLF:
      lf = memmem(p, n, "\r\n", 2);
      return lf != NULL ? (size_t)(lf - p) + 2 : 0;
    case AR_LINE_ANY:
      cr = memchr(p, '\r', n);
      lf = memchr(p, '\n', cr != NULL ? (size_t)(cr - p) : n);
      if (lf != NULL)
        return (size_t)(lf - p) + 1;
      if (cr == NULL || (size_t)(cr - p) + 1 == n)
        return cr != NULL && f->ended ? n : 0;
      return (size_t)(cr - p) + (cr[1] == '\n' ? 2 : 1);
  }
  return 0;
}

size_t ar_file_line(ar_file *f) {
  size_t have = ar_file_available(f), found;
  if (have == 0)
    return 0;
  found = find_end(f, ar_file_data(f) + f->scanned, have - f->scanned);
  if (found > 0)
    return f->scanned + found;
  f->scanned = have - 1; /* its last byte may begin an end of two */
  return 0;
}

ar_err ar_file_put(ar_file *f, const char *data, size_t size) {
  size_t room = f->capacity == 0 && size < f->chunk ? f->chunk : size;
  ar_err err;
  AR_ASSERT(f->dirty || f->from == f->to);
  err = ar_file_reserve(f, room);
  if (err != 0)
    return err;
  memcpy(f->buffer + f->to, data, size);
  f->to += size;
  f->dirty = true;
  return 0;
}

ar_err ar_file_tell(const ar_file *f, int64_t *out) {
  off_t at = lseek(f->fd, 0, SEEK_CUR);
  int64_t pending = (int64_t)(f->to - f->from);
  if (at < 0)
    return ar_err_from_errno(errno);
  *out = (int64_t)at + (f->dirty ? pending : -pending);
  return 0;
}
