/*
 * What a task's end means.
 */

#include "host/settle.h"

#include <lauxlib.h>

#include "host/cancelled.h"
#include "host/leave.h"
#include "host/lrun.h"
#include "host/raise.h"
#include "host/traceback.h"

const char ar_magic_group[] = "group";

void ar_lgroup_open(lua_State *L, ar_lgroup *g, int idx) {
  ar_coro *host = ar_coro_of(g->group.host);
  lua_pushvalue(L, idx);
  lua_rawsetp(L, LUA_REGISTRYINDEX, g);
  g->outer = ar_frame_of(&host->task)->groups;
  ar_frame_of(&host->task)->groups = g;
}

static void unanchor_group(lua_State *L, ar_lgroup *g) {
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, g);
}

void ar_lgroup_close(lua_State *L, ar_lgroup *g) {
  ar_lgroup **at = &ar_frame_of(g->group.host)->groups;
  while (*at != NULL && *at != g)
    at = &(*at)->outer;
  if (*at == g)
    *at = g->outer;
  unanchor_group(L, g);
}

/* The group's body will never be over: its children are cancelled, and nobody
 * waits for them. */
static void abandon_group(lua_State *L, ar_frame *host, ar_lgroup *g) {
  ar_list *children = &g->group.children;
  ar_link *link = ar_list_first(children);
  ar_lgroup **at = &host->groups;
  while (*at != g)
    at = &(*at)->outer;
  *at = g->outer;
  ar_scope_cancel(&g->group.scope, AR_SOURCE_UNKNOWN);
  g->group.state = AR_GROUP_CLOSED;
  g->group.host = NULL;
  for (; link != NULL; link = ar_list_next(children, link)) {
    ar_task *child = ar_container_of(link, ar_task, in_group);
    ar_task_doom(child, AR_SOURCE_UNKNOWN);
  }
  if (ar_list_is_empty(children))
    unanchor_group(L, g);
}

/* The task ends with groups open: somebody took their bodies away in a
 * coroutine that was never finished. */
static void abandon_groups(lua_State *L, ar_frame *f) {
  while (f->groups != NULL)
    abandon_group(L, f, f->groups);
}

void ar_coro_closed(lua_State *L, const lua_State *co) {
  ar_task *t = ar_host_running(ar_host_of(L));
  ar_scope *s, *outer;
  ar_lgroup *g, *next;
  if (t == NULL)
    return;
  for (g = ar_frame_of(t)->groups; g != NULL; g = next) {
    next = g->outer;
    if (g->group.scope.within == co)
      abandon_group(L, ar_frame_of(t), g);
  }
  for (s = t->scope; s != &t->kit->own; s = outer) {
    outer = s->parent;
    if (s->within == co) {
      ar_cancelled_forget(L, s);
      ar_scope_exit(s);
    }
  }
}

void ar_lgroup_collect(lua_State *L, ar_lgroup *g) {
  lua_Integer n;
  if (g->errors == LUA_NOREF) {
    lua_createtable(L, 2, 0);
    g->errors = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, g->errors);
  n = (lua_Integer)lua_rawlen(L, -1);
  if (n > 0 && (ar_error_kind(L, -2) & AR_KIND_CANCELLED) != 0) {
    /* Tasks that one scope has cancelled share one error: it is kept once,
     * however many they are. */
    bool again;
    lua_rawgeti(L, -1, n - 1);
    again = lua_rawequal(L, -1, -3);
    lua_pop(L, 1);
    if (again) {
      lua_pop(L, 2);
      return;
    }
  }
  /* stack: error, list. Pairs: error, traceback or false. */
  if (lua_isnil(L, -2)) {
    lua_pop(L, 2);
    ar_push_error(L, "RuntimeError", "a nil error was raised");
    lua_rawgeti(L, LUA_REGISTRYINDEX, g->errors);
  }
  lua_insert(L, -2);
  ar_traceback_push(L, -1);
  if (lua_isnil(L, -1) || ar_is_error(L, -2)) {
    lua_pop(L, 1);
    lua_pushboolean(L, 0);
  }
  lua_rawseti(L, -3, n + 2);
  lua_rawseti(L, -2, n + 1);
  lua_pop(L, 1);
}

