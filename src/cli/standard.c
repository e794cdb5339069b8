/*
 * Opens and checks the standard streams.
 */

#include "cli/standard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"
#include "cli/ending.h"

/*
 * At exit, whoever calls it. Takes no argument, but the stream itself knows
 * whether something was lost. Where that happened long ago (print flushes
 * each line) the reason is gone with its errno: an empty write often gets
 * it again.
 */
static void check_output(void) {
  const char *why = "write error";
  if (fflush(stdout) == 0) {
    if (!ferror(stdout))
      return;
    errno = 0;
    (void)!write(STDOUT_FILENO, "", 0);
  }
  if (errno != 0)
    why = strerror(errno);
  (void)fprintf(stderr, "anyrun: standard output: %s\n", why);
  _exit(AR_EXIT_FAILURE);
}

void ar_standard_open(void) {
  /* The wrong way round: using it fails as using a closed one does. */
  static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};
  for (int fd = 0; fd < (int)ar_countof(modes); fd++)
    if (fcntl(fd, F_GETFD) < 0)
      (void)!open("/dev/null", modes[fd]);
  (void)atexit(check_output);
}
