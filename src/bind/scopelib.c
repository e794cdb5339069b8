/*
 * Module _anyrun.scope: cancel scopes.
 *
 * A scope is called with the function that is its body, and returns itself,
 * then what the body returned. The five functions of AnyIO (and trio's, whose
 * clocks start later) differ only in the deadline they begin with.
 */

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "bind/gscope.h"
#include "bind/libs.h"
#include "bind/lscope.h"
#include "bind/luax.h"
#include "host/cancelled.h"
#include "host/leave.h"
#include "host/lrun.h"
#include "host/raise.h"
#include "host/traceback.h"

/* Its only user value: nil, or a table with the text of the TimeoutError
 * ("reason"), the name of the class to raise instead ("class"), the group it
 * is the scope of ("group"). Few scopes have any of them. */
#define UV_NOTES 1

/* ---- the body ----------------------------------------------------------- */

/* Did its deadline, and nothing else, end it? */
static bool is_timeout(ar_lscope *s) {
  return s->fails && s->scope->caught &&
         (s->fails_always || s->scope->source == AR_SOURCE_DEADLINE);
}

static int raise_timeout(lua_State *L) {
  const char *name = "TimeoutError";
  if (lua_getiuservalue(L, 1, UV_NOTES) == LUA_TTABLE) {
    if (lua_getfield(L, 2, "class") == LUA_TSTRING)
      name = lua_tostring(L, -1);
    if (lua_getfield(L, 2, "reason") == LUA_TSTRING)
      ar_raise(L, name, "%s", lua_tostring(L, -1));
  }
  ar_call_errors(L, name, 0, 1);
  return lua_error(L);
}

/* stack: scope, handler, results... or error */
static int bodyk(lua_State *L, int status, lua_KContext ctx) {
  ar_lscope *s = lua_touserdata(L, 1);
  bool failed = status != LUA_OK && status != LUA_YIELD;
  ar_task *t = s->scope->host;
  (void)ctx;
  if (t != ar_host_running(ar_host_of(L)))
    ar_raise(L, "RuntimeError",
             "Attempted to exit a cancel scope in a different task than it "
             "was entered in");
  if (ar_leave(L, s->scope, t, failed))
    ar_rethrow(L);
  if (failed) { /* its own cancellation: the scope alone is returned */
    lua_settop(L, 1);
    if (is_timeout(s))
      return raise_timeout(L);
    return 1;
  }
  if (lua_gettop(L) == 2) { /* nothing was returned */
    lua_settop(L, 1);
    return 1;
  }
  lua_remove(L, 2);
  return lua_gettop(L);
}

/* The scope has its deadline. */
static void enter_at(lua_State *L, ar_lscope *s, ar_coro *c, ar_time now) {
  ar_err err = ar_scope_enter_at(s->scope, &c->task, now);
  if (err != 0)
    ar_raise_oserror(L, err, "cancel scope");
  s->used = true;
  s->scope->within = L;
  s->scope->caught = false;
}

static void enter(lua_State *L, ar_lscope *s, ar_coro *c) {
  ar_time now = 0;
  if (s->scope->entered || s->scope != &s->own ||
      (s->used && c->task.sched->policy->asks_clock))
    ar_raise(L, "RuntimeError",
             "Each CancelScope may only be used for a single 'with' block");
  if (s->serial == 0)
    s->serial = ar_lrun_of(c)->serial;
  if (s->serial != ar_lrun_of(c)->serial)
    ar_raise(L, "RuntimeError", "this cancel scope belongs to another run");
  if (s->relative || s->scope->deadline != AR_TIME_MAX)
    now = ar_sched_now(c->task.sched);
  if (s->relative) {
    s->relative = false;
    s->scope->deadline = ar_time_add(now, s->delay);
  }
  enter_at(L, s, c, now);
}

/* stack: scope, handler, body, scope. The scope has been entered. */
static int run_body(lua_State *L) {
  return bodyk(L, lua_pcallk(L, 1, LUA_MULTRET, 2, 0, bodyk), 0);
}

/* stack: scope, body */
static int scope_call(lua_State *L) {
  ar_lscope *s = ar_check_scope(L, 1);
  ar_coro *c = ar_coro_current(L);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  enter(L, s, c);
  lua_pushcfunction(L, ar_traceback_handler);
  lua_insert(L, 2);
  lua_pushvalue(L, 1);
  return run_body(L);
}

/* ---- making one --------------------------------------------------------- */

/* [-1, +0] Note something of the scope at idx. */
static void set_note(lua_State *L, int idx, const char *field) {
  idx = lua_absindex(L, idx);
  if (lua_getiuservalue(L, idx, UV_NOTES) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, idx, UV_NOTES);
  }
  lua_insert(L, -2);
  lua_setfield(L, -2, field);
  lua_pop(L, 1);
}

