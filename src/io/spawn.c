/*
 * A child process is started.
 */

#define _GNU_SOURCE /* clone */

#include "io/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000 /* Linux 5.2 */
#endif
#ifndef SYS_close_range
#define SYS_close_range 436 /* Linux 5.9 */
#endif
#define RANGE_CLOEXEC 4u /* Linux 5.11 */

/* Enough for what the child does before it executes its program. */
#define STACK_SIZE 32768

/* Its stack and memory are not what the sanitizers believe. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IN_CHILD __attribute__((no_sanitize("address", "thread")))
#else
#define IN_CHILD
#endif

/* What a child that failed says to its parent. */
typedef struct {
  int number; /* errno */
  ar_spawn_stage stage;
} report;

typedef struct {
  const ar_spawn_spec *spec;
  const char *paths; /* to try: strings one after the other, an empty one */
  int fd;            /* for the report; closed when the program starts */
} birth;

/* ---- in the child ------------------------------------------------------- */

/* Handlers are ours, and would run in our memory. What is ignored stays
 * ignored through the program's start: nohup relies on it. But nobody who
 * writes `yes | head` expects SIGPIPE to be. */
IN_CHILD static void reset_signals(void) {
  struct sigaction action, standard;
  memset(&standard, 0, sizeof standard);
  standard.sa_handler = SIG_DFL;
  for (int n = 1; n < NSIG; n++) {
    if (sigaction(n, NULL, &action) != 0 || action.sa_handler == SIG_DFL)
      continue;
    if (action.sa_handler != SIG_IGN || n == SIGPIPE)
      (void)sigaction(n, &standard, NULL);
  }
}

IN_CHILD static bool keep_open(int fd) {
  int flags = fcntl(fd, F_GETFD);
  return flags >= 0 && fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC) == 0;
}

/* All but the first three are closed when the program starts, also those that
 * C code of a script's has opened without saying so. */
IN_CHILD static void close_others(void) {
  struct rlimit limit;
  if (syscall(SYS_close_range, 3u, ~0u, RANGE_CLOEXEC) == 0)
    return;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 65536)
    limit.rlim_cur = 65536;
  for (int fd = 3; fd < (int)limit.rlim_cur; fd++)
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

IN_CHILD static bool place_stdio(const ar_spawn_spec *s) {
  int from[3];
  for (int i = 0; i < 3; i++) { /* out of the way of each other */
    from[i] = s->stdio[i];
    if (from[i] != i && from[i] < 3)
      from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 3);
    if (from[i] < 0)
      return false;
  }
  for (int i = 0; i < 3; i++)
    if (from[i] == i ? !keep_open(i) : dup2(from[i], i) < 0)
      return false;
  return true;
}

IN_CHILD static bool pass_others(const ar_spawn_spec *s) {
  for (size_t i = 0; i < s->n_pass; i++)
    if (!keep_open(s->pass[i]))
      return false;
  return true;
}

/* By the kernel's own calls: the C library's would change every thread of
 * the process, and take the parent's for ours. */
IN_CHILD static bool set_groups(const ar_spawn_spec *s) {
  return !s->has_groups || syscall(SYS_setgroups, s->n_groups, s->groups) == 0;
}

IN_CHILD static bool set_gid(const ar_spawn_spec *s) {
  return !s->has_gid || syscall(SYS_setresgid, s->gid, s->gid, s->gid) == 0;
}

IN_CHILD static bool set_uid(const ar_spawn_spec *s) {
  return !s->has_uid || syscall(SYS_setresuid, s->uid, s->uid, s->uid) == 0;
}

IN_CHILD static bool enter_session(const ar_spawn_spec *s) {
  return !s->session || setsid() >= 0;
}

/* Every signal is blocked here, SIGTTOU as well: a background process may
 * hand over the terminal then. */
IN_CHILD static bool enter_group(const ar_spawn_spec *s) {
  if (s->group && !s->session && setpgid(0, s->leader) != 0)
    return false;
  return s->terminal < 0 || tcsetpgrp(s->terminal, getpid()) == 0;
}

IN_CHILD static bool enter_folder(const ar_spawn_spec *s) {
  if (s->umask >= 0)
    (void)umask((mode_t)s->umask);
  return s->cwd == NULL || chdir(s->cwd) == 0;
}

/* Returns only if it failed: errno says why. */
IN_CHILD static void execute(const birth *b) {
  bool denied = false;
  errno = ENOENT;
  for (const char *p = b->paths; *p != '\0'; p += strlen(p) + 1) {
    (void)execve(p, b->spec->argv, b->spec->envp);
    if (errno == EACCES)
      denied = true;
    else if (errno != ENOENT && errno != ENOTDIR)
      return;
  }
  if (denied)
    errno = EACCES;
}

IN_CHILD static int run_child(void *arg) {
  static const struct {
    ar_spawn_stage stage;
    bool (*act)(const ar_spawn_spec *spec);
  } steps[] = {
      {AR_SPAWN_SESSION, enter_session}, {AR_SPAWN_GROUP, enter_group},
      {AR_SPAWN_STDIO, place_stdio},     {AR_SPAWN_GROUPS, set_groups},
      {AR_SPAWN_GID, set_gid},           {AR_SPAWN_UID, set_uid},
      {AR_SPAWN_CWD, enter_folder},
  };
  const birth *b = arg;
  report r;
  sigset_t none;
  reset_signals();
  for (size_t i = 0; i < ar_countof(steps); i++) {
    r.stage = steps[i].stage;
    if (!steps[i].act(b->spec))
      goto failed;
  }
  close_others();
  r.stage = AR_SPAWN_PASS;
  if (!pass_others(b->spec))
    goto failed;
  r.stage = AR_SPAWN_EXEC;
  (void)sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, NULL);
  execute(b);
