/*
 * Worker processes: this program is its own worker.
 */

#include "base/err.h"
#include "ctest.h"
#include "io/peer.h"

/* What a worker of ours does with a request: its first byte says it. */
static void serve(int fd) {
  ar_parcel *p = ar_parcel_new();
  ar_parcel half = {.bytes = (unsigned char *)"half", .size = 1 << 20};
  while (p != NULL && ar_peer_read(fd, p) == 0) {
    switch (p->bytes[0]) {
      case 'e': (void)!ar_peer_write(fd, p); break; /* echo */
      case 'f': /* its child keeps all descriptors, whatever becomes of it */
        if (fork() == 0) {
          (void)sleep(20); /* long after all is over */
          _exit(0);
        }
        _exit(7);
      case 'h': /* half an answer */
        (void)!write(fd, &half.size, sizeof half.size);
        (void)!write(fd, half.bytes, 4);
        (void)kill(getpid(), SIGKILL);
        break;
      case 'l': /* a length that nobody has */
        half.size = SIZE_MAX;
        (void)!write(fd, &half.size, sizeof half.size);
        break;
      case 's': /* says something unasked */
        (void)!ar_peer_write(fd, p);
        (void)!ar_peer_write(fd, p);
        break;
      default: _exit(0);
    }
    ar_parcel_clear(p);
  }
  _exit(0);
}

/* Before the kit's main: is this the worker? */
__attribute__((constructor)) static void become_worker(int argc, char **argv) {
  const size_t n = strlen(AR_PEER_OPTION);
  if (argc != 2 || strncmp(argv[1], AR_PEER_OPTION, n) != 0)
    return;
  if (!ar_peer_become((int)strtol(argv[1] + n, NULL, 10)))
    _exit(9);
  serve((int)strtol(argv[1] + n, NULL, 10));
}

static ar_err ask(ar_peer *peer, const char *text, ar_parcel *answer) {
  ar_parcel request = {.bytes = (unsigned char *)(uintptr_t)text,
                       .size = strlen(text)};
  ar_parcel_clear(answer);
  return ar_peer_exchange(peer, &request, answer);
}

TEST("a worker answers, and is idle between two requests") {
  ar_parcel *answer = ar_parcel_new();
  ar_peer *peer;
  CHECK_EQ(ar_peer_start("asyncio", &peer), 0);
  for (int i = 0; i < 3; i++) {
    CHECK(ar_peer_is_idle(peer));
    CHECK_EQ(ask(peer, "echo", answer), 0);
    CHECK_EQ(answer->size, 4);
  }
  ar_peer_drop(peer);
  ar_parcel_free(answer);
}

TEST("its death is seen though its child has its end of the line") {
  ar_parcel *answer = ar_parcel_new();
  ar_peer *peer;
  int status;
  CHECK_EQ(ar_peer_start("asyncio", &peer), 0);
  CHECK_EQ(ask(peer, "fork", answer), AR_EOF);
  CHECK(ar_peer_end(peer, &status));
  CHECK_EQ(status, 7);
  CHECK(!ar_peer_is_idle(peer));
  ar_peer_drop(peer);
  ar_parcel_free(answer);
}

TEST("half an answer, and one too long for anybody") {
  ar_parcel *answer = ar_parcel_new();
  ar_peer *peer;
  int status;
  CHECK_EQ(ar_peer_start("asyncio", &peer), 0);
  CHECK_EQ(ask(peer, "half", answer), AR_EOF);
  CHECK(ar_peer_end(peer, &status));
  CHECK_EQ(status, -SIGKILL);
  ar_peer_drop(peer);
  CHECK_EQ(ar_peer_start("asyncio", &peer), 0);
  CHECK_EQ(ask(peer, "long", answer), AR_EPROTO);
  CHECK(!ar_peer_end(peer, &status));
  ar_peer_drop(peer);
  ar_parcel_free(answer);
}

TEST("one that was killed, or says something unasked, is not idle") {
  ar_parcel *answer = ar_parcel_new();
  ar_peer *peer;
  CHECK_EQ(ar_peer_start("asyncio", &peer), 0);
  CHECK_EQ(ask(peer, "say it twice", answer), 0);
  while (ar_peer_is_idle(peer))
    continue; /* the second one is on its way */
  ar_peer_drop(peer);
  CHECK_EQ(ar_peer_start("asyncio", &peer), 0);
  ar_peer_kill(peer);
  CHECK(!ar_peer_is_idle(peer));
  CHECK(ask(peer, "echo", answer) != 0);
  ar_peer_drop(peer);
  ar_parcel_free(answer);
}

TEST("only a socket makes a process a worker") {
  int pair[2];
  CHECK_EQ(pipe(pair), 0);
  CHECK(!ar_peer_become(pair[0]));
  CHECK(!ar_peer_become(-1));
  (void)close(pair[0]);
  (void)close(pair[1]);
}
