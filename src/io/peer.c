/*
 * A worker process of this program.
 */

#include "io/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "io/spawn.h"

extern char **environ;

/* What is read at a time, before it is known that there is more. */
#define PIECE ((size_t)64 * 1024)

/* So long it may take to end when its end of the frames is closed. */
#define LAST_MOMENT 1000 /* milliseconds */

struct ar_peer {
  atomic_uint count;
  pid_t pid;
  int fd;
  int pidfd; /* ready when it has ended; -1: the system has none */
  /* Of the thread that exchanges, and then of who heard of its end: */
  bool ended;
  int status; /* as ar_peer_end has it */
};

/* ---- frames ------------------------------------------------------------- */

/* Where frames pass, and what is ready when the other side is dead (or -1). */
typedef struct {
  int fd;
  int death;
} line;

/* Wait until something can pass. What a dead one has left is still read. */
static ar_err wait_for(line l, short events) {
  struct pollfd polls[] = {{l.fd, events, 0}, {l.death, POLLIN, 0}};
  int n;
  do
    n = poll(polls, ar_countof(polls), -1);
  while (n < 0 && errno == EINTR);
  if (n < 0)
    return ar_err_from_errno(errno);
  return polls[0].revents != 0 ? 0 : AR_EOF;
}

/* After a call that could not do it at once. */
static ar_err again(line l, short events) {
  if (errno == EINTR)
    return 0;
  if (errno != EAGAIN && errno != EWOULDBLOCK)
    return ar_err_from_errno(errno);
  return wait_for(l, events);
}

static ar_err write_all(line l, const unsigned char *bytes, size_t n) {
  while (n > 0) {
    ssize_t written = send(l.fd, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT);
    ar_err err = written < 0 ? again(l, POLLOUT) : 0;
    if (err != 0)
      return err;
    if (written > 0) {
      bytes += written;
      n -= (size_t)written;
    }
  }
  return 0;
}

static ar_err write_frame(line l, const ar_parcel *parcel) {
  uint64_t size = parcel->size;
  ar_err err = write_all(l, (const unsigned char *)&size, sizeof size);
  return err != 0 ? err : write_all(l, parcel->bytes, parcel->size);
}

static ar_err read_all(line l, unsigned char *bytes, size_t n) {
  while (n > 0) {
    ssize_t got = recv(l.fd, bytes, n, MSG_DONTWAIT);
    ar_err err = got < 0 ? again(l, POLLIN) : 0;
    if (got == 0)
      return AR_EOF;
    if (err != 0)
      return err;
    if (got > 0) {
      bytes += got;
      n -= (size_t)got;
    }
  }
  return 0;
}

/* Memory is taken as the bytes come: a length alone costs nothing. */
static ar_err read_frame(line l, ar_parcel *parcel) {
  uint64_t left;
  ar_err err = read_all(l, (unsigned char *)&left, sizeof left);
  if (err == 0 && left > AR_FRAME_MOST)
    err = AR_EPROTO;
  while (err == 0 && left > 0) {
    size_t n = left < PIECE ? (size_t)left : PIECE;
    if (n < left && parcel->size > n) /* as much again as there is */
      n = left < parcel->size ? (size_t)left : parcel->size;
    err = ar_parcel_reserve(parcel, n);
    if (err == 0)
      err = read_all(l, parcel->bytes + parcel->size, n);
    if (err == 0) {
      parcel->size += n;
      left -= n;
    }
  }
  return err;
}

/* ---- the process -------------------------------------------------------- */

/* Where this program is, as a child can execute it. */
static const char *program(char *buffer, size_t size) {
  ssize_t n = readlink("/proc/self/exe", buffer, size - 1);
  if (n <= 0)
    return "/proc/self/exe";
  buffer[n] = '\0';
  return access(buffer, X_OK) == 0 ? buffer : "/proc/self/exe";
}

