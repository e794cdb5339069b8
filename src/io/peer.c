/*
 * A worker process of this program.
 */

#include "io/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "io/spawn.h"

extern char **environ;

/* What is read at a time, before it is known that there is more. */
#define PIECE ((size_t)64 * 1024)

struct ar_peer {
  atomic_uint count;
  pid_t pid;
  int fd;
};

/* ---- frames ------------------------------------------------------------- */

static ar_err write_all(int fd, const unsigned char *bytes, size_t n) {
  while (n > 0) {
    ssize_t written = send(fd, bytes, n, MSG_NOSIGNAL);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return ar_err_from_errno(errno);
    bytes += written;
    n -= (size_t)written;
  }
  return 0;
}

ar_err ar_frame_write(int fd, const ar_parcel *parcel) {
  uint64_t size = parcel->size;
  ar_err err = write_all(fd, (const unsigned char *)&size, sizeof size);
  return err != 0 ? err : write_all(fd, parcel->bytes, parcel->size);
}

static ar_err read_all(int fd, unsigned char *bytes, size_t n) {
  while (n > 0) {
    ssize_t got = read(fd, bytes, n);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return ar_err_from_errno(errno);
    if (got == 0)
      return AR_EOF;
    bytes += got;
    n -= (size_t)got;
  }
  return 0;
}

/* Memory is taken as the bytes come: a length alone costs nothing. */
ar_err ar_frame_read(int fd, ar_parcel *parcel) {
  uint64_t left;
  ar_err err = read_all(fd, (unsigned char *)&left, sizeof left);
  if (err == 0 && left > AR_FRAME_MOST)
    err = AR_EPROTO;
  while (err == 0 && left > 0) {
    size_t n = left < PIECE ? (size_t)left : PIECE;
    if (n < left && parcel->size > n) /* as much again as there is */
      n = left < parcel->size ? (size_t)left : parcel->size;
    err = ar_parcel_reserve(parcel, n);
    if (err == 0)
      err = read_all(fd, parcel->bytes + parcel->size, n);
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

static ar_err spawn(const char *backend, int fd, int null, pid_t *pid) {
  char path[4096], option[128], name[] = "anyrun";
  char *argv[] = {name, option, NULL};
  ar_spawn_spec spec = {.file = program(path, sizeof path),
                        .argv = argv,
                        .envp = environ,
                        .stdio = {null, null, null},
                        .pass = &fd,
                        .n_pass = 1,
                        .terminal = -1,
                        .umask = -1,
                        .without_pidfd = true};
  ar_spawn_stage stage;
  int pidfd = -1;
  ar_err err;
  (void)snprintf(option, sizeof option, AR_PEER_OPTION "%d,%s", fd, backend);
  err = ar_spawn(&spec, pid, &pidfd, &stage);
  if (pidfd >= 0)
    (void)close(pidfd);
  return err;
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
  err = spawn(backend, pair[1], null, &peer->pid);
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

/* It is reaped by the last one to have it: until then its number is its own. */
void ar_peer_kill(ar_peer *peer) {
  (void)kill(peer->pid, SIGKILL);
}

void ar_peer_drop(ar_peer *peer) {
  if (peer == NULL || atomic_fetch_sub(&peer->count, 1) != 1)
    return;
  (void)close(peer->fd);
  (void)kill(peer->pid, SIGKILL);
  while (waitpid(peer->pid, NULL, 0) < 0 && errno == EINTR)
    continue;
  ar_mem_free(peer, sizeof *peer);
}

ar_err ar_peer_exchange(ar_peer *peer, const ar_parcel *request,
                        ar_parcel *answer) {
  ar_err err = ar_frame_write(peer->fd, request);
  return err != 0 ? err : ar_frame_read(peer->fd, answer);
}
