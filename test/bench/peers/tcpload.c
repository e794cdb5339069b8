/*
 * A closed loop of echo requests over TCP: each connection has one message
 * under way. Usage: tcpload PORT CONNECTIONS BYTES REQUESTS; prints how many
 * requests were answered.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct {
  size_t sent, received; /* of the message under way */
} progress;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static int connect_to(int port) {
  struct sockaddr_in to = {.sin_family = AF_INET};
  int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
  to.sin_port = htons((uint16_t)port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0)
    fail("connect");
  (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  (void)fcntl(fd, F_SETFL, O_NONBLOCK);
  return fd;
}

/* 1: a whole message has come back. */
static int go_on(int fd, progress *p, const char *message, size_t size) {
  static char answer[1 << 17];
  ssize_t n;
  if (p->sent < size) {
    n = send(fd, message + p->sent, size - p->sent, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN)
      fail("send");
    p->sent += n > 0 ? (size_t)n : 0;
  }
  n = recv(fd, answer, sizeof answer, 0);
  if (n == 0 || (n < 0 && errno != EAGAIN))
    fail("recv");
  p->received += n > 0 ? (size_t)n : 0;
  if (p->received < size)
    return 0;
  p->sent = p->received = 0;
  return 1;
}

int main(int argc, char **argv) {
  int port = argc > 4 ? (int)strtol(argv[1], NULL, 10) : 0;
  size_t n = argc > 4 ? (size_t)strtol(argv[2], NULL, 10) : 0;
  size_t size = argc > 4 ? (size_t)strtol(argv[3], NULL, 10) : 0;
  long left = argc > 4 ? strtol(argv[4], NULL, 10) : 0, done = 0;
  struct pollfd *fds = calloc(n + 1, sizeof *fds);
  progress *all = calloc(n + 1, sizeof *all);
  char *message = malloc(size + 1);
  if (n == 0 || size == 0 || fds == NULL || all == NULL || message == NULL)
    return 2;
  memset(message, 'x', size);
  for (size_t i = 0; i < n; i++)
    fds[i].fd = connect_to(port);
  while (done < left) {
    for (size_t i = 0; i < n; i++)
      fds[i].events = (short)(POLLIN | (all[i].sent < size ? POLLOUT : 0));
    if (poll(fds, n, -1) < 0)
      fail("poll");
    for (size_t i = 0; i < n; i++)
      if (fds[i].revents != 0)
        done += go_on(fds[i].fd, &all[i], message, size);
  }
  printf("%ld\n", done);
  return 0;
}
