/*
 * A task as a Lua coroutine: the step, the suspension.
 */

#include "host/coro.h"

#include <lauxlib.h>

#include "base/err.h"
#include "host/anchor.h"
#include "host/interrupt.h"
#include "host/lrun.h"
#include "host/raise.h"
#include "host/settle.h"
#include "host/traceback.h"

/* ---- the step ----------------------------------------------------------- */

static int root_end(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = (ar_coro *)ctx;
  c->failed = status != LUA_OK && status != LUA_YIELD;
  return c->failed ? 1 : lua_gettop(L) - 1; /* all but the handler */
}

/* The bottom of a task's coroutine. A pcall stands here, rather than a look
 * at lua_resume's status, so that <close> variables of a failed task are
 * closed while it can still be suspended. */
static int root(lua_State *L) {
  ar_coro *c = lua_touserdata(L, 1);
  lua_KContext ctx = (lua_KContext)c;
  lua_pushcfunction(L, ar_traceback_handler);
  lua_replace(L, 1); /* stack: handler, fn, args... */
  return root_end(
      L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, ctx, root_end), ctx);
}

/* Arguments from the userdata's user values, which is on top of L, to the
 * coroutine. Returns how many arguments its function gets. */
static int push_call(lua_State *L, ar_coro *c, lua_State *co) {
  int n = c->n_values, self = lua_gettop(L);
  if (!lua_checkstack(co, n + 8) || !lua_checkstack(L, n + 8))
    luaL_error(L, "too many arguments for a task");
  lua_pushcfunction(co, root);
  lua_pushlightuserdata(co, c);
  lua_getiuservalue(L, self, AR_UV_BODY);
  if (n == 1) {
    lua_getiuservalue(L, self, AR_UV_ARGS);
  } else if (n > 1) {
    lua_getiuservalue(L, self, AR_UV_ARGS);
    for (int i = 1; i <= n; i++)
      lua_rawgeti(L, self + 2, i);
    lua_remove(L, self + 2);
  }
  lua_xmove(L, co, n + 1);
  if (n > 0) {
    lua_pushnil(L);
    lua_setiuservalue(L, self, AR_UV_ARGS);
    c->n_values = 0;
  }
  return n + 2;
}

/* The task is over; its results or its error are on top of its coroutine. */
static void end(lua_State *L, ar_coro *c, int nres) {
  ar_task *t = &c->task;
  lua_State *co = ar_coro_thread(c);
  luaL_checkstack(L, nres + 8, "too many results of a task");
  if (AR_UNLIKELY(t->must_cancel) && !c->failed &&
      t->sched->policy->deliver(t, AR_MOMENT_END) == AR_CAUSE_NATIVE) {
    t->must_cancel = false;
    nres = 1;
    c->failed = true;
    ar_coro_push_cancellation(L, c, AR_CAUSE_NATIVE);
  } else if (co != NULL) {
    lua_xmove(co, L, nres);
  }
  ar_settle(L, c, nres); /* c may be gone */
}

/* Somebody's C code yielded by itself: there is nobody to take it. */
static void refuse_yield(lua_State *L, ar_coro *c) {
  lua_State *co = ar_coro_thread(c);
  lua_settop(co, 0);
  (void)lua_resetthread(co);
  lua_settop(co, 0);
  ar_push_error(L, "RuntimeError",
                "attempt to yield from a task (a C function yielded without "
                "the scheduler)");
  lua_xmove(L, co, 1);
  c->failed = true;
  end(L, c, 1);
}

/* Its coroutine came back from lua_resume, and not to wait. */
static void ended(lua_State *L, ar_coro *c, int status, int nres) {
  if (status == LUA_YIELD)
    refuse_yield(L, c);
  else
    ar_coro_ended(c, status, nres);
}

/* The same, as instruments hear it: a task's end is part of its last step. */
static void after_step(lua_State *L, ar_coro *c, int status, int nres) {
  ar_sched *s = c->task.sched;
  ar_host *host = ar_host_of(L);
  ar_coro_push(L, c); /* it may end, and must not be gone yet */
  if (status == LUA_YIELD && host->suspending)
    host->suspending = false;
  else
    ended(L, c, status, nres);
  if (c->anchor == LUA_NOREF) { /* it has: anchored while it is spoken of */
    ar_coro_anchor(L, c, -1);
    s->current = &c->task;
    AR_INSTRUMENT(s, after_task_step, &c->task, 0);
    ar_coro_unanchor(L, c);
  } else {
    s->current = &c->task;
    AR_INSTRUMENT(s, after_task_step, &c->task, 0);
  }
  lua_pop(L, 1);
}

/* AR_HARDGC: whatever is not anchored is gone. */
static inline void collect_hard(lua_State *L) {
#ifdef AR_HARDGC
  (void)lua_gc(L, LUA_GCCOLLECT);
#else
  (void)L;
#endif
}

