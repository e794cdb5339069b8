/*
 * What is done to paths: the life of such work, and what takes one call.
 */

#define _GNU_SOURCE /* AT_SYMLINK_NOFOLLOW with fchmodat */

#include "io/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "io/temp.h"

static void run(ar_work *work) {
  ar_fs *fs = ar_container_of(work, ar_fs, work);
  work->result = fs->act(fs);
  fs->acted = work->result == 0;
}

static void discard(ar_work *work) {
  ar_fs_unref(ar_container_of(work, ar_fs, work));
}

static char *copy_text(const char *text) {
  size_t size = strlen(text) + 1;
  char *copy = ar_mem_alloc(size);
  if (copy != NULL)
    memcpy(copy, text, size);
  return copy;
}

static void free_text(char *text) {
  if (text != NULL)
    ar_mem_free(text, strlen(text) + 1);
}

ar_err ar_fs_new(ar_fs_fn *act, const char *path, const char *other,
                 ar_fs **out) {
  ar_fs *fs = ar_mem_zalloc(sizeof *fs);
  if (fs == NULL)
    return AR_ENOMEM;
  ar_work_init(&fs->work, run, discard);
  atomic_init(&fs->refs, 1);
  fs->act = act;
  fs->path = copy_text(path);
  fs->other = other != NULL ? copy_text(other) : NULL;
  if (fs->path == NULL || (other != NULL && fs->other == NULL)) {
    ar_fs_unref(fs);
    return AR_ENOMEM;
  }
  *out = fs;
  return 0;
}

void ar_fs_unref(ar_fs *fs) {
  if (atomic_fetch_sub(&fs->refs, 1) > 1)
    return;
  if (fs->acted && !fs->taken && fs->undo != NULL)
    fs->undo(fs);
  free_text(fs->path);
  free_text(fs->other);
  ar_mem_free(fs->data, fs->capacity);
  ar_mem_free(fs, sizeof *fs);
}

ar_err ar_fs_start(ar_fs *fs, ar_pool *pool, ar_loop *loop) {
  ar_err err;
  atomic_fetch_add(&fs->refs, 1);
  err = ar_pool_start(pool, loop, &fs->work);
  if (err != 0)
    atomic_fetch_sub(&fs->refs, 1);
  return err;
}

static ar_err reserve(ar_fs *fs, size_t size) {
  size_t capacity = fs->capacity * 2;
  char *grown;
  if (fs->capacity - fs->size >= size)
    return 0;
  if (size > SIZE_MAX / 4 || fs->size > SIZE_MAX / 4)
    return AR_ENOMEM;
  if (capacity < fs->size + size)
    capacity = fs->size + size;
  grown = ar_mem_realloc(fs->data, fs->capacity, capacity);
  if (grown == NULL)
    return AR_ENOMEM;
  fs->data = grown;
  fs->capacity = capacity;
  return 0;
}

ar_err ar_fs_add(ar_fs *fs, const void *bytes, size_t size) {
  ar_err err = reserve(fs, size);
  if (err == 0 && size > 0)
    memcpy(fs->data + fs->size, bytes, size);
  if (err == 0)
    fs->size += size;
  return err;
}

static ar_err outcome(int answer) {
  return answer == 0 ? 0 : ar_err_from_errno(errno);
}

/* ---- questions ---------------------------------------------------------- */

ar_err ar_fs_stat(ar_fs *fs) {
  return outcome(fs->n[0] != 0 ? stat(fs->path, &fs->st)
                               : lstat(fs->path, &fs->st));
}

ar_err ar_fs_readlink(ar_fs *fs) {
  char target[PATH_MAX];
  ssize_t n = readlink(fs->path, target, sizeof target);
  if (n < 0)
    return ar_err_from_errno(errno);
  if ((size_t)n == sizeof target)
    return AR_ENAMETOOLONG;
  return ar_fs_add(fs, target, (size_t)n);
}

/* ---- changes ------------------------------------------------------------ */

ar_err ar_fs_chmod(ar_fs *fs) {
  return outcome(fchmodat(AT_FDCWD, fs->path, (mode_t)fs->n[0],
                          fs->n[1] != 0 ? 0 : AT_SYMLINK_NOFOLLOW));
}

