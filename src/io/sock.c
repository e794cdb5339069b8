/*
 * What can be asked of the system about a socket.
 */

#define _GNU_SOURCE /* accept4 */

#include "io/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

static ar_err last_error(void) {
  return ar_err_from_errno(errno);
}

/* What a call returned that gives back no more than that it was done. */
static ar_err done(int result) {
  return result == 0 ? 0 : last_error();
}

/* The same where it says how much it did. */
static ar_err counted(ssize_t result, size_t *n) {
  if (result < 0)
    return last_error();
  *n = (size_t)result;
  return 0;
}

static bool interrupted(ssize_t result) {
  return result < 0 && errno == EINTR;
}

ar_err ar_sock_open(int family, int type, int *fd) {
  int made = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made < 0)
    return last_error();
  *fd = made;
  return 0;
}

ar_err ar_sock_bind(int fd, const ar_addr *a) {
  return done(bind(fd, &a->of.any, a->len));
}

ar_err ar_sock_listen(int fd, int backlog) {
  return done(listen(fd, backlog));
}

ar_err ar_sock_bind_path(int fd, const ar_addr *a, int mode) {
  size_t len;
  const char *path = ar_addr_path_of(a, &len);
  struct stat what;
  ar_err err;
  if (*path == '\0')
    return ar_sock_bind(fd, a); /* no path: there is nothing in the way */
  if (lstat(path, &what) == 0 && S_ISSOCK(what.st_mode))
    (void)unlink(path);
  err = ar_sock_bind(fd, a);
  if (err != 0 || mode == -1)
    return err;
  err = done(chmod(path, (mode_t)mode));
  if (err != 0)
    ar_sock_unbind_path(a);
  return err;
}

void ar_sock_unbind_path(const ar_addr *a) {
  size_t len;
  const char *path = ar_addr_path_of(a, &len);
  if (*path != '\0')
    (void)unlink(path);
}

ar_err ar_sock_connect(int fd, const ar_addr *a) {
  int result = connect(fd, &a->of.any, a->len);
  /* A call that a signal interrupted has begun to connect all the same. */
  bool again = interrupted(result);
  while (interrupted(result))
    result = connect(fd, &a->of.any, a->len);
  if (result != 0 && (errno == EALREADY || errno == EINPROGRESS))
    return AR_EINPROGRESS;
  return again && result != 0 && errno == EISCONN ? 0 : done(result);
}

ar_err ar_sock_pending_error(int fd) {
  int number = 0;
  ar_err err = ar_sock_get(fd, SOL_SOCKET, SO_ERROR, &number);
  return err != 0 ? err : ar_err_from_errno(number);
}

ar_err ar_sock_accept(int fd, int *out) {
  int made;
  do
    made = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  while (interrupted(made));
  if (made < 0)
    return last_error();
  *out = made;
  return 0;
}

ar_err ar_sock_receive(int fd, char *to, size_t size, size_t *n) {
  ssize_t result;
  do
    result = recv(fd, to, size, 0);
  while (interrupted(result));
  return counted(result, n);
}

ar_err ar_sock_receive_from(int fd, char *to, size_t size, size_t *n,
                            ar_addr *from) {
  ssize_t result;
  do {
    from->len = sizeof from->of;
    result = recvfrom(fd, to, size, 0, &from->of.any, &from->len);
  } while (interrupted(result));
  if (from->len > sizeof from->of)
    from->len = sizeof from->of;
  return counted(result, n);
}

ar_err ar_sock_send(int fd, const char *data, size_t size, size_t *n) {
  ssize_t result;
  do
    result = send(fd, data, size, MSG_NOSIGNAL);
  while (interrupted(result));
  return counted(result, n);
}

ar_err ar_sock_send_to(int fd, const char *data, size_t size,
                       const ar_addr *to) {
  ssize_t result;
  do
    result = sendto(fd, data, size, MSG_NOSIGNAL, &to->of.any, to->len);
  while (interrupted(result));
  return result < 0 ? last_error() : 0;
}

/* ---- descriptors -------------------------------------------------------- */

/* Room for a control message, aligned as one must be. */
typedef union {
  struct cmsghdr head;
  char room[CMSG_SPACE(sizeof(int) * AR_SOCK_MAX_FDS)];
} control;

ar_err ar_sock_send_fds(int fd, const char *data, size_t size, const int *fds,
                        size_t n_fds, size_t *n) {
  control with;
  struct iovec bytes = {(void *)(uintptr_t)data, size};
  struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
  struct cmsghdr *head;
  ssize_t result;
  AR_ASSERT(n_fds > 0 && n_fds <= AR_SOCK_MAX_FDS);
  memset(&with, 0, sizeof with);
  message.msg_control = &with;
  message.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
  head = CMSG_FIRSTHDR(&message);
  head->cmsg_level = SOL_SOCKET;
  head->cmsg_type = SCM_RIGHTS;
  head->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
  memcpy(CMSG_DATA(head), fds, sizeof(int) * n_fds);
  do
    result = sendmsg(fd, &message, MSG_NOSIGNAL);
  while (interrupted(result));
  return counted(result, n);
}

/* The descriptors of one control message: into `fds`, of which `*have` are
 * used, or closed. */
static void take_fds(const struct cmsghdr *head, int *fds, size_t *have,
                     size_t max) {
  size_t n = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (size_t i = 0; i < n; i++) {
    int got;
    memcpy(&got, CMSG_DATA(head) + i * sizeof got, sizeof got);
    if (*have < max)
      fds[(*have)++] = got;
    else
      (void)ar_sock_close(got);
  }
}

