/* files.lua in C: open, read to the end, close; or read 1 MiB at a time. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char buffer[1 << 20];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fill(const char *path, size_t size, long times) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  for (long i = 0; i < times; i++)
    if (write(fd, buffer, size) != (ssize_t)size)
      exit(1);
  close(fd);
}

static long long read_all(const char *path, size_t piece) {
  int fd = open(path, O_RDONLY);
  long long size = 0;
  ssize_t n;
  while ((n = read(fd, buffer, piece)) > 0)
    size += n;
  close(fd);
  return size;
}

int main(int argc, char **argv) {
  const char *what = argc > 2 ? argv[2] : "small";
  long count = argc > 3 ? atol(argv[3]) : 10000;
  char folder[] = "/tmp/bench-XXXXXX", path[64];
  long long size = 0;
  double start;
  int large = strcmp(what, "large") == 0;
  if (mkdtemp(folder) == NULL || chdir(folder) != 0)
    return 1;
  for (long i = 1; !large && i <= count; i++) {
    snprintf(path, sizeof path, "%ld", i);
    fill(path, 1025, 1);
  }
  if (large)
    fill("large", sizeof buffer, count);
  start = now();
  for (long i = 1; !large && i <= count; i++) {
    snprintf(path, sizeof path, "%ld", i);
    size += read_all(path, 65536);
  }
  if (large)
    size = read_all("large", sizeof buffer);
  start = now() - start;
  for (long i = 1; i <= count; i++) {
    snprintf(path, sizeof path, "%ld", i);
    (void)unlink(path);
  }
  (void)unlink("large");
  (void)rmdir(folder);
  if (size != (large ? (long long)count << 20 : count * 1025))
    return 1;
  printf("%.0f ns/%s\n", start / (double)count * 1e9, large ? "MiB" : "file");
  return 0;
}