static ar_err spawn(const char *backend, int fd, int null, pid_t *pid,
                    int *pidfd) {
  char path[4096], option[128], name[] = "anyrun";
  char *argv[] = {name, option, NULL};
  ar_spawn_spec spec = {.file = program(path, sizeof path),
                        .argv = argv,
                        .envp = environ,
                        .stdio = {null, null, null},
                        .pass = &fd,
                        .n_pass = 1,
                        .terminal = -1,
                        .umask = -1};
  ar_spawn_stage stage;
  (void)snprintf(option, sizeof option, AR_PEER_OPTION "%d,%s", fd, backend);
  return ar_spawn(&spec, pid, pidfd, &stage);
}

ar_err ar_peer_start(const char *backend, ar_peer **out) {
  ar_peer *peer = ar_mem_zalloc(sizeof *peer);
  int pair[2], null;
  ar_err err;
  if (peer == NULL)
    return AR_ENOMEM;
  null = open("/dev/null", O_RDWR | O_CLOEXEC);
  err = null < 0 ? ar_err_from_errno(errno) : 0;
  if (err != 0)
    goto free_memory;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
    err = ar_err_from_errno(errno);
    goto close_null;
  }
  err = spawn(backend, pair[1], null, &peer->pid, &peer->pidfd);
  (void)close(pair[1]);
  if (err != 0) {
    (void)close(pair[0]);
    goto close_null;
  }
  (void)close(null);
  atomic_init(&peer->count, 1);
  peer->fd = pair[0];
  *out = peer;
  return 0;
close_null:
  (void)close(null);
free_memory:
  ar_mem_free(peer, sizeof *peer);
  return err;
}

void ar_peer_take(ar_peer *peer) {
  (void)atomic_fetch_add(&peer->count, 1);
}

/* It is reaped by the last one to have it: until then its number is its own.
 * Who waits for its frames is woken, whoever else may have their other end. */
void ar_peer_kill(ar_peer *peer) {
  (void)kill(peer->pid, SIGKILL);
  (void)shutdown(peer->fd, SHUT_RDWR);
}

void ar_peer_drop(ar_peer *peer) {
  if (peer == NULL || atomic_fetch_sub(&peer->count, 1) != 1)
    return;
  (void)close(peer->fd);
  if (peer->pidfd >= 0)
    (void)close(peer->pidfd);
  (void)kill(peer->pid, SIGKILL);
  while (waitpid(peer->pid, NULL, 0) < 0 && errno == EINTR)
    continue;
  ar_mem_free(peer, sizeof *peer);
}

bool ar_peer_is_idle(const ar_peer *peer) {
  struct pollfd polls[] = {{peer->fd, POLLIN, 0}, {peer->pidfd, POLLIN, 0}};
  return poll(polls, ar_countof(polls), 0) == 0;
}

/* It talks no more: how did it end? It stays to be reaped. */
static void note_end(ar_peer *peer) {
  struct pollfd poll_it = {peer->pidfd, POLLIN, 0};
  siginfo_t info;
  if (peer->pidfd >= 0)
    (void)poll(&poll_it, 1, LAST_MOMENT);
  info.si_pid = 0;
  if (waitid(P_PID, (id_t)peer->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
      info.si_pid == 0)
    return;
  peer->ended = true;
  peer->status = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}

ar_err ar_peer_exchange(ar_peer *peer, const ar_parcel *request,
                        ar_parcel *answer) {
  line l = {peer->fd, peer->pidfd};
  ar_err err = write_frame(l, request);
  if (err == 0)
    err = read_frame(l, answer);
  if (err == AR_EOF || err == AR_EPIPE || err == AR_ECONNRESET)
    note_end(peer);
  return err;
}

bool ar_peer_end(const ar_peer *peer, int *status) {
  *status = peer->status;
  return peer->ended;
}

/* ---- the other side ----------------------------------------------------- */

bool ar_peer_become(int fd) {
  struct pollfd poll_it = {fd, 0, 0};
  int type;
  socklen_t size = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
    return false;
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  /* Who started it may have died before it asked to be told. */
  return poll(&poll_it, 1, 0) == 0;
}

ar_err ar_peer_read(int fd, ar_parcel *request) {
  line l = {fd, -1};
  return read_frame(l, request);
}

ar_err ar_peer_write(int fd, const ar_parcel *answer) {
  line l = {fd, -1};
  return write_frame(l, answer);
}