void ar_lgroup_fail(lua_State *L, ar_lgroup *g, ar_coro *by, int idx) {
  ar_scope *s = &g->group.scope;
  ar_lrun *run = (ar_lrun *)ar_container_of(s->sched, ar_run, sched);
  if (s->cancelled)
    return;
  idx = lua_absindex(L, idx);
  if (!run->run.sched.policy->counts) { /* trio tells why */
    if (by != NULL)
      lua_pushliteral(L, "child task raised exception ");
    else
      lua_pushliteral(L, "Code block inside nursery raised exception ");
    luaL_tolstring(L, idx, NULL);
    lua_concat(L, 2);
    if (by != NULL)
      ar_coro_push(L, by);
    else
      ar_coro_push(L, ar_coro_of(g->group.host));
    ar_call_errors(L, "task_text", 1, 1);
    ar_cancelled_explain(L, run, s, AR_SOURCE_NURSERY);
  }
  ar_scope_cancel(s, AR_SOURCE_NURSERY);
}

void ar_lgroup_interrupt(lua_State *L, ar_lgroup *g) {
  ar_scope *s = &g->group.scope;
  if (s->cancelled)
    return;
  lua_pushnil(L);
  ar_coro_push(L, ar_coro_of(g->group.host));
  ar_call_errors(L, "task_text", 1, 1);
  ar_cancelled_explain(L, ar_lrun_of(ar_coro_of(g->group.host)), s,
                       AR_SOURCE_INTERRUPT);
  ar_scope_cancel(s, AR_SOURCE_INTERRUPT);
}

/* [-nres, +0] The outcome into the userdata, which is at `self`. */
static void keep_outcome(lua_State *L, ar_coro *c, int self, int nres) {
  c->n_values = nres;
  if (nres > 1) {
    lua_createtable(L, nres, 0);
    lua_insert(L, -(nres + 1));
    for (int i = nres; i >= 1; i--)
      lua_rawseti(L, -(i + 1), i);
  }
  if (nres > 0)
    lua_setiuservalue(L, self, AR_UV_OUTCOME);
}

/* What it has not given back breaks. */
static void orphan_held(lua_State *L, ar_frame *f, int self) {
  ar_link *link;
  while ((link = ar_list_pop(&f->held)) != NULL) {
    ar_held *held = ar_container_of(link, ar_held, link);
    held->orphaned(L, held, self);
  }
}

/* Functions that asked to be called at the end of the task. */
static void call_watchers(lua_State *L, ar_lrun *run, ar_coro *c, int self) {
  lua_Integer n;
  if (AR_LIKELY(!c->watched))
    return;
  c->watched = false;
  (void)ar_coro_get_extra(L, self, "on_done");
  n = (lua_Integer)lua_rawlen(L, -1);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    lua_pushvalue(L, self);
    ar_lrun_callback(L, run, 1, "a function that waits for a task's end");
  }
  lua_pop(L, 1);
  lua_pushnil(L);
  ar_coro_set_extra(L, self, "on_done");
}

static ar_failure failure_of(int kind) {
  if ((kind & AR_KIND_CANCELLED) != 0)
    return AR_FAILURE_CANCELLED;
  if ((kind & (AR_KIND_KEYBOARD | AR_KIND_EXIT)) != 0)
    return AR_FAILURE_EXIT;
  return AR_FAILURE_ERROR;
}

