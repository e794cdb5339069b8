/*
 * A file: a descriptor and its buffer, worked on where it may block.
 *
 * Order of calls: ar_file_new; then one piece of work at a time: the fields of
 * the order, `act`; ar_file_try, on the loop's thread, which does what is
 * certain not to block; else ar_file_start, which does it in the pool. While
 * that is in flight nothing of the file may be touched. ar_file_unref, and an
 * open file closes.
 *
 * What is certain not to block: what the kernel answers from memory alone.
 * Linux is asked for that: preadv2 with RWF_NOWAIT, openat2 with
 * RESOLVE_CACHED. A thread costs five times what such a read does.
 *
 * The buffer holds either what was read and not yet taken, or (dirty) what is
 * to be written. The descriptor's own position is behind the buffer in the
 * first case, before it in the second.
 */

#ifndef ar_file_h
#define ar_file_h

#include <stdatomic.h>
#include <sys/types.h>

#include "io/pool.h"

typedef struct ar_file ar_file;
typedef struct ar_file_order ar_file_order;
typedef ar_err ar_file_fn(ar_file *f, bool quick);

#define AR_FILE_CHUNK 65536 /* size of a buffer, unless told otherwise */

/* How a line ends. */
typedef enum {
  AR_LINE_LF,
  AR_LINE_CR,
  AR_LINE_CRLF,
  AR_LINE_ANY
} ar_line_end;

/* What the next piece of work is told. */
struct ar_file_order {
  size_t want;    /* fill: so many bytes in the buffer, or the end */
  int64_t offset; /* seek, truncate; then: the new position, the new size */
  int whence;     /* seek: SEEK_SET, SEEK_CUR, SEEK_END */
  int flags;      /* open: open(2)'s */
  int mode;       /* open: permissions of a new file */
};

struct ar_file {
  ar_work work;     /* first */
  atomic_uint refs; /* the owner's; the pool's while work is in flight */
  ar_file_fn *act;  /* the work */
  ar_file_order order;
  int fd;     /* -1: not open */
  bool owned; /* the descriptor is closed with it */
  bool readable;
  bool writable;
  bool appends; /* writes go to the end, wherever it stands */
  bool seekable;
  bool regular;
  bool local;   /* on a file system of this machine: closing does not wait */
  bool nowait;  /* reads that do not block are worth trying */
  bool unlinks; /* `path` is removed when it is closed */
  bool lasts;   /* `path` is removed when nobody has the file any more */
  bool dirty;   /* see above */
  bool ended;   /* the last fill came to the end of the file */
  ar_line_end line_end;
  dev_t device; /* in: a local one, where opening may be tried; out: its */
  char *path;   /* owned; NULL: none */
  char *buffer; /* owned, with `head` bytes in front of it and one behind;
                   * NULL while capacity is 0 */
  size_t head;  /* set before there is a buffer */
  size_t capacity;
  size_t from;    /* first byte that is not taken */
  size_t to;      /* end of what is there */
  size_t scanned; /* bytes after `from` that hold no end of a line */
  size_t chunk;   /* how much is read, or gathered before it is written */
};

/* A file that is not open; path may be NULL. */
AR_MUST_CHECK ar_err ar_file_new(const char *path, ar_file **out);

/* Let go. The last one writes what is left and closes. */
void ar_file_unref(ar_file *f);

/* Do it here, if that is certain not to block. False: start it. */
AR_MUST_CHECK bool ar_file_try(ar_file *f, ar_file_fn *act, ar_err *result);

/* Have it done by a thread. */
AR_MUST_CHECK ar_err ar_file_start(ar_file *f, ar_file_fn *act, ar_pool *pool,
                                   ar_loop *loop);

/* ---- pieces of work ----------------------------------------------------- */

/* Open `path` by order.flags and order.mode, and read the first piece.
 * AR_EAGAIN, from a thread: it is a named pipe. */
ar_err ar_file_open(ar_file *f, bool quick);

/* The same, though it may take for ever: until somebody opens the other end. */
ar_err ar_file_open_patiently(ar_file *f, bool quick);

/* Open a file without a name in the folder `path`. */
ar_err ar_file_open_unnamed(ar_file *f, bool quick);

/* Find out about `fd`, which was opened elsewhere. */
ar_err ar_file_adopt(ar_file *f, bool quick);

/* Read until order.want bytes are in the buffer, or the file ends. */
ar_err ar_file_fill(ar_file *f, bool quick);

/* Read until there is a whole line, order.want bytes, or the file ends. */
ar_err ar_file_fill_line(ar_file *f, bool quick);

/* Write what the buffer holds. What could not be written stays. */
ar_err ar_file_flush(ar_file *f, bool quick);

ar_err ar_file_seek(ar_file *f, bool quick);
ar_err ar_file_truncate(ar_file *f, bool quick);

/* Write what is left, close; the first error of it all. */
ar_err ar_file_close(ar_file *f, bool quick);

/* ---- the buffer, between two pieces of work ----------------------------- */

/* Bytes that can be taken. */
static inline size_t ar_file_available(const ar_file *f) {
  return f->dirty ? 0 : f->to - f->from;
}

static inline const char *ar_file_data(const ar_file *f) {
  return f->buffer + f->from;
}

/* n bytes are taken. */
void ar_file_take(ar_file *f, size_t n);

/* Take all that is there with the memory it is in, which begins `head` bytes
 * before it and ends one byte behind it; NULL: that is not worth it, or too
 * much room is left. */
char *ar_file_give(ar_file *f, size_t *size);

/* Length of the line that the buffer begins with, its end included; 0: there
 * is no whole one. */
size_t ar_file_line(ar_file *f);

/* Append to what is to be written. */
AR_MUST_CHECK ar_err ar_file_put(ar_file *f, const char *data, size_t size);

/* Where the next byte is read or written. */
AR_MUST_CHECK ar_err ar_file_tell(const ar_file *f, int64_t *out);

#endif
