/*
 * A closed loop of echo requests over TCP: each connection has one message
 * under way. Usage: tcpload PORT CONNECTIONS BYTES REQUESTS; prints how many
 * requests were answered, and the microseconds in which 99 of 100 were, the
 * first tenth left aside.
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
#include <time.h>
#include <unistd.h>

typedef struct {
  size_t sent, received; /* of the message under way */
  double begun;          /* in microseconds */
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

static double now(void) {
  struct timespec t;
  (void)clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The time in which 99 of 100 were answered. */
static double slow_one(double *times, long n) {
  long skipped = n / 10, left = n - skipped;
  qsort(times + skipped, (size_t)left, sizeof *times, by_value);
  return times[skipped + left * 99 / 100];
}

/* 1: a whole message has come back. */
static int go_on(int fd, progress *p, const char *message, size_t size) {
  static char answer[1 << 17];
  ssize_t n;
  if (p->sent == 0)
    p->begun = now();
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
  return 1; /* p->begun is of the message that came */
}

int main(int argc, char **argv) {
  int port = argc > 4 ? (int)strtol(argv[1], NULL, 10) : 0;
  size_t n = argc > 4 ? (size_t)strtol(argv[2], NULL, 10) : 0;
  size_t size = argc > 4 ? (size_t)strtol(argv[3], NULL, 10) : 0;
  long left = argc > 4 ? strtol(argv[4], NULL, 10) : 0, done = 0;
  struct pollfd *fds = calloc(n + 1, sizeof *fds);
  progress *all = calloc(n + 1, sizeof *all);
  char *message = malloc(size + 1);
  double *times = calloc((size_t)left + n + 1, sizeof *times);
  if (n == 0 || size == 0 || left < 1 || fds == NULL || all == NULL ||
      message == NULL || times == NULL)
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
      if (fds[i].revents != 0 && go_on(fds[i].fd, &all[i], message, size))
        times[done++] = now() - all[i].begun;
  }
  printf("%ld %.1f\n", done, slow_one(times, done));
  return 0;
}