/* [-1, +0] The error on top, which nothing swallowed, left a group's child. */
static void tell_group(lua_State *L, ar_coro *c, ar_lgroup *g, int kind) {
  const ar_policy *policy = c->task.sched->policy;
  bool cancelled = (kind & AR_KIND_CANCELLED) != 0;
  bool orphan = g->group.state == AR_GROUP_CLOSED;
  if (c->starting || (orphan && cancelled)) {
    lua_pop(L, 1);
    return;
  }
  if (orphan) {
    ar_lrun_report_error(L, ar_lrun_of(c), "a task whose group was lost");
    return;
  }
  /* asyncio drops cancellations, and cancels the group if nothing else had:
   * the child was cancelled natively. */
  if (policy->counts && cancelled) {
    lua_pop(L, 1);
    if (!g->group.scope.effective)
      ar_scope_cancel(&g->group.scope, AR_SOURCE_NURSERY);
    return;
  }
  ar_lgroup_fail(L, g, c, -1);
  ar_lgroup_collect(L, g);
}

/* [-0, +0] The error at the top left the task: does the run go on? */
static void judge(lua_State *L, ar_lrun *run, ar_coro *c, int kind) {
  ar_task *t = &c->task;
  switch (t->sched->policy->failed(t, failure_of(kind))) {
    case AR_VERDICT_KEEP: break;
    case AR_VERDICT_STOP:
      lua_pushvalue(L, -1);
      ar_lrun_stop(L, run);
      break;
    case AR_VERDICT_CRASH:
      lua_pushvalue(L, -1);
      ar_lrun_crash(L, run);
      break;
  }
}

/* The task ends with groups open, which is an error of its own. */
static void lose_groups(lua_State *L, ar_coro *c, int self) {
  abandon_groups(L, ar_frame_of(&c->task));
  if (c->failed)
    return;
  lua_settop(L, self);
  ar_push_error(L, "RuntimeError",
                "Nursery stack corrupted: the task has ended with task "
                "groups open");
  c->failed = true;
}

/* Its own scope is left, if it ever had one. As ar_leave_filter. */
static bool leave_own(lua_State *L, ar_task *t, ar_frame *f, bool failed) {
  return f != NULL ? ar_leave_filter(L, &f->kit.own, t, failed) : failed;
}

/* [-nres, +0 or 2] The outcome: kept, and what goes on of a failure judged.
 * stack: task, results or error; then: task, [error, what goes on of it] */
static bool take_outcome(lua_State *L, ar_coro *c, int self, int nres,
                         int *kind) {
  ar_frame *f = ar_frame_of(&c->task);
  bool goes_on;
  if (AR_LIKELY(!c->failed)) {
    (void)leave_own(L, &c->task, f, false);
    c->outcome = AR_OUTCOME_RETURNED;
    keep_outcome(L, c, self, nres);
    return false;
  }
  lua_pushvalue(L, -1);
  goes_on = leave_own(L, &c->task, f, true);
  if (goes_on)
    *kind = ar_error_kind(L, -1);
  c->outcome = (ar_error_kind(L, self + 1) & AR_KIND_CANCELLED) != 0
                   ? AR_OUTCOME_CANCELLED
                   : AR_OUTCOME_FAILED;
  if (!goes_on)
    lua_pushnil(L);
  lua_pushvalue(L, self + 1);
  keep_outcome(L, c, self, 1);
  return goes_on;
}

/* The task is DONE: what was its frame's business. */
static void empty_frame(lua_State *L, ar_frame *f, int self) {
  ar_cancelled_forget(L, &f->kit.own);
  /* Who awaits the task is woken before the group is cancelled: the host
   * that awaits a failing child sees its failure first. */
  (void)ar_lot_unpark(&f->joiners, SIZE_MAX, 0);
  orphan_held(L, f, self);
}

/* Most tasks hold nothing in the end, and are watched by nobody. */
static bool is_plain(const ar_coro *c, const ar_frame *f) {
  return f != NULL && !c->watched && f->groups == NULL &&
         c->task.scope == &f->kit.own && f->kit.own.told == 0 &&
         ar_list_is_empty(&f->held);
}

