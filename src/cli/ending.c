/*
 * Turns an uncaught error into an exit status or a signal.
 *
 * The kinds that end a process on purpose (KeyboardInterrupt, SystemExit)
 * do so alone or as the only kind of leaf in a group; cancellations beside
 * them are what they brought about.
 */

#include "cli/ending.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <lauxlib.h>

#include "cli/errval.h"
#include "host/raise.h"
#include "cli/report.h"

/* What the leaves of an error have in common. */
typedef struct summary {
  int n;      /* leaves that are no cancellations */
  int common; /* the kinds all of these are of */
} summary;

/* [-0, +1] Push the first real leaf (else the first one) of the error. */
static summary summarize(lua_State *L, int err) {
  summary s = {0, ~0};
  int n;
  if (!(ar_error_kind(L, err) & AR_KIND_GROUP)) {
    lua_pushvalue(L, err);
    s.common = ar_error_kind(L, err);
    s.n = s.common & AR_KIND_CANCELLED ? 0 : 1;
    return s;
  }
  n = ar_errval_push_leaves(L, err); /* stack: err, leaves, parents */
  ar_errval_push_slot(L, err + 1, 0, AR_LEAF_VALUE);
  for (int i = 0; i < n; i++) {
    int kind;
    ar_errval_push_slot(L, err + 1, i, AR_LEAF_VALUE);
    kind = ar_error_kind(L, -1);
    if (kind & AR_KIND_CANCELLED) {
      lua_pop(L, 1);
      continue;
    }
    s.common &= kind;
    if (s.n++ == 0)
      lua_replace(L, -2);
    else
      lua_pop(L, 1);
  }
  lua_replace(L, err + 1);
  lua_settop(L, err + 1);
  return s;
}

/* What the SystemExit at idx asks for: a signal, if one made it, or a status.
   A text is said, and is a failure. */
static int exit_status(lua_State *L, int idx, int *signal) {
  int is_integer;
  lua_Integer status;
  (void)ar_errval_push_field(L, idx, "signal");
  *signal = (int)lua_tointeger(L, -1);
  (void)ar_errval_push_field(L, idx, "code");
  status = lua_tointegerx(L, -1, &is_integer);
  (void)ar_errval_push_field(L, idx, "message");
  if (lua_type(L, -1) == LUA_TSTRING && !lua_isnumber(L, -1))
    (void)fprintf(stderr, "anyrun: %s\n", lua_tostring(L, -1));
  return is_integer ? (int)(status & 0xff) : AR_EXIT_FAILURE;
}

/* Arguments: the error, the signal as an integer, the ar_ending. */
static int judge(lua_State *L) {
  int asked = (int)lua_tointeger(L, 2);
  ar_ending *ending = lua_touserdata(L, 3);
  summary s;
  lua_settop(L, 1);
  s = summarize(L, 1); /* stack: err, leaf */
  if (s.n > 0 && (s.common & AR_KIND_EXIT)) {
    ending->status = exit_status(L, 2, &ending->signal);
    return 0;
  }
  if (s.n > 0 && (s.common & AR_KIND_KEYBOARD))
    ending->signal = SIGINT;
  if (s.n == 1 && ar_errval_is_a(L, 2, "DeadlockError"))
    ending->status = AR_EXIT_DEADLOCK;
  if (s.n == 0 && asked != 0)
    return 0; /* cancelled because of the signal: nothing went wrong */
  lua_pushvalue(L, 1);
  ar_report(L, stderr);
  return 0;
}

ar_ending ar_ending_of_error(lua_State *L, int signal) {
  ar_ending ending = {AR_EXIT_FAILURE, 0};
  lua_pushcfunction(L, judge);
  lua_insert(L, -2);
  lua_pushinteger(L, signal);
  lua_pushlightuserdata(L, &ending);
  if (lua_pcall(L, 3, 0, 0) != LUA_OK)
    ar_report(L, stderr);
  if (signal != 0)
    ending.signal = signal;
  return ending;
}

int ar_ending_carry_out(ar_ending ending) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  sigset_t only;
  if (ending.signal == 0)
    return ending.status;
  (void)fflush(NULL);
  (void)sigemptyset(&action.sa_mask);
  (void)sigaction(ending.signal, &action, NULL);
  (void)sigemptyset(&only);
  (void)sigaddset(&only, ending.signal);
  (void)kill(getpid(), ending.signal);
  (void)sigprocmask(SIG_UNBLOCK, &only, NULL);
  return 128 + ending.signal; /* it could not be died of */
}