/* [-0, +1] One that is run at once, at the bottom of its task, stands on the
 * stack for as long as it is entered, and needs no finalizer; those are dear.
 * Any other may become garbage while it is entered, or cancelled and never
 * entered. */
static ar_lscope *new_scope(lua_State *L, bool brief, bool has_notes) {
  ar_lscope *s = lua_newuserdatauv(L, sizeof *s, has_notes ? UV_NOTES : 0);
  ar_scope_init(&s->own);
  s->scope = &s->own;
  s->serial = 0;
  s->fails = false;
  s->fails_always = false;
  s->relative = false;
  s->used = false;
  s->delay = AR_TIME_MAX;
  ar_class_give(L, brief ? AR_CLASS_BRIEF_SCOPE : AR_CLASS_SCOPE);
  return s;
}

/* The options at `opts` (0: none) into the scope on top of the stack. */
static void take_options(lua_State *L, ar_lscope *s, int opts,
                         const char *fname, const char *const *known) {
  if (opts == 0)
    return;
  ar_check_options(L, opts, fname, known);
  s->scope->shield = ar_check_flag(L, opts, fname, "shield");
  if (lua_getfield(L, opts, "reason") != LUA_TNIL) {
    luaL_tolstring(L, -1, NULL);
    set_note(L, -3, "reason");
  }
  lua_pop(L, 1);
}

/* Stands the body of a new scope at the bottom of its task? */
static bool is_brief(lua_State *L, const ar_coro *c, int body) {
  return body != 0 && ar_frame_of(&c->task)->L == L;
}

/* [-0, +?] Three arguments at most; the body, if there is one, to place 3. */
static void settle_arguments(lua_State *L, int body) {
  if (body != 0 && body == lua_gettop(L)) {
    for (int i = body; i < 3; i++)
      lua_pushvalue(L, body);
    return;
  }
  lua_settop(L, 3);
  if (body != 0 && body != 3)
    lua_copy(L, body, 3);
}

/* The scope is complete and has been entered.
 * stack: ?, ?, body, scope */
static int start(lua_State *L) {
  lua_pushcfunction(L, ar_traceback_handler);
  lua_replace(L, 2);
  lua_copy(L, 4, 1);
  return run_body(L);
}

static const char *const scope_options[] = {"deadline", "relative_deadline",
                                            "shield", NULL};
static const char *const timeout_options[] = {"shield", NULL};
static const char *const fail_options[] = {"reason", "shield", NULL};

/* [-0, +0] Field of the options as a time; false if it is absent. */
static bool get_time(lua_State *L, int opts, const char *key, ar_time *out) {
  bool given = lua_getfield(L, opts, key) != LUA_TNIL;
  if (given && lua_type(L, -1) != LUA_TNUMBER)
    ar_raise(L, "TypeError",
             "option '%s' of 'CancelScope' must be a number, "
             "not %s",
             key, luaL_typename(L, -1));
  if (given)
    *out = ar_time_of_seconds(ar_check_seconds(L, -1));
  lua_pop(L, 1);
  return given;
}

static int scope_new(lua_State *L) {
  int body, opts;
  ar_lscope *s;
  ar_time t;
  ar_coro *c = ar_coro_current(L);
  opts = ar_find_body(L, 1, &body);
  settle_arguments(L, body);
  s = new_scope(L, is_brief(L, c, body), true);
  s->serial = ar_lrun_of(c)->serial;
  take_options(L, s, opts, "CancelScope", scope_options);
  if (opts != 0 && get_time(L, opts, "deadline", &t))
    s->scope->deadline = t;
  if (opts != 0 && get_time(L, opts, "relative_deadline", &t)) {
    if (s->scope->deadline != AR_TIME_MAX)
      ar_raise(L, "ValueError",
               "deadline and relative_deadline cannot be given at once");
    if (t < 0)
      ar_raise(L, "ValueError", "relative_deadline must not be negative");
    s->relative = t != AR_TIME_MAX;
    s->delay = t;
  }
  if (body == 0)
    return 1;
  enter(L, s, c);
  return start(L);
}

/* A time, or none: forever. */
static ar_time opt_time(lua_State *L, int idx) {
  if (lua_isnoneornil(L, idx))
    return AR_TIME_MAX;
  return ar_time_of_seconds(ar_check_seconds(L, idx));
}

/* fail_after and fail_at without a body: the clock starts on entering. */
static int new_failing(lua_State *L, const char *fname, bool after, int opts) {
  ar_time when = opt_time(L, 1);
  ar_lscope *s = new_scope(L, false, true);
  take_options(L, s, opts, fname, fail_options);
  s->fails = true;
  if (after) {
    s->relative = when != AR_TIME_MAX;
    s->delay = when;
  } else {
    s->scope->deadline = when;
  }
  return 1;
}

