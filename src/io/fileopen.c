/*
 * A file: opening.
 */

#define _GNU_SOURCE /* O_PATH, O_TMPFILE, statx */

#include "io/fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/err.h"
#include "io/temp.h"

#ifndef XFS_SUPER_MAGIC
#define XFS_SUPER_MAGIC 0x58465342
#endif

/* ---- what kind of file it is -------------------------------------------- */

/* File systems of this machine, whose calls wait for nobody else's. */
static bool is_local(int fd) {
  struct statfs fs;
  if (fstatfs(fd, &fs) != 0)
    return false;
  switch (fs.f_type) {
    case EXT4_SUPER_MAGIC:
    case XFS_SUPER_MAGIC:
    case BTRFS_SUPER_MAGIC:
    case F2FS_SUPER_MAGIC:
    case OVERLAYFS_SUPER_MAGIC:
    case SQUASHFS_MAGIC:
    case TMPFS_MAGIC: return true;
    default: return false;
  }
}

static void note_mode(ar_file *f, int flags) {
  int access = flags & O_ACCMODE;
  f->readable = access == O_RDONLY || access == O_RDWR;
  f->writable = access == O_WRONLY || access == O_RDWR;
  f->appends = (flags & O_APPEND) != 0;
}

static ar_err look_at(ar_file *f) {
  struct stat st;
  if (fstat(f->fd, &st) != 0)
    return ar_err_from_errno(errno);
  if (S_ISDIR(st.st_mode))
    return AR_EISDIR;
  f->regular = S_ISREG(st.st_mode);
  f->seekable = lseek(f->fd, 0, SEEK_CUR) >= 0;
  f->device = st.st_dev;
  f->nowait = f->regular && f->readable;
  f->local = f->regular && is_local(f->fd);
  return 0;
}

/* The first piece comes with the file: most are read at once, and many are
 * not larger. A failure to read is for who reads. */
static void read_ahead(ar_file *f, bool quick) {
  if (!f->regular || !f->readable || f->writable)
    return;
  f->order.want = 1;
  if (quick || f->local) /* also to see whether the file system knows how */
    (void)ar_file_fill(f, true);
  if (!quick && f->to == f->from)
    (void)ar_file_fill(f, false);
}

/* ---- without blocking --------------------------------------------------- */

static int open_cached(const char *path, int flags) {
  struct open_how how = {0};
  how.flags = (uint64_t)(unsigned)flags;
  how.resolve = RESOLVE_CACHED;
  return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

/* Is it the file `seen`, as memory has it? */
static bool stat_cached(int fd, struct statx *out) {
  return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
               STATX_TYPE | STATX_INO, out) == 0;
}

/* What the path leads to, without opening it: opening could wait, for who
 * writes to a named pipe, or for a server. */
static bool is_quick(const ar_file *f, struct statx *seen) {
  int fd = open_cached(f->path, O_PATH | O_CLOEXEC);
  bool quick;
  if (fd < 0)
    return false;
  quick = stat_cached(fd, seen) && S_ISREG(seen->stx_mode) &&
          makedev(seen->stx_dev_major, seen->stx_dev_minor) == f->device;
  (void)close(fd);
  return quick;
}

static ar_err open_quick(ar_file *f) {
  struct statx seen, now;
  int fd, flags = f->order.flags;
  if (flags != O_RDONLY || f->device == 0 || !is_quick(f, &seen))
    return AR_EAGAIN;
  /* (To a file that is regular O_NONBLOCK means nothing.) */
  fd = open_cached(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return AR_EAGAIN; /* the thread says what is wrong */
  if (!stat_cached(fd, &now) || now.stx_ino != seen.stx_ino ||
      now.stx_dev_minor != seen.stx_dev_minor ||
      now.stx_dev_major != seen.stx_dev_major) {
    (void)close(fd); /* another file has taken its place */
    return AR_EAGAIN;
  }
  f->fd = fd;
  note_mode(f, flags);
  f->regular = f->seekable = f->nowait = f->local = true;
  return 0;
}

/* ---- opening ------------------------------------------------------------ */

static ar_err finish(ar_file *f, int fd, int flags) {
  ar_err err;
  if (fd < 0)
    return ar_err_from_errno(errno);
  f->fd = fd;
  note_mode(f, flags);
  err = look_at(f);
  if (err == 0 && f->appends && f->seekable && lseek(fd, 0, SEEK_END) < 0)
    err = ar_err_from_errno(errno);
  if (err == 0)
    return 0;
  f->fd = -1;
  f->unlinks = false;
  if (f->path != NULL) /* else it is still who brought it that has it */
    (void)close(fd);
  return err;
}

ar_err ar_file_open_patiently(ar_file *f, bool quick) {
  ar_err err;
  int fd;
  if (quick)
    return AR_EAGAIN;
  do {
    fd = open(f->path, f->order.flags | O_CLOEXEC | O_NOCTTY,
              (mode_t)f->order.mode);
  } while (fd < 0 && errno == EINTR);
  err = finish(f, fd, f->order.flags);
  if (err == 0)
    read_ahead(f, false);
  return err;
}

/* Opening it waits for the other end, unless it is both. */
static bool is_pipe(const ar_file *f) {
  struct stat st;
  return (f->order.flags & O_ACCMODE) != O_RDWR && stat(f->path, &st) == 0 &&
         S_ISFIFO(st.st_mode);
}

ar_err ar_file_open(ar_file *f, bool quick) {
  ar_err err;
  if (!quick)
    return is_pipe(f) ? AR_EAGAIN : ar_file_open_patiently(f, false);
  err = open_quick(f);
  if (err == 0)
    read_ahead(f, true);
  return err;
}

ar_err ar_file_open_unnamed(ar_file *f, bool quick) {
  int fd, flags = O_RDWR | O_CLOEXEC;
  char *path;
  ar_err err;
  if (quick)
    return AR_EAGAIN;
  fd = open(f->path, O_TMPFILE | flags, 0600);
  if (fd < 0) { /* a file system, or a kernel, that has none */
    err = ar_temp_file(f->path, "tmp", "", &path, &fd);
    if (err != 0)
      return err;
    (void)unlink(path);
    ar_temp_free(path);
  }
  return finish(f, fd, flags | f->order.flags);
}

ar_err ar_file_adopt(ar_file *f, bool quick) {
  int fd = f->fd, flags = fcntl(fd, F_GETFL);
  if (quick)
    return AR_EAGAIN;
  f->fd = -1; /* until it is certain that it is one */
  if (flags < 0)
    return ar_err_from_errno(errno);
  return finish(f, fd, flags);
}
