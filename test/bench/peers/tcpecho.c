/* tcpecho.lua in C: a server of libuv that has one buffer for all. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

typedef struct {
  uv_write_t request;
  char data[];
} rest;

static char room[65536];
static FILE *load;
static uv_poll_t load_ended;
static clock_t begun;
static const char *what;

static void give_room(uv_handle_t *stream, size_t size, uv_buf_t *out) {
  (void)stream;
  (void)size;
  *out = uv_buf_init(room, sizeof room);
}

static void forget(uv_handle_t *stream) {
  free(stream);
}

static void written(uv_write_t *request, int status) {
  (void)status;
  free(request);
}

/* What the kernel did not take at once. */
static void write_rest(uv_stream_t *stream, const char *data, size_t size) {
  rest *left = malloc(sizeof *left + size);
  uv_buf_t out;
  if (left == NULL)
    abort();
  memcpy(left->data, data, size);
  out = uv_buf_init(left->data, (unsigned)size);
  (void)uv_write(&left->request, stream, &out, 1, written);
}

static void echo(uv_stream_t *stream, ssize_t n, const uv_buf_t *in) {
  uv_buf_t out = uv_buf_init(in->base, n > 0 ? (unsigned)n : 0);
  int sent = 0;
  if (n < 0) {
    uv_close((uv_handle_t *)stream, forget);
    return;
  }
  if (n > 0)
    sent = uv_try_write(stream, &out, 1);
  if (sent < 0)
    sent = 0;
  if (sent < n)
    write_rest(stream, in->base + sent, (size_t)(n - sent));
}

static void accept_one(uv_stream_t *listener, int status) {
  uv_tcp_t *stream = malloc(sizeof *stream);
  if (status != 0 || stream == NULL)
    abort();
  (void)uv_tcp_init(listener->loop, stream);
  if (uv_accept(listener, (uv_stream_t *)stream) != 0)
    abort();
  (void)uv_tcp_nodelay(stream, 1);
  (void)uv_read_start((uv_stream_t *)stream, give_room, echo);
}

/* The load says how much it did. */
static void finish(uv_poll_t *poll, int status, int events) {
  double used = (double)(clock() - begun) / CLOCKS_PER_SEC;
  double requests, slow;
  (void)status;
  (void)events;
  if (fscanf(load, "%lf %lf", &requests, &slow) != 2)
    abort();
  if (strcmp(what, "p99") == 0)
    printf("%.0f us\n", slow);
  else
    printf("%.2f us/request\n", used * 1e6 / requests);
  uv_stop(poll->loop);
}

static FILE *start_load(int port, const char *bytes, const char *requests) {
  const char *build = getenv("BUILD");
  char line[1000];
  (void)snprintf(line, sizeof line, "%s/bench/tcpload %d 50 %s %s",
                 build != NULL ? build : "build", port, bytes, requests);
  return popen(line, "r");
}

int main(int argc, char **argv) {
  uv_loop_t *loop = uv_default_loop();
  uv_tcp_t listener;
  struct sockaddr_in at;
  int len = sizeof at;
  what = argc > 3 ? argv[3] : "";
  (void)signal(SIGPIPE, SIG_IGN);
  (void)uv_ip4_addr("127.0.0.1", 0, &at);
  (void)uv_tcp_init(loop, &listener);
  (void)uv_tcp_bind(&listener, (struct sockaddr *)&at, 0);
  if (uv_listen((uv_stream_t *)&listener, 512, accept_one) != 0 ||
      uv_tcp_getsockname(&listener, (struct sockaddr *)&at, &len) != 0)
    return 1;
  begun = clock();
  load = start_load((at.sin_port >> 8 | at.sin_port << 8) & 0xffff,
                    argc > 1 ? argv[1] : "64", argc > 2 ? argv[2] : "100000");
  if (load == NULL || uv_poll_init(loop, &load_ended, fileno(load)) != 0 ||
      uv_poll_start(&load_ended, UV_READABLE, finish) != 0)
    return 1;
  (void)uv_run(loop, UV_RUN_DEFAULT);
  return 0;
}