/* Look at what comes next. *n_fds says how many descriptors there is room for,
 * and then how many came, which are new ones; *cut: there are more. */
static ssize_t peek(int fd, struct iovec *bytes, int *fds, size_t *n_fds,
                    bool *cut) {
  control with;
  struct msghdr message = {.msg_iov = bytes, .msg_iovlen = 1};
  size_t max = *n_fds;
  ssize_t result;
  AR_ASSERT(max > 0 && max <= AR_SOCK_MAX_FDS);
  do {
    message.msg_control = &with;
    message.msg_controllen = CMSG_LEN(sizeof(int) * max);
    result = recvmsg(fd, &message, MSG_PEEK | MSG_CMSG_CLOEXEC);
  } while (interrupted(result));
  *n_fds = 0;
  if (result < 0)
    return result;
  *cut = (message.msg_flags & MSG_CTRUNC) != 0;
  for (struct cmsghdr *head = CMSG_FIRSTHDR(&message); head != NULL;
       head = CMSG_NXTHDR(&message, head))
    if (head->cmsg_level == SOL_SOCKET && head->cmsg_type == SCM_RIGHTS)
      take_fds(head, fds, n_fds, max);
  return result;
}

/* What the system has no descriptor for is dropped with the bytes it came
 * with: so it is looked at first, and taken when all is there. */
ar_err ar_sock_receive_fds(int fd, char *to, size_t size, size_t *n, int *fds,
                           size_t *n_fds) {
  struct iovec bytes = {to, size};
  size_t max = *n_fds;
  bool cut = false;
  ssize_t result = peek(fd, &bytes, fds, n_fds, &cut);
  ar_err err = counted(result, n);
  if (err == 0 && cut && *n_fds < max)
    err = AR_EMFILE;
  if (err == 0) {
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};
    bytes.iov_len = *n;
    do
      result = recvmsg(fd, &message, 0);
    while (interrupted(result));
    err = counted(result, n);
  }
  for (; err != 0 && *n_fds > 0; --*n_fds)
    (void)ar_sock_close(fds[*n_fds - 1]);
  return err;
}

/* ---- state -------------------------------------------------------------- */

ar_err ar_sock_shut_sending(int fd) {
  return done(shutdown(fd, SHUT_WR));
}

ar_err ar_sock_set(int fd, int level, int option, int value) {
  return done(setsockopt(fd, level, option, &value, sizeof value));
}

ar_err ar_sock_get(int fd, int level, int option, int *value) {
  socklen_t len = sizeof *value;
  return done(getsockopt(fd, level, option, value, &len));
}

ar_err ar_sock_set_bytes(int fd, int level, int option, const char *bytes,
                         size_t size) {
  return done(setsockopt(fd, level, option, bytes, (socklen_t)size));
}

ar_err ar_sock_get_bytes(int fd, int level, int option, char *to,
                         size_t *size) {
  socklen_t len = (socklen_t)*size;
  ar_err err = done(getsockopt(fd, level, option, to, &len));
  if (err == 0)
    *size = len;
  return err;
}

ar_err ar_sock_name(int fd, ar_addr *a) {
  memset(a, 0, sizeof *a);
  a->len = sizeof a->of;
  return done(getsockname(fd, &a->of.any, &a->len));
}

ar_err ar_sock_peer(int fd, ar_addr *a) {
  memset(a, 0, sizeof *a);
  a->len = sizeof a->of;
  return done(getpeername(fd, &a->of.any, &a->len));
}

ar_err ar_sock_kind(int fd, int *family, int *type) {
  ar_err err = ar_sock_get(fd, SOL_SOCKET, SO_TYPE, type);
  return err != 0 ? err : ar_sock_get(fd, SOL_SOCKET, SO_DOMAIN, family);
}

bool ar_sock_is_bound(int fd) {
  ar_addr a;
  size_t len;
  if (ar_sock_name(fd, &a) != 0)
    return false;
  if (ar_addr_family(&a) != AF_UNIX)
    return ar_addr_port(&a) != 0;
  (void)ar_addr_path_of(&a, &len);
  return len > 0;
}

bool ar_sock_is_connected(int fd) {
  ar_addr a;
  return ar_sock_peer(fd, &a) == 0;
}

bool ar_sock_is_listening(int fd) {
  int value = 0;
  return ar_sock_get(fd, SOL_SOCKET, SO_ACCEPTCONN, &value) == 0 && value != 0;
}

size_t ar_sock_next_size(int fd) {
  ssize_t result = recv(fd, NULL, 0, MSG_PEEK | MSG_TRUNC);
  return result > 0 ? (size_t)result : 0;
}

ar_err ar_sock_unblock(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0)
    return last_error();
  if ((flags & O_NONBLOCK) != 0)
    return 0;
  return done(fcntl(fd, F_SETFL, flags | O_NONBLOCK));
}

ar_err ar_sock_close(int fd) {
  int result = close(fd);
  return interrupted(result) ? 0 : done(result); /* it is closed all the same */
}

ar_err ar_sock_file(const char *path, uint64_t *device, uint64_t *number) {
  struct stat file;
  if (stat(path, &file) != 0)
    return last_error();
  if (!S_ISSOCK(file.st_mode))
    return AR_ENOTSOCK;
  *device = file.st_dev;
  *number = file.st_ino;
  return 0;
}