/* The task is DONE: its group hears of it, and it is let go of. */
static void let_go(lua_State *L, ar_coro *c, ar_frame *f, ar_group *group) {
  if (group != NULL) {
    ar_group_child_done(group, &c->task);
    if (group->state == AR_GROUP_CLOSED && ar_list_is_empty(&group->children))
      unanchor_group(L, ar_lgroup_of(group));
  }
  if (AR_LIKELY(f != NULL))
    ar_frame_put(L, ar_host_of(L), f);
  ar_coro_unanchor(L, c); /* c may be gone */
}

/* A plain task is over, and its outcome kept. */
static void finish_plain(ar_coro *c, ar_frame *f) {
  ar_leave_settle(&f->kit.own, &c->task);
  ar_task_finish(&c->task);
  c->task.sched->current = NULL;
  (void)ar_lot_unpark(&f->joiners, SIZE_MAX, 0);
}

/* Most of the plain ones just return. */
static void settle_returned(lua_State *L, ar_coro *c, ar_frame *f) {
  ar_group *group = c->task.group;
  c->outcome = AR_OUTCOME_RETURNED;
  c->n_values = 0;
  finish_plain(c, f);
  let_go(L, c, f, group);
}

/* There may be 100,000 that a scope around them has cancelled. The error,
 * which is on top, goes on through them. */
static void settle_cancelled(lua_State *L, ar_coro *c, ar_frame *f) {
  ar_group *group = c->task.group;
  c->outcome = AR_OUTCOME_CANCELLED;
  c->n_values = 1;
  ar_coro_push(L, c);
  lua_pushvalue(L, -2);
  lua_setiuservalue(L, -2, AR_UV_OUTCOME);
  lua_pop(L, 1);
  finish_plain(c, f);
  judge(L, ar_lrun_of(c), c, AR_KIND_CANCELLED);
  tell_group(L, c, ar_lgroup_of(group), AR_KIND_CANCELLED);
  let_go(L, c, f, group);
}

/* The two short ways out; false: neither. */
static bool settle_plain(lua_State *L, ar_coro *c, ar_frame *f, int nres) {
  if (!is_plain(c, f))
    return false;
  if (AR_LIKELY(!c->failed && nres == 0)) {
    settle_returned(L, c, f);
    return true;
  }
  if (c->failed && c->task.group != NULL && !f->kit.own.cancelled &&
      ar_is_recent(L, -1)) {
    settle_cancelled(L, c, f);
    return true;
  }
  return false;
}

void ar_settle(lua_State *L, ar_coro *c, int nres) {
  ar_task *t = &c->task;
  ar_lrun *run = ar_lrun_of(c);
  ar_frame *f = ar_frame_of(t);
  ar_group *group = t->group;
  bool goes_on;
  int kind = 0, self;
  if (AR_LIKELY(settle_plain(L, c, f, nres)))
    return;
  t->sched->current = NULL;
  luaL_checkstack(L, 16, NULL);
  ar_coro_push(L, c);
  lua_insert(L, -(nres + 1));
  self = lua_gettop(L) - nres;
  if (AR_UNLIKELY(f != NULL && f->groups != NULL))
    lose_groups(L, c, self);
  goes_on = take_outcome(L, c, self, nres, &kind);
  if (AR_LIKELY(f != NULL))
    ar_cancelled_forget_within(L, t);
  t->sched->current = t; /* as instruments see it */
  ar_task_finish(t);
  t->sched->current = NULL;
  if (AR_LIKELY(f != NULL))
    empty_frame(L, f, self);
  call_watchers(L, run, c, self);
  if (goes_on) {
    if (c->outcome == AR_OUTCOME_FAILED)
      ar_lrun_note_task(L, c, self, -1);
    judge(L, run, c, kind);
    if (group != NULL)
      tell_group(L, c, ar_lgroup_of(group), kind);
  }
  lua_settop(L, self);
  let_go(L, c, f, group);
  lua_settop(L, self - 1);
}
