/*
 * Temporary files and folders.
 */

#define _GNU_SOURCE /* O_NOFOLLOW */

#include "io/temp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#define LETTERS 10  /* of a name that are by chance: 52 bits */
#define TRIES 10000 /* before it is said that every name is taken */

static ar_err fill_random(char *name) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789_-";
  unsigned char bytes[LETTERS];
  size_t have = 0;
  while (have < sizeof bytes) {
    ssize_t n = getrandom(bytes + have, sizeof bytes - have, 0);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return ar_err_from_errno(errno);
    have += (size_t)n;
  }
  for (size_t i = 0; i < LETTERS; i++)
    name[i] = letters[bytes[i] % (sizeof letters - 1)];
  return 0;
}

/* folder/prefix..........suffix; *place: where the letters go. */
static ar_err new_path(const char *folder, const char *prefix,
                       const char *suffix, char **out, char **place) {
  size_t n = strlen(folder), before, size;
  bool slash = n > 0 && folder[n - 1] != '/';
  char *path;
  before = n + (slash ? 1 : 0) + strlen(prefix);
  size = before + LETTERS + strlen(suffix) + 1;
  path = ar_mem_alloc(size);
  if (path == NULL)
    return AR_ENOMEM;
  (void)snprintf(path, size, "%s%s%s%*s%s", folder, slash ? "/" : "", prefix,
                 LETTERS, "", suffix);
  *place = path + before;
  *out = path;
  return 0;
}

/* The descriptor, or 0 for a folder; negative: errno says why not. */
static int make(const char *path, bool folder) {
  if (folder)
    return mkdir(path, 0700);
  return open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
}

static ar_err make_any(const char *folder, const char *prefix,
                       const char *suffix, char **path, int *fd) {
  char *place;
  ar_err err = new_path(folder, prefix, suffix, path, &place);
  if (err != 0)
    return err;
  for (int i = 0; i < TRIES; i++) {
    int made;
    err = fill_random(place);
    if (err != 0)
      break;
    made = make(*path, fd == NULL);
    if (made >= 0) {
      if (fd != NULL)
        *fd = made;
      return 0;
    }
    err = ar_err_from_errno(errno);
    if (err != AR_EEXIST && err != AR_EINTR)
      break;
  }
  ar_temp_free(*path);
  return err;
}

ar_err ar_temp_file(const char *folder, const char *prefix, const char *suffix,
                    char **path, int *fd) {
  return make_any(folder, prefix, suffix, path, fd);
}

ar_err ar_temp_folder(const char *folder, const char *prefix,
                      const char *suffix, char **path) {
  return make_any(folder, prefix, suffix, path, NULL);
}

void ar_temp_free(char *path) {
  ar_mem_free(path, strlen(path) + 1);
}