failed:
  r.number = errno;
  (void)!write(b->fd, &r, sizeof r);
  _exit(127);
}

/* ---- in the parent ------------------------------------------------------ */

/* Where the program may be, for the child, which must not allocate. */
static ar_err find_paths(const ar_spawn_spec *s, char **out, size_t *size) {
  size_t length = strlen(s->file), n = 1;
  bool named = s->path != NULL && strchr(s->file, '/') == NULL;
  const char *from = s->path;
  char *to;
  if (named)
    for (const char *p = s->path; *p != '\0'; p++)
      n += *p == ':';
  *size = (named ? strlen(s->path) : 0) + n * (length + 3) + 1;
  *out = to = ar_mem_zalloc(*size);
  if (to == NULL)
    return AR_ENOMEM;
  if (!named) {
    memcpy(to, s->file, length);
    return 0;
  }
  for (;;) {
    size_t folder = strcspn(from, ":");
    if (folder > 0)
      memcpy(to, from, folder);
    else
      to[folder++] = '.';
    to += folder;
    *to++ = '/';
    memcpy(to, s->file, length);
    to += length + 1;
    from += strcspn(from, ":");
    if (*from == '\0')
      return 0;
    from++;
  }
}

static bool changes_user(const ar_spawn_spec *s) {
#ifdef __SANITIZE_THREAD__
  /* It takes the child for a forked one, and notes that, in our memory, of
   * this very thread. */
  (void)s;
  return true;
#else
  return s->has_uid || s->has_gid || s->has_groups;
#endif
}

/* The descriptors that it gets must be there before any is made for the
 * report, which might have such a number by chance. */
static ar_err check_descriptors(const ar_spawn_spec *s, ar_spawn_stage *stage) {
  *stage = AR_SPAWN_STDIO;
  for (size_t i = 0; i < ar_countof(s->stdio); i++)
    if (fcntl(s->stdio[i], F_GETFD) < 0)
      return ar_err_from_errno(errno);
  *stage = AR_SPAWN_PASS;
  for (size_t i = 0; i < s->n_pass; i++)
    if (fcntl(s->pass[i], F_GETFD) < 0)
      return ar_err_from_errno(errno);
  *stage = AR_SPAWN_START;
  return 0;
}

/* Make the process; it runs until it has started its program or ended. */
static int make(birth *b, char *stack, int *pidfd) {
  int flags = CLONE_VFORK | SIGCHLD, pid;
  sigset_t all, old;
  if (!changes_user(b->spec))
    flags |= CLONE_VM;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &old);
  *pidfd = -1;
  if (b->spec->without_pidfd)
    pid = -1;
  else
    pid = clone(run_child, stack + STACK_SIZE, flags | CLONE_PIDFD, b, pidfd);
  if (pid < 0 && (b->spec->without_pidfd || errno == EINVAL)) {
    *pidfd = -1;
    pid = clone(run_child, stack + STACK_SIZE, flags, b);
  }
  if (pid < 0)
    pid = ar_err_from_errno(errno);
  (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
  return pid;
}

/* It failed and is about to end: nobody is to hear of it. */
static void bury(int pid, int pidfd) {
  siginfo_t info;
  while (waitid(P_PID, (id_t)pid, &info, WEXITED) != 0 && errno == EINTR)
    continue;
  if (pidfd >= 0)
    (void)close(pidfd);
}

/* What the child said; it said nothing where its program has started. */
static ar_err read_report(int fd, ar_spawn_stage *stage) {
  report r;
  ssize_t got;
  do
    got = read(fd, &r, sizeof r);
  while (got < 0 && errno == EINTR);
  if (got != (ssize_t)sizeof r)
    return 0;
  *stage = r.stage;
  return ar_err_from_errno(r.number);
}

/* The same with memory for the child, and paths to try. */
static ar_err start(const ar_spawn_spec *spec, const char *paths, char *stack,
                    pid_t *pid, int *pidfd, ar_spawn_stage *stage) {
  birth b = {spec, paths, -1};
  int pipe[2], fd, made;
  ar_err err = check_descriptors(spec, stage);
  if (err != 0)
    return err;
  if (pipe2(pipe, O_CLOEXEC) != 0)
    return ar_err_from_errno(errno);
  b.fd = pipe[1];
  made = make(&b, stack, &fd);
  (void)close(pipe[1]);
  err = made < 0 ? made : read_report(pipe[0], stage);
  (void)close(pipe[0]);
  if (err != 0 && made > 0)
    bury(made, fd);
  if (err == 0) {
    *pid = made;
    *pidfd = fd;
  }
  return err;
}

ar_err ar_spawn(const ar_spawn_spec *spec, pid_t *pid, int *pidfd,
                ar_spawn_stage *stage) {
  char *paths, *stack;
  size_t size;
  ar_err err;
  *stage = AR_SPAWN_START;
  err = find_paths(spec, &paths, &size);
  if (err != 0)
    return err;
  stack = ar_mem_alloc(STACK_SIZE);
  err =
      stack == NULL ? AR_ENOMEM : start(spec, paths, stack, pid, pidfd, stage);
  ar_mem_free(stack, STACK_SIZE);
  ar_mem_free(paths, size);
  return err;
}
