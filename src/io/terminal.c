/*
 * The terminal that a child uses.
 */

#include "io/terminal.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

void ar_terminal_init(ar_terminal *t) {
  t->fd = -1;
  t->group = 0;
  ar_signal_watch_init(&t->sigchld);
}

bool ar_terminal_open(ar_terminal *t, int fd) {
  if (tcgetattr(fd, &t->modes) != 0)
    return false;
  t->fd = fd;
  return true;
}

bool ar_terminal_is_ours(const ar_terminal *t) {
  return tcgetpgrp(t->fd) == getpgrp();
}

/* Who is in the background and touches the terminal is stopped by SIGTTOU,
 * unless it is blocked. */
static void give(const ar_terminal *t, pid_t group,
                 const struct termios *modes) {
  sigset_t ttou, old;
  (void)sigemptyset(&ttou);
  (void)sigaddset(&ttou, SIGTTOU);
  (void)pthread_sigmask(SIG_BLOCK, &ttou, &old);
  if (group != 0)
    (void)tcsetpgrp(t->fd, group);
  if (modes != NULL)
    (void)tcsetattr(t->fd, TCSADRAIN, modes);
  (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* A child of that group was stopped: we stop, too. Where nobody could continue
 * us (our group is an orphan) the system lets us go on at once, and so the
 * child. */
static void stop_too(ar_terminal *t) {
  struct termios theirs;
  bool known = tcgetattr(t->fd, &theirs) == 0;
  give(t, getpgrp(), &t->modes);
  (void)kill(0, SIGTSTP);
  /* continued: by `fg`, or by `bg` */
  if (ar_terminal_is_ours(t))
    give(t, t->group, known ? &theirs : NULL);
  (void)kill(-t->group, SIGCONT);
}

static void look(ar_terminal *t) {
  siginfo_t info;
  info.si_pid = 0;
  if (t->group != 0 &&
      waitid(P_PGID, (id_t)t->group, &info, WSTOPPED | WNOHANG) == 0 &&
      info.si_pid != 0)
    stop_too(t);
}

static void on_sigchld(ar_signal_watch *watch) {
  look(ar_container_of(watch, ar_terminal, sigchld));
}

ar_err ar_terminal_listen(ar_terminal *t) {
  return ar_signal_watch_start(&t->sigchld, SIGCHLD, on_sigchld);
}

void ar_terminal_follow(ar_terminal *t, pid_t group) {
  t->group = group;
  look(t);
}

void ar_terminal_close(ar_terminal *t, bool restore) {
  pid_t foreground;
  ar_signal_unwatch(&t->sigchld, false);
  if (t->fd < 0)
    return;
  foreground = tcgetpgrp(t->fd);
  if (t->group != 0 && foreground == t->group)
    give(t, getpgrp(), restore ? &t->modes : NULL);
  else if (restore && foreground == getpgrp())
    give(t, 0, &t->modes);
  t->fd = -1;
  t->group = 0;
}
