/*
 * A run as Lua code starts it.
 *
 * Whatever ends a run, an error in the scheduler's own memory included, its
 * tasks are ended and its loop is closed: the driving is done in a protected
 * call, and what is left alive after it is given up.
 */

#include "host/lrun.h"

#include <lauxlib.h>
#include <signal.h>
#include <string.h>

#include "base/err.h"
#include "host/cancelled.h"
#include "host/lclock.h"
#include "host/hooks.h"
#include "host/interrupt.h"
#include "host/raise.h"
#include "host/dump.h"
#include "host/traceback.h"

/* Control-Cs that a run which is being ended takes before it gives up. */
#define AR_INTERRUPTS_PATIENCE 2

const char ar_key_options[] = "backend options of the command line";

/* ---- opening ------------------------------------------------------------ */

static bool option_is_set(lua_State *L, int opts, const char *name) {
  bool set;
  if (opts == 0)
    return false;
  lua_getfield(L, opts, name);
  set = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return set;
}

static const char *string_option(lua_State *L, int opts, const char *name,
                                 const char *otherwise) {
  const char *value = NULL;
  if (opts != 0) {
    lua_getfield(L, opts, name);
    value = lua_tostring(L, -1);
    lua_pop(L, 1); /* opts keeps it */
  }
  return value != NULL ? value : otherwise;
}

static void open_extras(lua_State *L, ar_lrun *run, int self, int opts) {
  run->strict = true;
  if (opts == 0)
    return;
  run->restricted =
      option_is_set(L, opts, "restrict_keyboard_interrupt_to_checkpoints");
  if (lua_getfield(L, opts, "strict_exception_groups") == LUA_TBOOLEAN)
    run->strict = lua_toboolean(L, -1);
  lua_pop(L, 1);
  if (lua_getfield(L, opts, "seed") == LUA_TNUMBER) {
    ar_rand_seed(&run->run.sched.rand, (uint64_t)lua_tointeger(L, -1));
    run->run.sched.seeded = &run->run.sched.rand;
  }
  lua_pop(L, 1);
  ar_hooks_open(L, run, self, opts);
}

/* What the faces ask the run for later. */
static void keep_options(lua_State *L, int self, int opts) {
  static const char *const names[] = {"loop", "debug", "clock", "uvloop"};
  lua_newtable(L);
  for (size_t i = 0; opts != 0 && i < ar_countof(names); i++) {
    lua_getfield(L, opts, names[i]);
    lua_setfield(L, -2, names[i]);
  }
  lua_setiuservalue(L, self, AR_RUN_VARS);
}

ar_lrun *ar_lrun_open(lua_State *L, int opts) {
  ar_host *host = ar_host_of(L);
  const char *name = string_option(L, opts, "backend", host->backend);
  const ar_backend *backend = ar_backend_find(name);
  ar_lrun *run;
  ar_clock *clock;
  ar_err err;
  int self;
  if (backend == NULL)
    ar_raise(L, "LookupError", "unknown backend '%s'", name);
  run = lua_newuserdatauv(L, sizeof *run, AR_RUN_COUNT);
  self = lua_gettop(L);
  memset(run, 0, sizeof *run);
  luaL_setmetatable(L, "Run");
  run->host = host;
  ar_list_init(&run->loose);
  keep_options(L, self, opts);
  clock = ar_lclock_open(L, self, opts);
  err = ar_run_open(&run->run, backend,
                    backend->fast != NULL && option_is_set(L, opts, "uvloop"),
                    clock);
  if (err != 0)
    ar_raise_oserror(L, err, "cannot open an event loop");
  run->open = true;
  run->serial = ++host->serials;
  if (host->listens)
    run->run.sched.attention = ar_interrupt_flag();
  open_extras(L, run, self, opts);
  return run;
}