static bool is_folder(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The folders that path is in, from the outermost on. */
static ar_err make_parents(char *path) {
  for (char *p = path; *p != '\0'; p++) {
    int answer;
    if (p == path || *p != '/' || p[1] == '/' || p[1] == '\0')
      continue;
    *p = '\0';
    answer = mkdir(path, 0777);
    if (answer != 0 && (errno == EEXIST || is_folder(path)))
      answer = 0; /* where it is no folder, the next one says so */
    *p = '/';
    if (answer != 0)
      return ar_err_from_errno(errno);
  }
  return 0;
}

ar_err ar_fs_mkdir(ar_fs *fs) {
  mode_t mode = (mode_t)fs->n[0];
  ar_err err = outcome(mkdir(fs->path, mode));
  if (err == AR_ENOENT && fs->n[1] != 0) {
    err = make_parents(fs->path);
    if (err == 0)
      err = outcome(mkdir(fs->path, mode));
  }
  /* Some systems complain of something else first. */
  if (err != 0 && fs->n[2] != 0 && is_folder(fs->path))
    err = 0;
  return err;
}

ar_err ar_fs_rmdir(ar_fs *fs) {
  return outcome(rmdir(fs->path));
}

ar_err ar_fs_unlink(ar_fs *fs) {
  ar_err err = outcome(unlink(fs->path));
  return err == AR_ENOENT && fs->n[0] != 0 ? 0 : err;
}

ar_err ar_fs_rename(ar_fs *fs) {
  return outcome(rename(fs->path, fs->other));
}

ar_err ar_fs_symlink(ar_fs *fs) {
  return outcome(symlink(fs->other, fs->path));
}

ar_err ar_fs_link(ar_fs *fs) {
  return outcome(link(fs->other, fs->path));
}

ar_err ar_fs_touch(ar_fs *fs) {
  int flags = O_CREAT | O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, fd;
  if (fs->n[1] == 0)
    flags |= O_EXCL;
  else if (utimensat(AT_FDCWD, fs->path, NULL, 0) == 0)
    return 0;
  fd = open(fs->path, flags, (mode_t)fs->n[0]);
  return fd < 0 ? ar_err_from_errno(errno) : outcome(close(fd));
}

/* ---- whole files -------------------------------------------------------- */

static int open_file(const char *path, int flags, mode_t mode) {
  int fd;
  do {
    fd = open(path, flags | O_CLOEXEC | O_NOCTTY, mode);
  } while (fd < 0 && errno == EINTR);
  return fd;
}

static ar_err read_all(ar_fs *fs, int fd) {
  ssize_t n = 1;
  struct stat st;
  size_t piece = 65536;
  if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
    piece = (size_t)st.st_size + 1; /* the byte more shows the end */
  while (n != 0) {
    ar_err err = reserve(fs, piece);
    if (err != 0)
      return err;
    n = read(fd, fs->data + fs->size, fs->capacity - fs->size);
    if (n < 0 && errno != EINTR)
      return ar_err_from_errno(errno);
    fs->size += n > 0 ? (size_t)n : 0;
    piece = 1;
  }
  return 0;
}

ar_err ar_fs_read(ar_fs *fs) {
  int fd = open_file(fs->path, O_RDONLY, 0);
  ar_err err;
  if (fd < 0)
    return ar_err_from_errno(errno);
  err = read_all(fs, fd);
  (void)close(fd);
  return err;
}

ar_err ar_fs_write(ar_fs *fs) {
  int fd = open_file(fs->path, (int)fs->n[0], (mode_t)fs->n[1]);
  size_t done = 0;
  ar_err err = 0;
  if (fd < 0)
    return ar_err_from_errno(errno);
  while (err == 0 && done < fs->size) {
    ssize_t n = write(fd, fs->data + done, fs->size - done);
    if (n >= 0)
      done += (size_t)n;
    else if (errno != EINTR)
      err = ar_err_from_errno(errno);
  }
  if (close(fd) != 0 && err == 0 && errno != EINTR)
    err = ar_err_from_errno(errno);
  fs->number = (int64_t)done;
  return err;
}

/* ---- temporary ---------------------------------------------------------- */

static ar_err temp(ar_fs *fs, int *fd) {
  char *path;
  ar_err err = ar_fs_add(fs, "", 1); /* the suffix is text now */
  if (err != 0)
    return err;
  if (fd != NULL)
    err = ar_temp_file(fs->path, fs->other, fs->data, &path, fd);
  else
    err = ar_temp_folder(fs->path, fs->other, fs->data, &path);
  if (err != 0)
    return err;
  free_text(fs->path);
  fs->path = path; /* what was made, and what would be undone */
  return 0;
}

ar_err ar_fs_temp_file(ar_fs *fs) {
  int fd;
  ar_err err = temp(fs, &fd);
  if (err == 0)
    fs->number = fd;
  return err;
}

ar_err ar_fs_temp_folder(ar_fs *fs) {
  return temp(fs, NULL);
}

void ar_fs_undo_temp_file(ar_fs *fs) {
  (void)close((int)fs->number);
  (void)unlink(fs->path);
}

void ar_fs_undo_temp_folder(ar_fs *fs) {
  (void)rmdir(fs->path);
}
