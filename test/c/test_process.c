/* Children: started, waited for with and without a pidfd, reaped. */

#include "io/process.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/err.h"
#include "ctest.h"
#include "loop/signal.h"

extern char **environ;

static int ended; /* waits that called done */

static void on_done(ar_op *op) {
  ended += op->result == 0;
}

static ar_spawn_spec spec_of(const char *file, const char *const *argv) {
  ar_spawn_spec s;
  memset(&s, 0, sizeof s);
  s.file = file;
  s.path = "/usr/bin:/bin";
  s.argv = (char *const *)(uintptr_t)argv;
  s.envp = environ;
  for (int i = 0; i < 3; i++)
    s.stdio[i] = i;
  s.terminal = -1;
  s.umask = -1;
  ended = 0;
  return s;
}

static bool has_child(void) {
  siginfo_t info;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* Start it, wait for its end twice at once, and free it. */
static int run(ar_spawn_spec *s, bool kill_it) {
  ar_loop *loop;
  ar_child *c;
  ar_child_end ends[2];
  ar_spawn_stage stage;
  int status;
  CHECK_EQ(ar_loop_new(&loop), 0);
  ar_signal_attach(loop);
  CHECK_EQ(ar_child_start(loop, s, &c, &stage), 0);
  CHECK(!ar_loop_is_alive(loop)); /* nobody waits for it yet */
  for (int i = 0; i < 2; i++) {
    ar_child_end_init(&ends[i]);
    ends[i].op.done = on_done;
    ar_child_wait(c, &ends[i]);
  }
  CHECK(ar_loop_is_alive(loop));
  if (kill_it)
    CHECK_EQ(ar_child_signal(c, SIGKILL, false), 0);
  while (ended < 2)
    ar_loop_wait(loop, AR_TIME_MAX);
  status = ar_child_status(c);
  CHECK(ar_child_poll(c) != AR_CHILD_RUNNING);
  ar_child_reap(c);
  CHECK_EQ(ar_child_signal(c, SIGKILL, false), AR_ESRCH);
  CHECK_EQ(ar_child_status(c), status);
  CHECK(!has_child());
  ar_child_free(c);
  ar_signal_attach(NULL);
  CHECK_EQ(ar_loop_free(loop), 0);
  return status;
}

static const char *const sleeper[] = {"sleep", "0.05", NULL};
static const char *const failing[] = {"sh", "-c", "exit 7", NULL};
static const char *const sleepy[] = {"sleep", "100", NULL};

TEST("an end is heard of by a descriptor") {
  ar_spawn_spec s = spec_of("sleep", sleeper);
  CHECK_EQ(run(&s, false), 0);
  s = spec_of("sleep", sleepy);
  CHECK_EQ(run(&s, true), -SIGKILL);
}

TEST("an end is heard of by SIGCHLD where there is no such descriptor") {
  struct sigaction action;
  ar_spawn_spec s = spec_of("sleep", sleeper);
  s.without_pidfd = true;
  CHECK_EQ(run(&s, false), 0);
  s = spec_of("sleep", sleepy);
  s.without_pidfd = true;
  CHECK_EQ(run(&s, true), -SIGKILL);
  CHECK_EQ(sigaction(SIGCHLD, NULL, &action), 0);
  CHECK(action.sa_handler == SIG_DFL); /* as it was */
}

TEST("a group's number is kept until it is given back") {
  ar_spawn_spec s = spec_of("sleep", sleeper);
  s.group = true;
  CHECK_EQ(run(&s, false), 0);
}

TEST("what cannot be started says why, and leaves nothing") {
  ar_loop *loop;
  ar_child *c;
  ar_spawn_stage stage;
  ar_spawn_spec s = spec_of("no-such-program", failing);
  int pass[] = {999};
  CHECK_EQ(ar_loop_new(&loop), 0);
  CHECK_EQ(ar_child_start(loop, &s, &c, &stage), AR_ENOENT);
  CHECK_EQ(stage, AR_SPAWN_EXEC);
  s = spec_of("sh", failing);
  s.cwd = "/no/such/folder";
  CHECK_EQ(ar_child_start(loop, &s, &c, &stage), AR_ENOENT);
  CHECK_EQ(stage, AR_SPAWN_CWD);
  s = spec_of("sh", failing);
  s.pass = pass;
  s.n_pass = 1;
  CHECK_EQ(ar_child_start(loop, &s, &c, &stage), AR_EBADF);
  CHECK_EQ(stage, AR_SPAWN_PASS);
  CHECK(!has_child());
  CHECK_EQ(ar_loop_free(loop), 0);
}

TEST("a wait that is undone hears nothing") {
  ar_loop *loop;
  ar_child *c;
  ar_child_end end;
  ar_spawn_stage stage;
  ar_spawn_spec s = spec_of("sleep", sleepy);
  CHECK_EQ(ar_loop_new(&loop), 0);
  CHECK_EQ(ar_child_start(loop, &s, &c, &stage), 0);
  ar_child_end_init(&end);
  end.op.done = on_done;
  ar_child_wait(c, &end);
  CHECK(ar_op_cancel(&end.op));
  CHECK(!ar_loop_is_alive(loop));
  CHECK_EQ(ar_child_signal(c, SIGKILL, false), 0);
  while (ar_child_poll(c) == AR_CHILD_RUNNING)
    continue;
  CHECK_EQ(ended, 0);
  ar_child_free(c);
  CHECK_EQ(ar_loop_free(loop), 0);
}
