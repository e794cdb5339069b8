/*
 * Names: where a path leads in the end, and whose a file is.
 */

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "io/fs.h"

#define MAX_LINKS 40 /* more of them are a loop: Linux's own number */

/* ---- where a path leads ------------------------------------------------- */

typedef struct {
  char *done;  /* owned: an absolute path without links, ended by a zero */
  size_t size; /* of it, without the zero */
  size_t capacity;
  char *rest; /* owned: what is still to be walked */
  char *next; /* in rest */
  size_t rest_size;
  int links; /* followed so far */
} walk;

static ar_err grow(walk *w, size_t size) {
  char *grown;
  if (w->capacity - w->size > size)
    return 0;
  grown = ar_mem_realloc(w->done, w->capacity, w->capacity + size + PATH_MAX);
  if (grown == NULL)
    return AR_ENOMEM;
  w->done = grown;
  w->capacity += size + PATH_MAX;
  return 0;
}

static void go_up(walk *w) {
  while (w->size > 0 && w->done[w->size - 1] != '/')
    w->size--;
  if (w->size > 0)
    w->size--;
  w->done[w->size] = '\0';
}

static ar_err go_into(walk *w, const char *name, size_t n) {
  ar_err err = grow(w, n + 2);
  if (err != 0)
    return err;
  w->done[w->size] = '/';
  memcpy(w->done + w->size + 1, name, n);
  w->size += n + 1;
  w->done[w->size] = '\0';
  return 0;
}

/* The link's text stands in front of what is still to be walked. */
static ar_err follow(walk *w, const char *target, size_t n) {
  size_t left = strlen(w->next), size = n + 1 + left + 1;
  char *rest = ar_mem_alloc(size);
  if (rest == NULL)
    return AR_ENOMEM;
  memcpy(rest, target, n);
  rest[n] = '/';
  memcpy(rest + n + 1, w->next, left + 1);
  ar_mem_free(w->rest, w->rest_size);
  w->rest = w->next = rest;
  w->rest_size = size;
  go_up(w);
  if (target[0] == '/') {
    w->size = 0;
    w->done[0] = '\0';
  }
  return 0;
}

/* One name further. */
static ar_err step(walk *w, bool strict) {
  size_t n = strcspn(w->next, "/");
  char *name = w->next, target[PATH_MAX];
  ssize_t length;
  ar_err err;
  w->next += n;
  if (n == 0 || (n == 1 && name[0] == '.'))
    return 0;
  if (n == 2 && name[0] == '.' && name[1] == '.') {
    go_up(w);
    return 0;
  }
  err = go_into(w, name, n);
  if (err != 0)
    return err;
  length = readlink(w->done, target, sizeof target);
  if (length < 0) /* EINVAL: it is none */
    return errno == EINVAL || !strict ? 0 : ar_err_from_errno(errno);
  if ((size_t)length == sizeof target)
    return AR_ENAMETOOLONG;
  if (w->links == MAX_LINKS)
    return strict ? AR_ELOOP : 0;
  w->links++;
  return follow(w, target, (size_t)length);
}

static ar_err begin(walk *w, const char *path) {
  char cwd[PATH_MAX] = "";
  size_t n, m = strlen(path);
  if (path[0] != '/' && getcwd(cwd, sizeof cwd) == NULL)
    return errno != 0 ? ar_err_from_errno(errno) : AR_ENOENT;
  n = strlen(cwd);
  w->rest_size = n + 1 + m + 1;
  w->rest = ar_mem_alloc(w->rest_size);
  if (w->rest == NULL)
    return AR_ENOMEM;
  memcpy(w->rest, cwd, n);
  w->rest[n] = '/';
  memcpy(w->rest + n + 1, path, m + 1);
  w->next = w->rest;
  w->done = ar_mem_zalloc(PATH_MAX);
  if (w->done == NULL)
    return AR_ENOMEM;
  w->capacity = PATH_MAX;
  return 0;
}

ar_err ar_fs_resolve(ar_fs *fs) {
  walk w = {NULL, 0, 0, NULL, NULL, 0, 0};
  ar_err err = begin(&w, fs->path);
  while (err == 0 && w.next != NULL && *w.next != '\0') {
    w.next += strspn(w.next, "/");
    err = step(&w, fs->n[0] != 0);
  }
  if (err == 0)
    err = w.size > 0 ? ar_fs_add(fs, w.done, w.size) : ar_fs_add(fs, "/", 1);
  ar_mem_free(w.done, w.capacity);
  ar_mem_free(w.rest, w.rest_size);
  return err;
}

/* ---- whose a file is ---------------------------------------------------- */

/* Asks with more and more room: `ask` answers ERANGE while it needs more. */
static ar_err ask_names(ar_fs *fs,
                        int (*ask)(ar_fs *fs, char *room, size_t size,
                                   const char **found)) {
  for (size_t size = 1024; size <= (size_t)1 << 24; size *= 2) {
    char *room = ar_mem_alloc(size);
    const char *found = NULL;
    ar_err err;
    int number;
    if (room == NULL)
      return AR_ENOMEM;
    number = ask(fs, room, size, &found);
    err = number != 0     ? ar_err_from_errno(number)
          : found == NULL ? AR_ESRCH
                          : ar_fs_add(fs, found, strlen(found));
    ar_mem_free(room, size);
    if (number != ERANGE)
      return err;
  }
  return AR_ERANGE;
}

static int ask_user(ar_fs *fs, char *room, size_t size, const char **found) {
  struct passwd entry, *result;
  int number = getpwuid_r(fs->st.st_uid, &entry, room, size, &result);
  *found = result != NULL ? entry.pw_name : NULL;
  return number;
}

static int ask_group(ar_fs *fs, char *room, size_t size, const char **found) {
  struct group entry, *result;
  int number = getgrgid_r(fs->st.st_gid, &entry, room, size, &result);
  *found = result != NULL ? entry.gr_name : NULL;
  return number;
}

ar_err ar_fs_owner(ar_fs *fs) {
  ar_err err = ar_fs_stat(fs);
  return err != 0 ? err : ask_names(fs, fs->n[1] != 0 ? ask_group : ask_user);
}

static int ask_home(ar_fs *fs, char *room, size_t size, const char **found) {
  struct passwd entry, *result;
  int number = fs->path[0] == '\0'
                   ? getpwuid_r(getuid(), &entry, room, size, &result)
                   : getpwnam_r(fs->path, &entry, room, size, &result);
  *found = result != NULL ? entry.pw_dir : NULL;
  return number;
}

ar_err ar_fs_home(ar_fs *fs) {
  return ask_names(fs, ask_home);
}
