/*
 * What is done to folders: their entries, and removing them with all of them.
 *
 * Removing holds one open folder at a time, however deep it goes: it goes up
 * by "..", and makes sure that this is where it came from. So neither the
 * depth of a tree nor somebody who moves things about meanwhile can lead it
 * astray, and no link is ever followed.
 */

#define _GNU_SOURCE /* DT_*, O_NOFOLLOW */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "io/fs.h"

/* ---- the entries -------------------------------------------------------- */

static bool is_dot(const char *name) {
  return name[0] == '.' &&
         (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static char letter_of_mode(mode_t mode) {
  if (S_ISREG(mode))
    return 'f';
  if (S_ISDIR(mode))
    return 'd';
  if (S_ISLNK(mode))
    return 'l';
  if (S_ISFIFO(mode))
    return 'p';
  if (S_ISSOCK(mode))
    return 's';
  return S_ISBLK(mode) ? 'b' : S_ISCHR(mode) ? 'c' : '?';
}

static char letter_of(int folder, const struct dirent *entry, bool follow) {
  struct stat st;
  char letter = letter_of_mode((mode_t)DTTOIF(entry->d_type));
  if (entry->d_type == DT_UNKNOWN && /* the file system does not tell here */
      fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
    letter = letter_of_mode(st.st_mode);
  if (letter == 'l' && follow && fstatat(folder, entry->d_name, &st, 0) == 0 &&
      S_ISDIR(st.st_mode))
    return 'D';
  return letter;
}

/* The next entry; NULL: no more, or *err. */
static const struct dirent *next_entry(DIR *dir, ar_err *err) {
  const struct dirent *entry;
  do {
    errno = 0;
    entry = readdir(dir);
  } while (entry != NULL && is_dot(entry->d_name));
  *err = entry == NULL ? ar_err_from_errno(errno) : 0;
  return entry;
}

ar_err ar_fs_list(ar_fs *fs) {
  DIR *dir = opendir(fs->path);
  const struct dirent *entry;
  ar_err err = 0;
  if (dir == NULL)
    return ar_err_from_errno(errno);
  while (err == 0) {
    char letter;
    entry = next_entry(dir, &err);
    if (entry == NULL)
      break;
    letter = letter_of(dirfd(dir), entry, fs->n[0] != 0);
    err = ar_fs_add(fs, &letter, 1);
    if (err == 0)
      err = ar_fs_add(fs, entry->d_name, strlen(entry->d_name) + 1);
  }
  (void)closedir(dir);
  return err;
}

/* ---- removing a tree ---------------------------------------------------- */

typedef struct level level;

/* A folder that was entered: what is left of it are folders. */
struct level {
  level *up; /* owned; NULL: the outermost */
  dev_t dev;
  ino_t ino;
  char *names; /* owned: the folders in it, each with its zero byte */
  size_t size;
  size_t capacity;
  size_t next; /* in names: who is not yet removed */
};

typedef struct {
  level *top;
  int fd; /* of the innermost folder */
  bool goes_on;
  ar_err err; /* the first error */
} remover;

/* True: stop. */
static bool failed(remover *r, ar_err err) {
  if (err == 0 || err == AR_ENOENT) /* gone is gone */
    return false;
  if (r->err == 0)
    r->err = err;
  return !r->goes_on;
}

static ar_err add_name(level *l, const char *name) {
  size_t size = strlen(name) + 1, capacity = l->capacity * 2 + size;
  if (l->capacity - l->size < size) {
    char *grown = ar_mem_realloc(l->names, l->capacity, capacity);
    if (grown == NULL)
      return AR_ENOMEM;
    l->names = grown;
    l->capacity = capacity;
  }
  memcpy(l->names + l->size, name, size);
  l->size += size;
  return 0;
}

/* Remove an entry. A folder that its owner may not write to is made so. */
static ar_err remove_at(int folder, const char *name, int flags) {
  if (unlinkat(folder, name, flags) == 0)
    return 0;
  if (errno == EACCES && fchmod(folder, 0700) == 0 &&
      unlinkat(folder, name, flags) == 0)
    return 0;
  return ar_err_from_errno(errno);
}

static int open_at(int folder, const char *name) {
  int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  int fd = openat(folder, name, flags);
  if (fd < 0 && errno == EACCES && fchmodat(folder, name, 0700, 0) == 0)
    fd = openat(folder, name, flags);
  return fd;
}

/* Remove what is no folder, and note what is one. */
static ar_err empty(remover *r, level *l, DIR *dir) {
  const struct dirent *entry;
  ar_err err;
  while ((entry = next_entry(dir, &err)) != NULL) {
    ar_err why;
    if (letter_of(r->fd, entry, false) == 'd')
      why = add_name(l, entry->d_name);
    else
      why = remove_at(r->fd, entry->d_name, 0);
    if (failed(r, why))
      return why;
  }
  return failed(r, err) ? err : 0;
}

/* Enter the folder that fd, now r's, is open on. */
static ar_err enter(remover *r, int fd) {
  level *l = ar_mem_zalloc(sizeof *l);
  struct stat st;
  DIR *dir;
  int copy;
  ar_err err;
  if (l == NULL) {
    (void)close(fd);
    return AR_ENOMEM;
  }
  if (r->fd >= 0)
    (void)close(r->fd);
  r->fd = fd;
  l->up = r->top;
  r->top = l;
  if (fstat(fd, &st) != 0)
    return ar_err_from_errno(errno);
  l->dev = st.st_dev;
  l->ino = st.st_ino;
  copy = fcntl(fd, F_DUPFD_CLOEXEC, 0); /* fdopendir takes it */
  if (copy < 0)
    return ar_err_from_errno(errno);
  dir = fdopendir(copy);
  if (dir == NULL) {
    (void)close(copy);
    return AR_ENOMEM;
  }
  err = empty(r, l, dir);
  (void)closedir(dir);
  return err;
}

static void free_top(remover *r) {
  level *l = r->top;
  r->top = l->up;
  ar_mem_free(l->names, l->capacity);
  ar_mem_free(l, sizeof *l);
}

/* Back to the folder that the innermost one is in, and remove that. */
static ar_err leave(remover *r) {
  struct stat st;
  level *up = r->top->up;
  int fd = openat(r->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    return ar_err_from_errno(errno);
  (void)close(r->fd);
  r->fd = fd;
  free_top(r);
  if (fstat(fd, &st) != 0)
    return ar_err_from_errno(errno);
  if (st.st_dev != up->dev || st.st_ino != up->ino)
    return AR_ENOTEMPTY; /* it was moved while it was being emptied */
  {
    const char *name = up->names + up->next;
    ar_err err = remove_at(fd, name, AT_REMOVEDIR);
    up->next += strlen(name) + 1;
    return failed(r, err) ? err : 0;
  }
}

static ar_err step(remover *r) {
  level *l = r->top;
  const char *name = l->names + l->next;
  int fd;
  if (l->next == l->size)
    return leave(r);
  fd = open_at(r->fd, name);
  if (fd >= 0)
    return enter(r, fd);
  l->next += strlen(name) + 1;
  {
    ar_err err = ar_err_from_errno(errno);
    return failed(r, err) ? err : 0;
  }
}

ar_err ar_fs_remove_tree(ar_fs *fs) {
  remover r = {NULL, -1, fs->n[0] != 0, 0};
  int fd = open_at(AT_FDCWD, fs->path);
  ar_err err;
  if (fd < 0)
    return ar_err_from_errno(errno);
  err = enter(&r, fd);
  while (err == 0 && (r.top->up != NULL || r.top->next < r.top->size))
    err = step(&r);
  while (r.top != NULL)
    free_top(&r);
  if (r.fd >= 0)
    (void)close(r.fd);
  if (err == 0 && rmdir(fs->path) != 0 && errno != ENOENT)
    err = ar_err_from_errno(errno);
  return r.err != 0 ? r.err : err;
}