void ar_lrun_refuse_nested(lua_State *L) {
  ar_host *host = ar_host_of(L);
  ar_lrun *run = host->run;
  if (run == NULL)
    return;
  if (run == host->implicit) {
    /* At top level the implicit run may be set aside, as long as there is
     * nothing in it that would stand still. */
    ar_sched *s = &run->run.sched;
    if (s->main != NULL && s->current == s->main && s->n_living == 1 &&
        s->main->scope == &s->main->kit->own)
      return;
  }
  ar_raise(L, "RuntimeError", "already running %s in this thread",
           run->run.backend->name);
}

/* ---- driving ------------------------------------------------------------ */

void ar_lrun_push(lua_State *L, ar_lrun *run) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, run);
}

/* Make it the current run: anchored, and the one its callers see. */
static void enter(lua_State *L, ar_lrun *run, int self) {
  lua_pushvalue(L, self);
  lua_rawsetp(L, LUA_REGISTRYINDEX, run);
  run->outer = run->host->run;
  run->L = L;
  run->host->run = run;
  ar_interrupt_attach(run->host);
}

static void leave(lua_State *L, ar_lrun *run) {
  run->host->run = run->outer;
  ar_interrupt_attach(run->host);
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, run);
}

/* [-1, +0] Keep the error that ends the run: the first one counts. */
static void keep_error(lua_State *L, ar_lrun *run) {
  ar_lrun_push(L, run);
  if (lua_getiuservalue(L, -1, AR_RUN_ERROR) == LUA_TNIL) {
    lua_pushvalue(L, -3);
    lua_setiuservalue(L, -3, AR_RUN_ERROR);
  }
  lua_pop(L, 3);
}

void ar_lrun_stop(lua_State *L, ar_lrun *run) {
  keep_error(L, run);
  ar_run_stop(&run->run);
}

void ar_lrun_crash(lua_State *L, ar_lrun *run) {
  /* The error of a system task, wrapped as often as it passed a nursery. */
  lua_pushboolean(L, 0);
  ar_call_errors(L, "internal_error", 2, 1);
  keep_error(L, run);
  ar_scope_cancel(&run->run.sched.root, AR_SOURCE_NURSERY);
}

static void give_up(lua_State *L, ar_lrun *run) {
  ar_sched *s = &run->run.sched;
  ar_link *link;
  /* Children first: a host must not be gone before them. */
  while ((link = ar_list_last(&s->living)) != NULL) {
    ar_task *t = ar_container_of(link, ar_task, in_living);
    ar_coro_abandon(run->host, ar_coro_of(t));
  }
  while (ar_list_pop(&s->ready) != NULL)
    continue;
  while (ar_list_pop(&s->batch) != NULL)
    continue;
  (void)L;
}

/* Nothing can wake anybody. Say so, then let everybody unwind; who cannot
 * even do that is given up. */
static void on_stuck(lua_State *L, ar_lrun *run) {
  if (run->stuck) {
    give_up(L, run);
    return;
  }
  ar_dump_push_deadlock(L, run);
  keep_error(L, run);
  run->stuck = true;
  ar_scope_cancel(&run->run.sched.root, AR_SOURCE_SHUTDOWN);
}

void ar_lrun_drive(lua_State *L, ar_lrun *run) {
  for (;;) {
    switch (ar_run_drive(&run->run)) {
      case AR_RUN_DONE: return;
      case AR_RUN_STUCK: on_stuck(L, run); break;
      case AR_RUN_SIGNAL: ar_lrun_interrupt(L, run, ar_interrupt_take()); break;
    }
  }
}

/* Asked to end by SIGTERM or SIGHUP, a run ends whatever its tasks make of it:
 * each wait that is not shielded raises from now on. */
static void heed(ar_lrun *run, int signum) {
  if (signum == SIGINT)
    return;
  run->ending = true;
  ar_scope_cancel(&run->run.sched.root, AR_SOURCE_SHUTDOWN);
}

void ar_lrun_note_signal(ar_lrun *run, int signum) {
  run->signal = signum;
  run->interrupts++;
  heed(run, signum);
}

