/* Descriptors whose readiness is waited for. */

#include "io/fd.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "ctest.h"

typedef struct {
  ar_loop *loop;
  int ours, theirs;
  ar_fd *f;
} pair;

static int ended; /* ops that called done */
static ar_err last;

static void on_done(ar_op *op) {
  ended++;
  last = op->result;
}

static pair open_pair(void) {
  pair p;
  int both[2];
  ended = 0;
  last = 1;
  CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both), 0);
  p.ours = both[0];
  p.theirs = both[1];
  CHECK_EQ(ar_loop_new(&p.loop), 0);
  CHECK_EQ(ar_fd_new(p.loop, p.ours, true, &p.f), 0);
  ar_fd_op(p.f, AR_SIDE_READ)->done = on_done;
  ar_fd_op(p.f, AR_SIDE_WRITE)->done = on_done;
  return p;
}

static void close_pair(pair *p) {
  if (p->f != NULL)
    ar_fd_close(p->f);
  (void)close(p->theirs);
  CHECK_EQ(ar_loop_free(p->loop), 0);
}

TEST("a wait ends when there is something to read, and keeps the loop alive") {
  pair p = open_pair();
  CHECK(!ar_loop_is_alive(p.loop));
  CHECK_EQ(ar_fd_wait(p.f, AR_SIDE_READ), 0);
  CHECK(ar_loop_is_alive(p.loop));
  ar_loop_poll(p.loop);
  CHECK_EQ(ended, 0);
  CHECK_EQ(write(p.theirs, "x", 1), 1);
  ar_loop_wait(p.loop, AR_TIME_MAX);
  CHECK_EQ(ended, 1);
  CHECK_EQ(last, 0);
  CHECK(!ar_loop_is_alive(p.loop));
  close_pair(&p);
}

TEST(
    "what nobody waits for ends the interest, and is there for the next wait") {
  pair p = open_pair();
  CHECK_EQ(write(p.theirs, "x", 1), 1);
  CHECK_EQ(ar_fd_wait(p.f, AR_SIDE_READ), 0);
  ar_loop_wait(p.loop, AR_TIME_MAX);
  CHECK_EQ(ended, 1);
  /* An event nobody hears: twice it may end a wait, but not for ever. */
  CHECK(ar_loop_wait(p.loop, 1000000) || ar_loop_wait(p.loop, 1000000) ||
        ar_loop_wait(p.loop, 1000000));
  CHECK_EQ(ar_fd_wait(p.f, AR_SIDE_READ), 0);
  ar_loop_wait(p.loop, AR_TIME_MAX);
  CHECK_EQ(ended, 2);
  close_pair(&p);
}

TEST("to be writable is no nuisance for long") {
  pair p = open_pair();
  CHECK_EQ(ar_fd_wait(p.f, AR_SIDE_WRITE), 0);
  ar_loop_wait(p.loop, AR_TIME_MAX);
  CHECK_EQ(ended, 1);
  CHECK(ar_loop_wait(p.loop, 1000000) || ar_loop_wait(p.loop, 1000000));
  CHECK_EQ(ar_fd_wait(p.f, AR_SIDE_WRITE), 0);
  ar_loop_wait(p.loop, AR_TIME_MAX);
  CHECK_EQ(ended, 2);
  close_pair(&p);
}

TEST("both sides are waited for at once") {
  pair p = open_pair();
  CHECK_EQ(ar_fd_wait(p.f, AR_SIDE_READ), 0);
  CHECK_EQ(ar_fd_wait(p.f, AR_SIDE_WRITE), 0);
  ar_loop_wait(p.loop, AR_TIME_MAX);
  CHECK_EQ(ended, 1);
  CHECK(ar_op_is_pending(ar_fd_op(p.f, AR_SIDE_READ)));
  CHECK_EQ(write(p.theirs, "x", 1), 1);
  ar_loop_wait(p.loop, AR_TIME_MAX);
  CHECK_EQ(ended, 2);
  close_pair(&p);
}

TEST("the end of the peer ends a wait") {
  pair p = open_pair();
  CHECK_EQ(ar_fd_wait(p.f, AR_SIDE_READ), 0);
  CHECK_EQ(shutdown(p.theirs, SHUT_RDWR), 0);
  ar_loop_wait(p.loop, AR_TIME_MAX);
  CHECK_EQ(ended, 1);
  CHECK_EQ(last, 0);
  close_pair(&p);
}

TEST("a cancelled wait ends at once, and the next one hears the event") {
  pair p = open_pair();
  CHECK_EQ(ar_fd_wait(p.f, AR_SIDE_READ), 0);
  CHECK(ar_op_cancel(ar_fd_op(p.f, AR_SIDE_READ)));
  CHECK(!ar_loop_is_alive(p.loop));
  CHECK_EQ(write(p.theirs, "x", 1), 1);
  ar_loop_poll(p.loop);
  CHECK_EQ(ended, 0);
  CHECK_EQ(ar_fd_wait(p.f, AR_SIDE_READ), 0);
  ar_loop_wait(p.loop, AR_TIME_MAX);
  CHECK_EQ(ended, 1);
  close_pair(&p);
}

TEST("closing ends a wait, and says so") {
  pair p = open_pair();
  CHECK_EQ(ar_fd_wait(p.f, AR_SIDE_READ), 0);
  ar_fd_close(p.f);
  p.f = NULL;
  CHECK_EQ(ended, 1);
  CHECK_EQ(last, AR_OP_CLOSED);
  CHECK_EQ(fcntl(p.ours, F_GETFD), -1);
  close_pair(&p);
}

TEST("a descriptor that is not owned stays open, in the mode it had") {
  pair p = open_pair();
  ar_fd *f;
  CHECK_EQ(ar_fd_new(p.loop, p.theirs, false, &f), 0);
  ar_fd_op(f, AR_SIDE_WRITE)->done = on_done;
  CHECK_EQ(ar_fd_wait(f, AR_SIDE_WRITE), 0);
  CHECK_EQ(fcntl(p.theirs, F_GETFL) & O_NONBLOCK, 0);
  ar_loop_wait(p.loop, AR_TIME_MAX);
  CHECK_EQ(ended, 1);
  ar_fd_close(f);
  CHECK_EQ(fcntl(p.theirs, F_GETFL) & O_NONBLOCK, 0);
  close_pair(&p);
}

TEST("a plain file cannot be waited for") {
  pair p = open_pair();
  ar_fd *f;
  int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  CHECK(fd >= 0);
  CHECK_EQ(ar_fd_new(p.loop, fd, true, &f), 0);
  CHECK_EQ(ar_fd_wait(f, AR_SIDE_READ), AR_EPERM);
  CHECK(!ar_loop_is_alive(p.loop));
  ar_fd_close(f);
  close_pair(&p);
}
