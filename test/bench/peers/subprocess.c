/* subprocess.lua in C: posix_spawn, and waitpid for whichever ends. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void begin(void) {
  char *words[] = {"/bin/true", NULL};
  pid_t pid;
  if (posix_spawn(&pid, words[0], NULL, NULL, words, environ) != 0)
    exit(1);
}

int main(int argc, char **argv) {
  int width = argc > 1 ? atoi(argv[1]) : 1;
  int count = argc > 2 ? atoi(argv[2]) : 1000;
  int begun = 0, ended = 0, status;
  double start = now();
  while (ended < count) {
    if (begun < count && begun - ended < width) {
      begin();
      begun++;
    } else if (waitpid(-1, &status, 0) > 0) {
      if (status != 0)
        return 1;
      ended++;
    }
  }
  printf("%.1f us/process\n", (now() - start) * 1e6 / count);
  return 0;
}
