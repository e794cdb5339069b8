/*
 * The terminal that a child uses: handed over, and taken back as it was.
 *
 * Order of calls: ar_terminal_init; ar_terminal_open, before the child is
 * started (whose process group may be made the foreground one then and there,
 * see io/spawn.h); if so, ar_terminal_listen before and ar_terminal_follow
 * after that; ar_terminal_close.
 *
 * A child in a process group of its own that is to use the terminal must be in
 * the foreground; control-C and control-Z are then its own. When it stops, we
 * do what a shell's job does: stop as well, with the terminal as it was before,
 * and hand it over anew when we are continued.
 */

#ifndef ar_terminal_h
#define ar_terminal_h

#include <sys/types.h>
#include <termios.h>

#include "loop/signal.h"

typedef struct ar_terminal ar_terminal;

struct ar_terminal {
  int fd;               /* borrowed; -1: there is none */
  struct termios modes; /* as they were */
  pid_t group;          /* it was handed to; 0: to none */
  ar_signal_watch sigchld;
};

void ar_terminal_init(ar_terminal *t);

/* Remember how the terminal at `fd` is now; false: it is no terminal. */
bool ar_terminal_open(ar_terminal *t, int fd);

/* Are we in its foreground, so that we may hand it over? */
bool ar_terminal_is_ours(const ar_terminal *t);

/* Before it is handed over: listen for its new owner being stopped. */
AR_MUST_CHECK ar_err ar_terminal_listen(ar_terminal *t);

/* This group has it now, the leader of which is a child. */
void ar_terminal_follow(ar_terminal *t, pid_t group);

/* Take it back, if it was handed over. `restore`: put it in the modes it was
 * in, since whoever changed them was killed. */
void ar_terminal_close(ar_terminal *t, bool restore);

#endif
