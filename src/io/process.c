/*
 * A child process.
 */

#include "io/process.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/err.h"
#include "base/mem.h"
#include "loop/signal.h"

typedef struct watch watch;

/* How its end is heard of. */
struct watch {
  uv_poll_t poll;  /* first: given back in its close callback */
  ar_child *child; /* borrowed; NULL: not watched any more */
  int pidfd;       /* owned */
};

struct ar_child {
  pid_t pid;
  ar_child_state state;
  int status;
  bool keeps;    /* its number is its group's */
  ar_loop *loop; /* borrowed; NULL: unwatched, or it has ended */
  watch *watch;  /* owned; NULL: by SIGCHLD, or not at all */
  ar_signal_watch sigchld;
  ar_list waits; /* ar_child_end */
  void (*ended)(ar_child *c, void *arg);
  void *arg; /* borrowed: ended's own */
};

/* ---- its end ------------------------------------------------------------ */

static int status_of(const siginfo_t *info) {
  return info->si_code == CLD_EXITED ? info->si_status : -info->si_status;
}

/* Has it ended? `how`: whether it is reaped if so. */
static bool look(ar_child *c, int how) {
  siginfo_t info;
  int got;
  info.si_pid = 0;
  do
    got = waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | how);
  while (got != 0 && errno == EINTR);
  if (got != 0) { /* who ignores SIGCHLD is not told how children end */
    c->status = 0;
    c->state = AR_CHILD_REAPED;
    return true;
  }
  if (info.si_pid == 0)
    return false;
  c->status = status_of(&info);
  c->state = how == 0 ? AR_CHILD_REAPED : AR_CHILD_ENDED;
  return true;
}

static void on_watch_closed(uv_handle_t *handle) {
  watch *w = ar_container_of(handle, watch, poll);
  ar_mem_free(w, sizeof *w);
}

static void drop_watch(watch *w) {
  w->child = NULL;
  uv_close((uv_handle_t *)&w->poll, on_watch_closed);
  (void)close(w->pidfd);
}

static void stop_watching(ar_child *c) {
  if (c->watch != NULL)
    drop_watch(c->watch);
  c->watch = NULL;
  ar_signal_unwatch(&c->sigchld, false);
  c->loop = NULL;
}

/* It ended: tell everybody. c may be gone then. */
static void tell(ar_child *c) {
  ar_link *link;
  stop_watching(c);
  while ((link = ar_list_pop(&c->waits)) != NULL)
    ar_op_end(&ar_container_of(link, ar_child_end, link)->op, 0);
  if (c->ended != NULL)
    c->ended(c, c->arg);
}

/* Has it ended by now? Then everybody hears of it, and c may be gone. */
static bool notice(ar_child *c) {
  bool over = look(c, c->keeps ? WNOWAIT : 0);
  if (over)
    tell(c);
  return over;
}

static void on_ready(uv_poll_t *poll, int status, int events) {
  watch *w = ar_container_of(poll, watch, poll);
  (void)status;
  (void)events;
  if (w->child != NULL)
    (void)notice(w->child);
}

static void on_sigchld(ar_signal_watch *sigchld) {
  (void)notice(ar_container_of(sigchld, ar_child, sigchld));
}

/* ---- starting ----------------------------------------------------------- */

static ar_err watch_it(ar_child *c, watch *w, ar_loop *loop) {
  ar_err err = uv_poll_init(ar_loop_uv(loop), &w->poll, w->pidfd);
  if (err != 0) {
    (void)close(w->pidfd);
    ar_mem_free(w, sizeof *w);
    return err;
  }
  uv_unref((uv_handle_t *)&w->poll); /* its waits keep the loop alive */
  w->child = c;
  c->watch = w;
  err = uv_poll_start(&w->poll, UV_READABLE, on_ready);
  if (err != 0)
    stop_watching(c);
  return err;
}

/* By pidfd if it is not -1. w belongs to the watch now, or is gone. */
static ar_err listen_for_end(ar_child *c, watch *w, ar_loop *loop) {
  if (w->pidfd >= 0)
    return watch_it(c, w, loop);
  ar_mem_free(w, sizeof *w);
  return ar_signal_watch_start(&c->sigchld, SIGCHLD, on_sigchld);
}

static void kill_and_reap(pid_t pid) {
  siginfo_t info;
  (void)kill(pid, SIGKILL);
  while (waitid(P_PID, (id_t)pid, &info, WEXITED) != 0 && errno == EINTR)
    continue;
}

