/* threads.lua in C: empty work for libuv's threads, one after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static int left;

static void work(uv_work_t *request) {
  (void)request;
}

static void done(uv_work_t *request, int status) {
  if (status == 0 && --left > 0)
    (void)uv_queue_work(request->loop, request, work, done);
}

int main(int argc, char **argv) {
  uv_loop_t *loop = uv_default_loop();
  uv_work_t request;
  int times = argc > 2 ? atoi(argv[2]) : 20000;
  uint64_t start;
  if (argc > 1 && strcmp(argv[1], "noop") != 0)
    return 1;
  left = 1;
  (void)uv_queue_work(loop, &request, work, done); /* makes the threads */
  (void)uv_run(loop, UV_RUN_DEFAULT);
  left = times;
  start = uv_hrtime();
  (void)uv_queue_work(loop, &request, work, done);
  (void)uv_run(loop, UV_RUN_DEFAULT);
  printf("%.1f ns/call\n", (double)(uv_hrtime() - start) / times);
  return 0;
}