static int with_deadline(lua_State *L, const char *fname, bool after,
                         bool fails) {
  int body, opts;
  ar_lscope *s;
  ar_coro *c;
  ar_time when = opt_time(L, 1), now = 0;
  opts = ar_find_body(L, 2, &body);
  if (fails && body == 0)
    return new_failing(L, fname, after, opts);
  c = ar_coro_current(L);
  if (when != AR_TIME_MAX) {
    now = ar_sched_now(c->task.sched);
    if (after)
      when = ar_time_add(now, when);
  }
  settle_arguments(L, body);
  s = new_scope(L, is_brief(L, c, body), opts != 0 || body == 0);
  take_options(L, s, opts, fname, fails ? fail_options : timeout_options);
  s->fails = fails;
  s->serial = ar_lrun_of(c)->serial;
  s->scope->deadline = when;
  if (body == 0)
    return 1;
  enter_at(L, s, c, now);
  return start(L);
}

static int move_on_after(lua_State *L) {
  return with_deadline(L, "move_on_after", true, false);
}

static int move_on_at(lua_State *L) {
  return with_deadline(L, "move_on_at", false, false);
}

static int fail_after(lua_State *L) {
  return with_deadline(L, "fail_after", true, true);
}

static int fail_at(lua_State *L) {
  return with_deadline(L, "fail_at", false, true);
}

/* fails(scope, class): it raises this class, whatever cancelled it. */
static int scope_fails(lua_State *L) {
  ar_lscope *s = ar_check_scope(L, 1);
  luaL_checkstring(L, 2);
  lua_settop(L, 2);
  set_note(L, 1, "class");
  s->fails = true;
  s->fails_always = true;
  return 1;
}

static int scope_close(lua_State *L) {
  ar_raise(L, "RuntimeError",
           "a CancelScope cannot be a <close> variable, since Lua cannot "
           "swallow an error there; call it with a body instead: "
           "move_on_after(1, function(scope) ... end)");
}

static int scope_gc(lua_State *L) {
  ar_lscope *s = lua_touserdata(L, 1);
  /* Entered, and garbage: its body's coroutine was dropped in the middle. */
  if (s->own.entered)
    ar_scope_exit(&s->own);
  ar_cancelled_forget(L, &s->own);
  return 0;
}

static int effective_deadline(lua_State *L) {
  ar_coro *c = ar_coro_current(L);
  lua_pushnumber(
      L, ar_time_to_seconds(ar_scope_effective_deadline(c->task.scope)));
  return 1;
}

static const luaL_Reg functions[] = {
    {"CancelScope", scope_new},
    {"move_on_after", move_on_after},
    {"move_on_at", move_on_at},
    {"fail_after", fail_after},
    {"fail_at", fail_at},
    {"fails", scope_fails},
    {"current_effective_deadline", effective_deadline},
    {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__call", scope_call},
                                       {"__close", scope_close},
                                       {"__gc", scope_gc},
                                       {NULL, NULL}};

void ar_gscope_push(lua_State *L, int group, ar_scope *scope) {
  ar_lscope *s;
  if (lua_getiuservalue(L, group, 1) != LUA_TNIL)
    return;
  lua_pop(L, 1);
  s = new_scope(L, true, true); /* its own scope is never entered */
  s->scope = scope;
  s->used = true; /* entering it is the group's business */
  lua_pushvalue(L, group);
  set_note(L, -2, "group");
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, group, 1);
}

/* [-0, +1] The class on top again, without its finalizer. */
static void push_brief_class(lua_State *L) {
  int class = lua_gettop(L);
  lua_newtable(L);
  lua_pushnil(L);
  while (lua_next(L, class)) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  lua_pushnil(L);
  lua_setfield(L, -2, "__gc");
}

int luaopen_anyrun_scope(lua_State *L) {
  if (luaL_newmetatable(L, "CancelScope")) {
    luaL_setfuncs(L, metamethods, 0);
    ar_lscope_fields(L);
    ar_class_set(L, AR_CLASS_SCOPE);
    push_brief_class(L);
    ar_class_set(L, AR_CLASS_BRIEF_SCOPE);
    lua_pop(L, 1);
    ar_coro_transparent(L, scope_call);
    ar_coro_transparent(L, scope_new);
    ar_coro_transparent(L, move_on_after);
    ar_coro_transparent(L, move_on_at);
    ar_coro_transparent(L, fail_after);
    ar_coro_transparent(L, fail_at);
  }
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