/* It is being listened for. */
static void begin_listening(ar_child *c, ar_loop *loop) {
  c->loop = loop;
  /* One that ended before anybody listened sent its SIGCHLD to nobody. */
  if (c->watch == NULL)
    (void)ar_child_poll(c);
}

ar_err ar_child_adopt(ar_loop *loop, pid_t pid, int pidfd, ar_child **out) {
  ar_child *c = ar_mem_zalloc(sizeof *c);
  watch *w = ar_mem_zalloc(sizeof *w);
  ar_err err = AR_ENOMEM;
  if (c == NULL || w == NULL) {
    if (pidfd >= 0)
      (void)close(pidfd);
    ar_mem_free(w, sizeof *w);
    goto free_child;
  }
  ar_list_init(&c->waits);
  ar_signal_watch_init(&c->sigchld);
  c->pid = pid;
  w->pidfd = pidfd;
  err = listen_for_end(c, w, loop);
  if (err != 0)
    goto free_child;
  begin_listening(c, loop);
  *out = c;
  return 0;
free_child:
  ar_mem_free(c, sizeof *c);
  return err;
}

ar_err ar_child_start(ar_loop *loop, const ar_spawn_spec *spec, ar_child **out,
                      ar_spawn_stage *stage) {
  ar_child *c = ar_mem_zalloc(sizeof *c);
  watch *w = ar_mem_zalloc(sizeof *w);
  ar_err err = AR_ENOMEM;
  *stage = AR_SPAWN_START;
  if (c == NULL || w == NULL)
    goto free_both;
  ar_list_init(&c->waits);
  ar_signal_watch_init(&c->sigchld);
  c->keeps = spec->group && spec->leader == 0;
  err = ar_spawn(spec, &c->pid, &w->pidfd, stage);
  if (err != 0)
    goto free_both;
  err = listen_for_end(c, w, loop);
  if (err != 0) {
    *stage = AR_SPAWN_START;
    kill_and_reap(c->pid);
    ar_mem_free(c, sizeof *c);
    return err;
  }
  begin_listening(c, loop);
  *out = c;
  return 0;
free_both:
  ar_mem_free(w, sizeof *w);
  ar_mem_free(c, sizeof *c);
  return err;
}

/* ---- what is asked of it ------------------------------------------------ */

void ar_child_on_end(ar_child *c, void (*ended)(ar_child *c, void *arg),
                     void *arg) {
  c->ended = ended;
  c->arg = arg;
}

pid_t ar_child_pid(const ar_child *c) {
  return c->pid;
}

ar_child_state ar_child_poll(ar_child *c) {
  if (c->state == AR_CHILD_RUNNING)
    (void)notice(c);
  return c->state;
}

int ar_child_status(const ar_child *c) {
  return c->status;
}

static bool cancel_wait(ar_op *op) {
  ar_list_remove(&ar_container_of(op, ar_child_end, op)->link);
  return true;
}

static void orphan_wait(ar_op *op) {
  (void)op; /* it is on its owner's stack */
}

static const ar_op_kind wait_kind = {cancel_wait, orphan_wait};

void ar_child_end_init(ar_child_end *end) {
  ar_op_init(&end->op, &wait_kind);
  ar_link_init(&end->link);
}

void ar_child_wait(ar_child *c, ar_child_end *end) {
  AR_ASSERT(c->loop != NULL);
  ar_list_push(&c->waits, &end->link);
  ar_op_begin(&end->op, c->loop);
}

bool ar_child_is_watched_by(const ar_child *c, const ar_loop *loop) {
  return c->loop == loop;
}

ar_err ar_child_signal(ar_child *c, int signum, bool group) {
  if (c->state == AR_CHILD_REAPED)
    return AR_ESRCH;
  if (kill(group ? -c->pid : c->pid, signum) != 0)
    return ar_err_from_errno(errno);
  return 0;
}

void ar_child_reap(ar_child *c) {
  if (c->state == AR_CHILD_ENDED) {
    int status = c->status;
    (void)look(c, 0);
    c->status = status;
  }
}

void ar_child_unwatch(ar_child *c) {
  AR_ASSERT(ar_list_is_empty(&c->waits));
  if (c->loop != NULL)
    stop_watching(c);
}

void ar_child_free(ar_child *c) {
  ar_child_unwatch(c);
  ar_mem_free(c, sizeof *c);
}
