/*
 * Signals as events of a loop.
 *
 * The handler may run in any thread, between any two instructions: it notes
 * the signal in an atomic flag, and wakes the loop. The rest is the main
 * thread's alone.
 */

#define _GNU_SOURCE /* gettid's number */

#include "loop/signal.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

#define COUNT 65 /* signals of Linux, counted from 1 */

_Static_assert(NSIG <= COUNT, "more signals than there are places");

static struct {
  /* the handler's, too */
  atomic_int pending[COUNT]; /* arrived, and nobody was told yet */
  atomic_uint stamp[COUNT];  /* when it began to pend */
  atomic_uint clock;         /* counts what began to pend */
  atomic_bool any;           /* something pends */
  _Atomic(ar_loop *) loop;   /* borrowed: to be woken; NULL: none */
  /* the main thread's */
  bool opened;
  ar_list watches;
  unsigned users[COUNT];
  struct sigaction before[COUNT]; /* where there are users */
} shared;

static void on_signal(int signum) {
  int number = errno;
  ar_loop *loop = atomic_load(&shared.loop);
  if (atomic_exchange(&shared.pending[signum], 1) == 0)
    atomic_store(&shared.stamp[signum], atomic_fetch_add(&shared.clock, 1));
  atomic_store(&shared.any, true);
  if (loop != NULL)
    ar_loop_wake(loop);
  errno = number;
}

static bool is_main_thread(void) {
  return syscall(SYS_gettid) == getpid();
}

/* ---- dispositions ------------------------------------------------------- */

static ar_err take_over(int signum) {
  struct sigaction mine;
  mine.sa_handler = on_signal;
  mine.sa_flags = SA_RESTART;
  (void)sigemptyset(&mine.sa_mask);
  if (shared.users[signum] == 0 &&
      sigaction(signum, &mine, &shared.before[signum]) != 0)
    return ar_err_from_errno(errno);
  shared.users[signum]++;
  return 0;
}

/* It arrived, and nobody was told. */
static bool take(int signum) {
  return atomic_exchange(&shared.pending[signum], 0) != 0;
}

static void give_back(int signum, bool unread) {
  struct sigaction now;
  if (--shared.users[signum] > 0)
    return;
  if (sigaction(signum, NULL, &now) == 0 && now.sa_handler == on_signal)
    (void)sigaction(signum, &shared.before[signum], NULL);
  if (take(signum) || unread)
    (void)raise(signum);
}

/* ---- watches ------------------------------------------------------------ */

void ar_signal_watch_init(ar_signal_watch *watch) {
  ar_link_init(&watch->link);
  watch->signum = 0;
  watch->arrived = NULL;
}

ar_err ar_signal_watch_start(ar_signal_watch *watch, int signum,
                             void (*arrived)(ar_signal_watch *)) {
  ar_err err;
  AR_ASSERT(!ar_link_is_linked(&watch->link));
  if (!is_main_thread())
    return AR_EPERM;
  if (signum < 1 || signum >= COUNT)
    return AR_EINVAL;
  if (!shared.opened)
    ar_list_init(&shared.watches);
  shared.opened = true;
  err = take_over(signum);
  if (err != 0)
    return err;
  watch->signum = signum;
  watch->arrived = arrived;
  ar_list_push(&shared.watches, &watch->link);
  return 0;
}

void ar_signal_unwatch(ar_signal_watch *watch, bool unread) {
  if (!ar_link_is_linked(&watch->link))
    return;
  ar_list_remove(&watch->link);
  give_back(watch->signum, unread);
}

/* ---- telling ------------------------------------------------------------ */

void ar_signal_attach(ar_loop *loop) {
  atomic_store(&shared.loop, loop);
  if (loop != NULL && atomic_load(&shared.any))
    ar_loop_wake(loop);
}

static void tell(int signum) {
  ar_link *link = ar_list_first(&shared.watches);
  while (link != NULL) {
    ar_signal_watch *watch = ar_container_of(link, ar_signal_watch, link);
    link = ar_list_next(&shared.watches, link);
    if (watch->signum == signum)
      watch->arrived(watch); /* watch may be gone */
  }
}

/* The one that has pended longest; 0: none does. */
static int oldest(void) {
  int found = 0;
  for (int n = 1; n < COUNT; n++) {
    if (shared.users[n] == 0 || atomic_load(&shared.pending[n]) == 0)
      continue;
    /* as a difference: the count may wrap */
    if (found == 0 || (int)(atomic_load(&shared.stamp[n]) -
                            atomic_load(&shared.stamp[found])) < 0)
      found = n;
  }
  return found;
}

void ar_signal_look(ar_loop *loop) {
  int signum;
  if (atomic_load(&shared.loop) != loop || !atomic_exchange(&shared.any, false))
    return;
  while ((signum = oldest()) != 0)
    if (take(signum))
      tell(signum);
}
