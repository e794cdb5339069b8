/*
 * A file of the C library.
 */

#include "io/cfile.h"

#include <errno.h>
#include <poll.h>
#include <stdio_ext.h>
#include <sys/stat.h>

#include "base/err.h"

#ifdef __GLIBC__

/* The flag that bytes which were put back are what is being read: a part of
 * the library's binary interface that has no name in its headers. */
#define PUT_BACK 0x100

ar_cfile_ahead ar_cfile_look(const FILE *f) {
  ar_cfile_ahead a = {f->_IO_read_ptr, 0, false};
  if (f->_IO_write_ptr > f->_IO_write_base)
    return a; /* it is being written */
  a.n = (size_t)(f->_IO_read_end - f->_IO_read_ptr);
  a.more = (f->_flags & PUT_BACK) != 0 && f->_IO_save_end > f->_IO_save_base;
  return a;
}

#else

ar_cfile_ahead ar_cfile_look(const FILE *f) {
  ar_cfile_ahead a = {NULL, 0, false};
  (void)f;
  return a;
}

#endif

void ar_cfile_take(FILE *f, char *to, size_t n) {
  size_t got = fread(to, 1, n, f);
  AR_ASSERT(got == n);
  (void)got;
}

bool ar_cfile_put_back(FILE *f, const char *from, size_t n) {
  while (n > 0)
    if (ungetc((unsigned char)from[--n], f) == EOF)
      return false;
  return true;
}

/* A character that is read and put back leaves the others read ahead. */
ar_err ar_cfile_fill(FILE *f) {
  for (;;) {
    int c = getc(f), number = errno;
    if (c != EOF)
      return ungetc(c, f) != EOF ? 0 : AR_ENOMEM;
    if (!ferror(f))
      return AR_EOF;
    if (number != EINTR && number != EAGAIN)
      return ar_err_from_errno(number);
    clearerr(f); /* nothing happened */
    if (number == EAGAIN)
      return AR_EAGAIN;
  }
}

bool ar_cfile_is_ready(FILE *f, bool writes) {
  struct pollfd one = {fileno(f), writes ? POLLOUT : POLLIN, 0};
  return poll(&one, 1, 0) != 0; /* an error is for the call to tell */
}

bool ar_cfile_can_wait(FILE *f) {
#ifdef __GLIBC__
  struct stat st;
  return fstat(fileno(f), &st) == 0 && !S_ISREG(st.st_mode) &&
         !S_ISBLK(st.st_mode) && !S_ISDIR(st.st_mode);
#else
  (void)f;
  return false;
#endif
}

bool ar_cfile_is_pipe(FILE *f) {
  struct stat st;
  return fstat(fileno(f), &st) == 0 && S_ISFIFO(st.st_mode);
}

size_t ar_cfile_pending(FILE *f) {
  return __fpending(f);
}

bool ar_cfile_has_room(FILE *f, size_t n) {
  return !__flbf(f) && n <= __fbufsize(f) - __fpending(f);
}

void ar_cfile_flush_lines(FILE *f) {
  if (__flbf(f))
    (void)fflush(f);
}
