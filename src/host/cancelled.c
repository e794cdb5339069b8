/*
 * The error objects of cancellations.
 *
 * All tasks that a scope cancels get the same object: cancelling 100,000 of
 * them makes one. A scope that somebody cancels has it made at once, with the
 * reason and the name of the caller; one whose deadline came has nothing to
 * tell that the others have not, so that they share one object in each host.
 */

#include "host/cancelled.h"

#include <lauxlib.h>
#include <signal.h>

#include "host/anchor.h"
#include "host/raise.h"

/* [-(reason and task), +1] */
static void make(lua_State *L, ar_lrun *run, ar_source source) {
  /* stack: reason, task text */
  lua_pushstring(L, run->run.backend->name);
  lua_pushstring(L, ar_source_name(source));
  lua_rotate(L, -4, 2);
  ar_call_errors(L, "new_cancelled", 4, 1);
  if (lua_getmetatable(L, -1)) {
    bool native = run->run.sched.policy->counts;
    run->host->cancelled[native ? 1 : 0] = lua_topointer(L, -1);
    lua_pop(L, 1);
  }
}

/* [-1, +1] Keep the object on top for the scope. */
static void keep(lua_State *L, ar_host *host, ar_scope *s) {
  lua_pushvalue(L, -1);
  s->told = ar_anchor_take(L, host);
  host->n_told++;
}

void ar_cancelled_explain(lua_State *L, ar_lrun *run, ar_scope *s,
                          ar_source source) {
  if (s->cancelled || s->told != 0) {
    lua_pop(L, 2);
    return;
  }
  make(L, run, source);
  keep(L, run->host, s);
  lua_pop(L, 1);
}

void ar_cancelled_by_script(lua_State *L, ar_scope *s, int reason) {
  ar_host *host = ar_host_of(L);
  ar_task *t = ar_host_running(host);
  if (host->run == NULL || s->cancelled)
    return;
  if (!lua_isnoneornil(L, reason))
    luaL_tolstring(L, reason, NULL);
  else
    lua_pushnil(L);
  if (t != NULL) {
    ar_coro_push(L, ar_coro_of(t));
    ar_call_errors(L, "task_text", 1, 1);
  } else {
    lua_pushnil(L);
  }
  ar_cancelled_explain(L, host->run, s, AR_SOURCE_EXPLICIT);
}

void ar_cancelled_forget(lua_State *L, ar_scope *s) {
  ar_host *host;
  if (AR_LIKELY(s->told == 0))
    return;
  host = ar_host_of(L);
  ar_anchor_drop(L, host, s->told);
  host->n_told--;
  host->recent = NULL;
  host->recent_told = 0;
  s->told = 0;
}

void ar_cancelled_forget_within(lua_State *L, ar_task *t) {
  for (ar_scope *s = t->scope; s != &t->kit->own; s = s->parent)
    ar_cancelled_forget(L, s);
}

/* [-0, +1] */
static void push_shared(lua_State *L, ar_lrun *run) {
  ar_host *host = run->host;
  int which = run->run.sched.policy->counts ? 0 : 1;
  if (AR_LIKELY(host->timed_out[which] != NULL)) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, host->timed_out_refs[which]);
    return;
  }
  if (which == 0)
    lua_pushliteral(L, "deadline exceeded");
  else
    lua_pushnil(L); /* the source says it */
  lua_pushnil(L);
  make(L, run, AR_SOURCE_DEADLINE);
  lua_pushvalue(L, -1);
  host->timed_out_refs[which] = luaL_ref(L, LUA_REGISTRYINDEX);
  host->timed_out[which] = lua_topointer(L, -1);
}

void ar_cancelled_push(lua_State *L, ar_lrun *run, ar_scope *s) {
  ar_host *host = run->host;
  if (s->told != 0) {
    ar_anchor_push(L, s->told);
    if (AR_LIKELY(s->told == host->recent_told))
      return;
  } else if (s->source == AR_SOURCE_DEADLINE) {
    push_shared(L, run);
    return;
  } else {
    lua_pushnil(L);
    lua_pushnil(L);
    make(L, run, s->source);
    keep(L, host, s);
  }
  host->recent = lua_topointer(L, -1);
  host->recent_told = s->told;
}

/* The cancelled scope behind a delivery. One that was shielded off after it
 * had delivered is still the one. */
static ar_scope *find_origin(ar_scope *innermost) {
  ar_scope *s = ar_scope_cause(innermost);
  if (s != NULL)
    return s;
  for (s = innermost; s->parent != NULL && !s->cancelled;)
    s = s->parent;
  return s;
}

static void push_interrupt(lua_State *L, int signum) {
  if (signum == SIGINT || signum == 0) {
    ar_push_error(L, "KeyboardInterrupt", "%s", "");
    lua_pushnil(L);
    lua_setfield(L, -2, "message");
    return;
  }
  lua_pushinteger(L, 128 + signum);
  ar_call_errors(L, "SystemExit", 1, 1);
  lua_pushinteger(L, signum);
  lua_setfield(L, -2, "signal");
}

void ar_interrupt_push(lua_State *L, ar_lrun *run) {
  push_interrupt(L, run != NULL ? run->signal : 0);
}

void ar_coro_push_cancellation(lua_State *L, ar_coro *c, ar_cause cause) {
  ar_lrun *run = (ar_lrun *)ar_container_of(c->task.sched, ar_run, sched);
  switch (cause) {
    case AR_CAUSE_NONE:
    case AR_CAUSE_ABANDON:
    case AR_CAUSE_SCOPE:
      ar_cancelled_push(L, run, find_origin(c->task.scope));
      return;
    case AR_CAUSE_NATIVE:
      ar_coro_push(L, c);
      if (ar_coro_get_extra(L, -1, "cancel_message") == LUA_TNIL) {
        lua_pop(L, 2);
        ar_call_errors(L, "CancelledError", 0, 1);
        return;
      }
      lua_remove(L, -2);
      ar_call_errors(L, "CancelledError", 1, 1);
      return;
    case AR_CAUSE_INTERRUPT: push_interrupt(L, run->signal); return;
  }
}