/* Does whoever sends control-C wait for something that will not hear it? */
static bool has_lost_patience(const ar_lrun *run) {
  const ar_task *main = run->run.sched.main;
  return run->interrupts > AR_INTERRUPTS_PATIENCE &&
         (main == NULL || main->state == AR_TASK_DONE || main->interrupted);
}

void ar_lrun_interrupt(lua_State *L, ar_lrun *run, int signum) {
  ar_sched *s = &run->run.sched;
  bool late =
      run->run.winding || s->main == NULL || s->main->state == AR_TASK_DONE;
  if (signum == 0)
    return;
  run->signal = signum;
  run->interrupts++;
  if (late || has_lost_patience(run)) {
    /* Too late for main: the run raises it. Who goes on asking does not want
     * to wait for those who are left. */
    ar_interrupt_push(L, run);
    keep_error(L, run);
    if (signum != SIGINT || has_lost_patience(run))
      give_up(L, run);
    return;
  }
  if (s->policy->counts && run->interrupts > 1) {
    ar_interrupt_push(L, run);
    ar_lrun_stop(L, run);
    return;
  }
  s->policy->interrupt(s); /* main hears it first, in a shield, too */
  heed(run, signum);
}

/* ---- main --------------------------------------------------------------- */

/* [-0, +1] The error the run ends with if main ended by the one on top. */
static void pick_error(lua_State *L, ar_lrun *run, ar_coro *c) {
  ar_task *t = &c->task;
  int kind = ar_error_kind(L, -1);
  /* Control-C has cancelled main, and nobody else had: it is what ended it. */
  if (t->sched->policy->counts && run->interrupts > 0 &&
      (kind & AR_KIND_CANCELLED) != 0 && t->cancelling <= 1)
    ar_interrupt_push(L, run);
  else
    lua_pushvalue(L, -1);
}

/* [-0, +0] Was main, a task at `at`, ended by nothing but the signal that asked
 * the run to end? An error of its clean-up is more to be told. */
static bool is_ended_by_signal(lua_State *L, const ar_lrun *run,
                               const ar_coro *c, int at) {
  bool ended = run->ending && !c->failed;
  if (run->ending && c->failed) {
    lua_getiuservalue(L, at, AR_UV_OUTCOME);
    ar_call_errors(L, "single_cancelled", 1, 1);
    ended = (ar_error_kind(L, -1) & AR_KIND_CANCELLED) != 0;
    lua_pop(L, 1);
  }
  return ended;
}

int ar_lrun_results(lua_State *L, int self) {
  ar_lrun *run = lua_touserdata(L, self);
  int at = lua_gettop(L), n;
  ar_coro *c = lua_touserdata(L, at);
  if (c->outcome == AR_OUTCOME_PENDING)
    return 0; /* stopped */
  /* Control-C that came too late to be raised, or what main swallowed. */
  if (c->task.interrupted || is_ended_by_signal(L, run, c, at)) {
    ar_interrupt_push(L, run);
    ar_rethrow(L);
  }
  lua_getiuservalue(L, at, AR_UV_OUTCOME);
  if (c->failed) {
    pick_error(L, run, c);
    ar_rethrow(L);
  }
  n = c->n_values;
  if (n <= 1)
    return n;
  luaL_checkstack(L, n, "too many results");
  for (int i = 1; i <= n; i++)
    lua_rawgeti(L, at + 1, i);
  return n;
}

/* stack: run, fn, args... -> task */
static int drive_main(lua_State *L) {
  ar_lrun *run = lua_touserdata(L, 1);
  int nargs = lua_gettop(L) - 2;
  ar_coro *c = ar_coro_new(L, run, 2, 3, nargs);
  run->L = L;
  lua_getiuservalue(L, 1, AR_RUN_CONTEXT);
  ar_coro_set_context(L, -2);
  if (lua_getiuservalue(L, 1, AR_RUN_NAME) != LUA_TNIL)
    ar_coro_set_extra(L, -2, "name");
  else
    lua_pop(L, 1);
  ar_coro_anchor(L, c, -1);
  c->parent = 0;
  ar_run_main(&run->run, &c->task);
  ar_hooks_call(run, AR_HOOK_before_run);
  ar_task_spawn(&c->task, &run->run.sched.root);
  ar_lrun_drive(L, run);
  return 1; /* the task is on top */
}