int ar_coro_run(ar_host *host, lua_State *co, lua_State *L, int n, int *nres) {
  ar_hop hop = {co, host->hop};
  int status;
  ar_hop_enter(host, &hop);
  collect_hard(L);
  status = lua_resume(co, L, n, nres);
  collect_hard(L);
  ar_hop_leave(host, &hop);
  return status;
}

void ar_coro_resume(ar_coro *c, int n) {
  ar_host *host = ar_lrun_of(c)->host;
  /* An eager task runs on top of another one: their C stacks add up. */
  lua_State *L = ar_host_stack(host);
  int nres, status;
  AR_INSTRUMENT(c->task.sched, before_task_step, &c->task, 0);
  status = ar_coro_run(host, ar_frame_of(&c->task)->L, L, n, &nres);
  if (AR_UNLIKELY(c->task.sched->instruments != NULL)) {
    after_step(L, c, status, nres);
  } else if (AR_LIKELY(status == LUA_YIELD && host->suspending)) {
    host->suspending = false;
  } else {
    ended(L, c, status, nres);
  }
}

void ar_coro_ended(ar_coro *c, int status, int nres) {
  if (status != LUA_OK) { /* not even the root's pcall could hold it */
    c->failed = true;
    nres = 1;
  }
  end(ar_host_stack(ar_lrun_of(c)->host), c, nres);
}

static void coro_step(ar_job *job) {
  ar_coro *c = ar_container_of(job, ar_coro, task.job);
#ifdef AR_HARDYIELD
  if (c->task.slow) {
    c->task.slow = false;
    ar_sched_queue(c->task.sched, job);
    return;
  }
#endif
  bool first = c->task.state == AR_TASK_NEW;
  ar_cause cause = ar_task_begin(&c->task);
  lua_State *L;
  int n = 0;
  if (AR_UNLIKELY(first)) {
    L = ar_host_stack(ar_lrun_of(c)->host);
    if (cause != AR_CAUSE_NONE) { /* cancelled before it began */
      c->failed = true;
      ar_coro_push_cancellation(L, c, cause);
      end(L, c, 1);
      return;
    }
    ar_coro_push(L, c);
    n = push_call(L, c, ar_coro_frame(L, c)->L);
    lua_pop(L, 1);
  }
  ar_coro_resume(c, n);
}

/* ---- making and ending -------------------------------------------------- */

static void init(ar_coro *c, ar_lrun *run) {
  ar_task *running = run->run.sched.current;
  ar_task_init(&c->task, &run->run.sched, coro_step);
  c->anchor = LUA_NOREF;
  c->n_values = 0;
  c->spawn_line = 0;
  c->cancel_points = 0;
  c->schedule_points = 0;
  c->outcome = AR_OUTCOME_PENDING;
  c->extra = AR_EXTRA_NONE;
  c->failed = false;
  c->waiting = false;
  c->guarded = false;
  c->starting = false;
  c->watched = false;
  c->parent = running != NULL ? running->job.id : 0;
}

ar_frame *ar_coro_frame(lua_State *L, ar_coro *c) {
  AR_ASSERT(c->task.state != AR_TASK_DONE);
  if (ar_frame_of(&c->task) == NULL)
    ar_frame_take(L, ar_host_of(L), &c->task);
  return ar_frame_of(&c->task);
}

ar_coro *ar_coro_new(lua_State *L, ar_lrun *run, int fn, int args, int nargs) {
  ar_coro *c = lua_newuserdatauv(L, sizeof *c, AR_UV_COUNT);
  int self = lua_gettop(L);
  init(c, run);
  ar_class_give(L, AR_CLASS_TASK);
  lua_pushvalue(L, fn);
  lua_setiuservalue(L, self, AR_UV_BODY);
  c->n_values = nargs;
  if (nargs == 1) {
    lua_pushvalue(L, args);
    lua_setiuservalue(L, self, AR_UV_ARGS);
  } else if (nargs > 1) {
    lua_createtable(L, nargs, 0);
    for (int i = 0; i < nargs; i++) {
      lua_pushvalue(L, args + i);
      lua_rawseti(L, -2, i + 1);
    }
    lua_setiuservalue(L, self, AR_UV_ARGS);
  }
  return c;
}

void ar_coro_anchor(lua_State *L, ar_coro *c, int idx) {
  ar_host *host = ar_host_of(L);
  lua_pushvalue(L, idx);
  c->anchor = ar_anchor_take(L, host);
  host->n_tasks++;
}

void ar_coro_unanchor(lua_State *L, ar_coro *c) {
  ar_host *host = ar_host_of(L);
  ar_anchor_drop(L, host, c->anchor);
  c->anchor = LUA_NOREF;
  host->n_tasks--;
}

