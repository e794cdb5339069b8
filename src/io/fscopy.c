/*
 * Copying files.
 */

#define _GNU_SOURCE /* copy_file_range */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "io/fs.h"

#define PIECE ((size_t)1 << 20)

static ar_err write_all(int fd, const char *p, size_t n) {
  while (n > 0) {
    ssize_t done = write(fd, p, n);
    if (done < 0 && errno != EINTR)
      return ar_err_from_errno(errno);
    if (done > 0) {
      p += done;
      n -= (size_t)done;
    }
  }
  return 0;
}

static ar_err copy_by_hand(int from, int to) {
  char *piece = ar_mem_alloc(PIECE);
  ar_err err = piece == NULL ? AR_ENOMEM : 0;
  while (err == 0) {
    ssize_t n = read(from, piece, PIECE);
    if (n == 0)
      break;
    if (n > 0)
      err = write_all(to, piece, (size_t)n);
    else if (errno != EINTR)
      err = ar_err_from_errno(errno);
  }
  ar_mem_free(piece, PIECE);
  return err;
}

/* The kernel copies, or shares, the blocks. What it cannot copy, or says it
 * is empty (a file of /proc), is copied by hand. */
static ar_err copy_contents(int from, int to) {
  bool any = false;
  for (;;) {
    ssize_t n = copy_file_range(from, NULL, to, NULL, (size_t)1 << 30, 0);
    if (n > 0)
      any = true;
    else if (n == 0)
      return any ? 0 : copy_by_hand(from, to);
    else if (errno == ENOSPC || errno == EDQUOT || errno == EIO)
      return ar_err_from_errno(errno);
    else if (errno != EINTR)
      return copy_by_hand(from, to);
  }
}

static ar_err keep_stat(int to, const struct stat *st) {
  struct timespec times[2] = {st->st_atim, st->st_mtim};
  /* Only root may give files away: who may not keeps them. */
  if (fchown(to, st->st_uid, st->st_gid) != 0 && errno != EPERM)
    return ar_err_from_errno(errno);
  if (fchmod(to, st->st_mode & 07777) != 0 || futimens(to, times) != 0)
    return ar_err_from_errno(errno);
  return 0;
}

/* Nothing else is lost by it: the file is not copied onto itself. */
static ar_err empty(int to, const struct stat *from) {
  struct stat old;
  if (fstat(to, &old) != 0)
    return ar_err_from_errno(errno);
  if (old.st_dev == from->st_dev && old.st_ino == from->st_ino)
    return AR_EINVAL;
  if (S_ISREG(old.st_mode) && ftruncate(to, 0) != 0)
    return ar_err_from_errno(errno);
  return 0;
}

static ar_err copy_to(ar_fs *fs, int from, const struct stat *st) {
  ar_err err;
  int to = open(fs->other, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY,
                st->st_mode & 0777);
  if (to < 0)
    return ar_err_from_errno(errno);
  err = empty(to, st);
  if (err == 0)
    err = copy_contents(from, to);
  if (err == 0 && fs->n[1] != 0)
    err = keep_stat(to, st);
  if (close(to) != 0 && err == 0)
    err = ar_err_from_errno(errno);
  return err;
}

static ar_err copy_link(ar_fs *fs) {
  ar_err err = ar_fs_readlink(fs);
  if (err == 0)
    err = ar_fs_add(fs, "", 1);
  if (err == 0 && symlink(fs->data, fs->other) != 0)
    err = ar_err_from_errno(errno);
  return err;
}

ar_err ar_fs_copy(ar_fs *fs) {
  struct stat st;
  ar_err err;
  int from;
  if (fs->n[0] == 0 && lstat(fs->path, &st) == 0 && S_ISLNK(st.st_mode))
    return copy_link(fs);
  from = open(fs->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  if (from < 0)
    return ar_err_from_errno(errno);
  if (fstat(from, &st) != 0)
    err = ar_err_from_errno(errno);
  else if (S_ISDIR(st.st_mode))
    err = AR_EISDIR;
  else
    err = copy_to(fs, from, &st);
  (void)close(from);
  return err;
}

ar_err ar_fs_copy_stat(ar_fs *fs) {
  struct stat st;
  ar_err err;
  int to;
  if (stat(fs->path, &st) != 0)
    return ar_err_from_errno(errno);
  to = open(fs->other, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (to < 0)
    return ar_err_from_errno(errno);
  err = keep_stat(to, &st);
  (void)close(to);
  return err;
}
