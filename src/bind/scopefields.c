/*
 * What scripts can ask a cancel scope, and tell it.
 */

#include "bind/lscope.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bind/luax.h"
#include "host/cancelled.h"
#include "host/lrun.h"
#include "host/raise.h"

ar_lscope *ar_check_scope(lua_State *L, int idx) {
  ar_lscope *s = ar_class_test(L, idx, AR_CLASS_BRIEF_SCOPE);
  if (s == NULL)
    s = ar_class_test(L, idx, AR_CLASS_SCOPE);
  if (AR_UNLIKELY(s == NULL))
    ar_self_error(L, "CancelScope");
  return s;
}

/* Reading a scope's state on trio looks at the clock. */
static void look_at_clock(ar_lscope *s) {
  ar_scope *scope = s->scope;
  if (scope->cancelled || !scope->entered)
    return;
  if (!scope->sched->policy->asks_clock)
    return;
  if (scope->deadline != AR_TIME_MAX &&
      scope->deadline <= ar_sched_now(scope->sched))
    ar_scope_cancel(scope, AR_SOURCE_DEADLINE);
}

static int scope_cancel(lua_State *L) {
  ar_lscope *s = ar_check_scope(L, 1);
  (void)luaL_optstring(L, 2, NULL);
  lua_settop(L, 2);
  if (s->scope->cancelled)
    return 0;
  /* Nobody will hear of a scope that was left. */
  if (s->scope->entered || !s->used)
    ar_cancelled_by_script(L, s->scope, 2);
  ar_scope_cancel(s->scope, AR_SOURCE_EXPLICIT);
  return 0;
}

static void push_deadline(lua_State *L, ar_lscope *s) {
  if (s->relative && s->scope->sched == NULL && !s->fails)
    ar_raise(L, "RuntimeError",
             "a scope that is not entered has no deadline yet, only a "
             "relative_deadline");
  lua_pushnumber(L, ar_time_to_seconds(s->scope->deadline));
}

/* Whose clock counts: a scope that was left may outlive its run. */
static ar_sched *sched_of(lua_State *L, ar_lscope *s) {
  return s->scope->entered ? s->scope->sched : &ar_check_run(L)->run.sched;
}

static void push_relative(lua_State *L, ar_lscope *s) {
  if (s->relative || !s->used) {
    if (!s->relative && s->scope->deadline != AR_TIME_MAX)
      ar_raise(L, "RuntimeError",
               "a scope with a deadline has no relative_deadline until it is "
               "entered");
    lua_pushnumber(L, ar_time_to_seconds(s->delay));
    return;
  }
  if (s->scope->deadline == AR_TIME_MAX)
    lua_pushnumber(L, HUGE_VAL);
  else
    lua_pushnumber(L, ar_time_to_seconds(s->scope->deadline -
                                         ar_sched_now(sched_of(L, s))));
}

static int scope_index(lua_State *L) {
  ar_lscope *s = ar_check_scope(L, 1);
  const char *key = lua_tostring(L, 2);
  if (key == NULL)
    return 0;
  if (strcmp(key, "cancelled_caught") == 0) {
    lua_pushboolean(L, s->scope->caught);
  } else if (strcmp(key, "cancel_called") == 0) {
    look_at_clock(s);
    lua_pushboolean(L, s->scope->cancelled);
  } else if (strcmp(key, "shield") == 0) {
    lua_pushboolean(L, s->scope->shield);
  } else if (strcmp(key, "deadline") == 0) {
    push_deadline(L, s);
  } else if (strcmp(key, "relative_deadline") == 0) {
    push_relative(L, s);
  } else if (strcmp(key, "is_relative") == 0) {
    if (s->used)
      lua_pushnil(L);
    else
      lua_pushboolean(L, s->relative);
  } else {
    luaL_getmetatable(L, "CancelScope");
    lua_getfield(L, -1, "methods");
    lua_getfield(L, -1, key);
  }
  return 1;
}

static void set_deadline(lua_State *L, ar_lscope *s, ar_time when) {
  ar_err err;
  s->relative = false;
  err = ar_scope_set_deadline(s->scope, when);
  if (err != 0)
    ar_raise_oserror(L, err, "deadline");
  /* asyncio cancels within the assignment; trio looks later. */
  if (s->scope->entered && !s->scope->sched->policy->asks_clock &&
      when != AR_TIME_MAX && when <= ar_sched_now(s->scope->sched))
    ar_scope_cancel(s->scope, AR_SOURCE_DEADLINE);
}

static int scope_newindex(lua_State *L) {
  ar_lscope *s = ar_check_scope(L, 1);
  const char *key = luaL_checkstring(L, 2);
  if (strcmp(key, "shield") == 0) {
    if (!lua_isboolean(L, 3))
      ar_raise(L, "TypeError", "shield must be a boolean, not %s",
               luaL_typename(L, 3));
    ar_scope_set_shield(s->scope, lua_toboolean(L, 3));
  } else if (strcmp(key, "deadline") == 0) {
    if (s->relative && !s->used)
      ar_raise(L, "RuntimeError",
               "a scope with a relative_deadline has no deadline until it is "
               "entered");
    set_deadline(L, s, ar_time_of_seconds(ar_check_seconds(L, 3)));
  } else if (strcmp(key, "relative_deadline") == 0) {
    ar_time delay = ar_time_of_seconds(ar_check_seconds(L, 3));
    if (delay < 0)
      ar_raise(L, "ValueError", "relative_deadline must not be negative");
    if (s->used) {
      set_deadline(L, s, ar_time_add(ar_sched_now(sched_of(L, s)), delay));
    } else if (s->scope->deadline != AR_TIME_MAX) {
      ar_raise(L, "RuntimeError",
               "a scope with a deadline has no relative_deadline until it is "
               "entered");
    } else {
      s->relative = delay != AR_TIME_MAX;
      s->delay = delay;
    }
  } else {
    ar_raise(L, "RuntimeError",
             "a CancelScope has no field '%s' that can be set (known: "
             "deadline, relative_deadline, shield)",
             key);
  }
  return 0;
}

static int scope_tostring(lua_State *L) {
  ar_lscope *s = ar_check_scope(L, 1);
  const char *state = s->scope->entered ? "active"
                      : s->used         ? "exited"
                                        : "unbound";
  if (s->scope->cancelled) {
    lua_pushfstring(L, "<CancelScope at %p, %s, cancelled>", (void *)s, state);
  } else if (s->scope->deadline == AR_TIME_MAX || s->scope->sched == NULL) {
    lua_pushfstring(L, "<CancelScope at %p, %s>", (void *)s, state);
  } else {
    ar_lrun *run = ar_host_of(L)->run;
    char text[64] = "";
    if (run != NULL && &run->run.sched == s->scope->sched) {
      double left = ar_time_to_seconds(s->scope->deadline -
                                       ar_sched_now(s->scope->sched));
      (void)snprintf(text, sizeof text, ", deadline is %.2f seconds %s",
                     left < 0 ? -left : left, left < 0 ? "ago" : "from now");
    }
    lua_pushfstring(L, "<CancelScope at %p, %s%s>", (void *)s, state, text);
  }
  return 1;
}

static const luaL_Reg metamethods[] = {{"__index", scope_index},
                                       {"__newindex", scope_newindex},
                                       {"__tostring", scope_tostring},
                                       {NULL, NULL}};

void ar_lscope_fields(lua_State *L) {
  luaL_setfuncs(L, metamethods, 0);
  lua_newtable(L);
  lua_pushcfunction(L, scope_cancel);
  lua_setfield(L, -2, "cancel");
  lua_setfield(L, -2, "methods");
}