ar_coro *ar_coro_adopt(lua_State *L, lua_State *co, ar_lrun *run) {
  ar_coro *c = lua_newuserdatauv(L, sizeof *c, AR_UV_COUNT);
  ar_frame *f;
  init(c, run);
  ar_class_give(L, AR_CLASS_TASK);
  f = ar_frame_lend(L, run->host, co);
  ar_coro_anchor(L, c, -1);
  ar_task_spawn(&c->task, &run->run.sched.root);
  ar_frame_give(f, &c->task);
  ar_list_remove(&c->task.job.ready); /* it is running, not queued */
  (void)ar_task_begin(&c->task);
  return c;
}

void ar_coro_abandon(ar_host *host, ar_coro *c) {
  lua_State *L = ar_host_stack(host);
  ar_frame *f = ar_frame_of(&c->task);
  if (c->task.state == AR_TASK_PARKED && c->task.abort != NULL)
    (void)c->task.abort(&c->task, AR_CAUSE_ABANDON);
  ar_list_remove(&c->task.job.ready);
  if (f != NULL) {
    ar_place_leave(&f->place);
    ar_deadline_unset(c->task.sched, &f->kit.due);
    lua_settop(f->L, 0); /* what it returned, if it had just ended */
    (void)lua_resetthread(f->L);
    lua_settop(f->L, 0);
  }
  c->task.state = AR_TASK_RUNNING; /* it ends as if by a step */
  c->task.must_cancel = false;
  c->failed = true;
  ar_push_error(L, "RuntimeError", "the run was given up");
  ar_settle(L, c, 1);
}

/* ---- suspending --------------------------------------------------------- */

int ar_suspend(lua_State *L, lua_KFunction k, lua_KContext ctx) {
  ar_host_of(L)->suspending = true;
  return lua_yieldk(L, 0, ctx, k);
}

ar_coro *ar_coro_resumed(lua_State *L) {
  ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  if (AR_LIKELY(c->task.woken == 0))
    return c;
  if (c->task.woken == AR_ECANCELED)
    ar_coro_push_cancellation(L, c, c->task.cause);
  else
    ar_raise_oserror(L, c->task.woken, NULL);
  (void)lua_error(L);
  AR_UNREACHABLE();
}

ar_abort ar_abort_simply(ar_task *t, ar_cause cause) {
  (void)t;
  (void)cause;
  return AR_ABORTED;
}

ar_abort ar_abort_place(ar_task *t, ar_cause cause) {
  (void)cause;
  ar_place_leave(&ar_frame_of(t)->place);
  return AR_ABORTED;
}

static int all_results(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  return lua_gettop(L);
}

int ar_callk_all(lua_State *L, int nargs) {
  lua_callk(L, nargs, LUA_MULTRET, 0, all_results);
  return all_results(L, LUA_OK, 0);
}

/* ---- the extra table ---------------------------------------------------- */

/* [-0, +1] The table of the task at idx, new if need be. */
static void push_extra(lua_State *L, ar_coro *c, int idx) {
  if (lua_getiuservalue(L, idx, AR_UV_EXTRA) == LUA_TTABLE &&
      c->extra == AR_EXTRA_TABLE)
    return;
  lua_createtable(L, 0, 2);
  lua_insert(L, -2);
  if (c->extra == AR_EXTRA_CONTEXT)
    lua_setfield(L, -2, "context");
  else
    lua_pop(L, 1);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, idx, AR_UV_EXTRA);
  c->extra = AR_EXTRA_TABLE;
}

int ar_coro_get_extra(lua_State *L, int idx, const char *field) {
  const ar_coro *c = lua_touserdata(L, idx);
  if (c->extra != AR_EXTRA_TABLE) {
    lua_pushnil(L);
    return LUA_TNIL;
  }
  lua_getiuservalue(L, idx, AR_UV_EXTRA);
  lua_getfield(L, -1, field);
  lua_remove(L, -2);
  return lua_type(L, -1);
}

void ar_coro_set_extra(lua_State *L, int idx, const char *field) {
  idx = lua_absindex(L, idx);
  push_extra(L, lua_touserdata(L, idx), idx);
  lua_insert(L, -2);
  lua_setfield(L, -2, field);
  lua_pop(L, 1);
}

void ar_coro_get_context(lua_State *L, int idx) {
  const ar_coro *c = lua_touserdata(L, idx);
  if (c->extra == AR_EXTRA_CONTEXT)
    lua_getiuservalue(L, idx, AR_UV_EXTRA);
  else
    (void)ar_coro_get_extra(L, idx, "context");
}

void ar_coro_set_context(lua_State *L, int idx) {
  ar_coro *c = lua_touserdata(L, idx);
  if (c->extra == AR_EXTRA_TABLE) {
    ar_coro_set_extra(L, idx, "context");
    return;
  }
  c->extra = lua_isnil(L, -1) ? AR_EXTRA_NONE : AR_EXTRA_CONTEXT;
  lua_setiuservalue(L, idx, AR_UV_EXTRA);
}
