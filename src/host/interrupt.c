/*
 * Control-C into running Lua.
 *
 * Signals belong to the process, not to a Lua state: this file holds the only
 * writable data at file scope of the program. A host other than the first
 * (a worker thread's) never opens it.
 */

#define _GNU_SOURCE /* ppoll */

#include "host/interrupt.h"

#include <errno.h>
#include <lauxlib.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "host/cancelled.h"
#include "host/lrun.h"
#include "host/raise.h"
#include "loop/signal.h"

/* Control-Cs that may follow one which the running code does not hear. */
#define AR_UNHEARD 2

/* What the handler and the program share. */
static struct {
  volatile sig_atomic_t pending; /* the signal; 0: none */
  volatile sig_atomic_t unheard; /* control-Cs since it is, less one */
  ar_host *volatile host;        /* borrowed: NULL while closed */
  ar_loop *volatile loop;        /* borrowed: that the host may wait in */
} shared;

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

_Static_assert(sizeof(sig_atomic_t) == sizeof(int), "the flag is read as int");

const volatile int *ar_interrupt_flag(void) {
  return &shared.pending;
}

int ar_interrupt_take(void) {
  int signum = shared.pending;
  shared.pending = 0;
  shared.unheard = 0;
  return signum;
}

/* Raise the interrupt where the code is. */
static void raise_here(lua_State *L, ar_lrun *run, int signum) {
  ar_lrun none;
  if (run == NULL) {
    none.signal = signum;
    run = &none;
  } else {
    ar_lrun_note_signal(run, signum);
  }
  ar_interrupt_push(L, run);
  (void)lua_error(L);
}

/* May it be raised in the code that is running? */
static bool is_open_to_it(const ar_lrun *run) {
  const ar_sched *s = &run->run.sched;
  if (s->current == NULL || s->current->system)
    return false;
  /* On asyncio: the second one, or one that asks the run to end. */
  if (!s->policy->interrupts_code)
    return run->interrupts > 0 || shared.pending != SIGINT;
  return !run->restricted && !ar_coro_of(s->current)->guarded;
}

/* ... in a function that has blocked the thread? Then asyncio's first one is
 * raised, too: main, which it would cancel, is kept from hearing it. */
static bool is_open_blocked(const ar_lrun *run) {
  const ar_task *current = run->run.sched.current;
  return is_open_to_it(run) ||
         (current != NULL && !run->run.sched.policy->interrupts_code);
}

void ar_interrupt_raise(lua_State *L) {
  ar_lrun *run = ar_host_of(L)->run;
  int signum;
  if (run != NULL && !is_open_blocked(run))
    return; /* the loop's matter, when it goes on */
  signum = ar_interrupt_take();
  if (signum != 0)
    raise_here(L, run, signum);
}

void ar_interrupt_await_input(lua_State *L, int fd) {
  struct pollfd poll = {fd, POLLIN, 0};
  sigset_t ours, open;
  (void)sigemptyset(&ours);
  for (size_t i = 0; i < ar_countof(signals); i++)
    (void)sigaddset(&ours, signals[i]);
  (void)pthread_sigmask(SIG_BLOCK, &ours, &open);
  while (shared.pending == 0 && ppoll(&poll, 1, NULL, &open) < 0 &&
         errno == EINTR)
    continue;
  (void)pthread_sigmask(SIG_SETMASK, &open, NULL);
  ar_interrupt_raise(L);
}

static void on_hook(lua_State *L, lua_Debug *ar) {
  ar_host *host = ar_host_of(L);
  ar_lrun *run = host->run;
  int signum;
  /* In the code of a script, that is: not where a C function or the library
   * (or a message handler) would be torn apart. The hook stays until then. */
  lua_getinfo(L, "S", ar);
  if (*ar->what == 'C' || strncmp(ar->source, "@anyrun:", 8) == 0)
    return;
  lua_sethook(L, NULL, 0, 0);
  if (run == NULL) {
    signum = ar_interrupt_take();
    if (signum != 0)
      raise_here(L, NULL, signum);
    return;
  }
  if (is_open_to_it(run)) {
    signum = ar_interrupt_take();
    if (signum != 0)
      raise_here(L, run, signum);
    return;
  }
  if (run->run.sched.policy->interrupts_code)
    return; /* the loop's matter */
  signum = ar_interrupt_take();
  ar_lrun_interrupt(L, run, signum);
}

static void set_hook(lua_State *L) {
  lua_sethook(L, on_hook,
              LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}

static void on_signal(int signum) {
  ar_host *host = shared.host;
  ar_loop *loop = shared.loop;
  if (signum == SIGINT && shared.pending == SIGINT)
    shared.unheard++;
  shared.pending = signum;
  /* Who was asked to end once may clean up; asked again, it ends at once. Who
   * hears no control-C, in a C function or a finalizer, ends by the third. */
  if (signum != SIGINT || shared.unheard >= AR_UNHEARD)
    (void)signal(signum, SIG_DFL);
  if (shared.unheard >= AR_UNHEARD)
    (void)raise(signum);
  if (loop != NULL)
    ar_loop_wake(loop);
  if (host != NULL)
    set_hook(host->hop != NULL ? host->hop->L : host->L);
}

void ar_interrupt_entering_slow(lua_State *L) {
  set_hook(L);
}

void ar_interrupt_attach(ar_host *host) {
  if (!host->listens)
    return;
  shared.loop = host->run != NULL ? host->run->run.loop : NULL;
  ar_signal_attach(shared.loop);
}

static void set_handler(int signum, void (*handler)(int)) {
  struct sigaction action;
  action.sa_handler = handler;
  action.sa_flags = 0;
  sigemptyset(&action.sa_mask);
  (void)sigaction(signum, &action, NULL);
}

static void begin(ar_host *host) {
  host->listens = true;
  shared.loop = NULL;
  shared.pending = 0;
  shared.unheard = 0;
  shared.host = host;
}

void ar_interrupt_open(ar_host *host) {
  struct sigaction old;
  begin(host);
  for (size_t i = 0; i < ar_countof(signals); i++) {
    /* One that is ignored (nohup, a background job) stays ignored. */
    if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
      set_handler(signals[i], on_signal);
  }
}

void ar_interrupt_listen(ar_host *host, bool on) {
  if (!on)
    set_handler(SIGINT, SIG_IGN);
  begin(host);
  if (on)
    set_handler(SIGINT, on_signal);
}

void ar_interrupt_close(ar_host *host) {
  struct sigaction old;
  if (!host->listens)
    return;
  shared.host = NULL;
  shared.loop = NULL;
  ar_signal_attach(NULL);
  for (size_t i = 0; i < ar_countof(signals); i++) {
    if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == on_signal) {
      old.sa_handler = SIG_DFL;
      (void)sigaction(signals[i], &old, NULL);
    }
  }
}
