/*
 * Who else is in a process group.
 */

#include "io/procgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* Linux 5.3 */
#endif

/* Is it of the group, and alive? /proc/N/stat: number (name) state parent
 * group ...; the name may hold anything, brackets too. */
static bool is_member(const char *number, pid_t group) {
  char path[64], text[512];
  char *rest, state;
  int fd;
  ssize_t got;
  (void)snprintf(path, sizeof path, "/proc/%.20s/stat", number);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return false;
  got = read(fd, text, sizeof text - 1);
  (void)close(fd);
  if (got <= 0)
    return false;
  text[got] = '\0';
  rest = strrchr(text, ')');
  if (rest == NULL || strlen(rest) < 5)
    return false;
  state = rest[2];
  (void)strtol(rest + 3, &rest, 10); /* its parent */
  return strtol(rest, NULL, 10) == group && state != 'Z' && state != 'X';
}

pid_t ar_group_member(pid_t group) {
  DIR *folder = opendir("/proc");
  const struct dirent *entry;
  pid_t found = 0;
  if (folder == NULL)
    return 0;
  while (found == 0 && (entry = readdir(folder)) != NULL) {
    pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
    if (pid > 0 && pid != group && is_member(entry->d_name, group))
      found = pid;
  }
  (void)closedir(folder);
  return found;
}

ar_err ar_pidfd_open(pid_t pid, int *fd) {
  long got = syscall(SYS_pidfd_open, pid, 0);
  if (got < 0)
    return ar_err_from_errno(errno);
  *fd = (int)got;
  return 0;
}