int ar_lrun_main(lua_State *L, int self, int nargs) {
  ar_lrun *run = lua_touserdata(L, self);
  int fn = lua_gettop(L) - nargs, status;
  if (!run->open)
    ar_raise(L, "RuntimeError", "the run is closed");
  lua_pushcfunction(L, ar_traceback_handler);
  lua_insert(L, fn);
  lua_pushcfunction(L, drive_main);
  lua_insert(L, fn + 1);
  lua_pushvalue(L, self);
  lua_insert(L, fn + 2);
  run->interrupts = 0;
  enter(L, run, self);
  status = lua_pcall(L, nargs + 2, 1, fn);
  run->L = L;
  run->run.sched.current = NULL;
  if (status != LUA_OK)
    give_up(L, run);
  leave(L, run);
  lua_remove(L, fn);
  return status;
}

/* What hangs on the run goes before its loop. */
static void drop_loose(lua_State *L, ar_lrun *run) {
  ar_link *link;
  while ((link = ar_list_pop(&run->loose)) != NULL) {
    ar_loose *loose = ar_container_of(link, ar_loose, link);
    loose->drop(L, loose);
  }
}

/* No task is left: the loop and what hangs on the run go. */
static void shut(lua_State *L, ar_lrun *run) {
  ar_cancelled_forget(L, &run->run.sched.root);
  ar_cancelled_forget(L, &run->run.sched.system);
  drop_loose(L, run);
  run->open = false;
  leave(L, run); /* before its loop goes, which a signal would wake */
  (void)ar_run_close(&run->run);
}

void ar_lrun_abandon(lua_State *L, ar_lrun *run) {
  if (!run->open)
    return;
  run->L = L;
  run->run.sched.current = NULL;
  give_up(L, run);
  shut(L, run);
}

/* Lua is collecting: no task can be run or told any more. */
void ar_lrun_abandon_quietly(lua_State *L, ar_lrun *run) {
  ar_sched *s = &run->run.sched;
  while (ar_list_pop(&s->living) != NULL)
    s->n_living--;
  drop_loose(L, run);
  run->open = false;
  if (run->host->run == run)
    run->host->run = run->outer;
  (void)ar_run_close(&run->run);
}

/* ---- closing ------------------------------------------------------------ */

static int wind_down(lua_State *L) {
  ar_lrun *run = lua_touserdata(L, 1);
  run->L = L;
  ar_run_wind_down(&run->run);
  ar_lrun_drive(L, run);
  ar_hooks_call(run, AR_HOOK_after_run);
  return 0;
}

void ar_lrun_close(lua_State *L, int self) {
  ar_lrun *run = lua_touserdata(L, self);
  int status, handler;
  if (!run->open)
    return;
  luaL_checkstack(L, 8, NULL);
  lua_pushcfunction(L, ar_traceback_handler);
  handler = lua_gettop(L);
  lua_pushcfunction(L, wind_down);
  lua_pushvalue(L, self);
  enter(L, run, self);
  status = lua_pcall(L, 1, 0, handler);
  run->L = L;
  run->run.sched.current = NULL;
  if (status != LUA_OK)
    give_up(L, run);
  shut(L, run);
  lua_remove(L, handler);
  if (status != LUA_OK)
    ar_rethrow(L);
  if (lua_getiuservalue(L, self, AR_RUN_ERROR) != LUA_TNIL) {
    lua_pushnil(L);
    lua_setiuservalue(L, self, AR_RUN_ERROR);
    ar_rethrow(L);
  }
  lua_pop(L, 1);
}
