/*
 * Module _anyrun.group: task groups, and trio's nurseries, which are the
 * same thing spelled differently.
 *
 * A group is called with its body. When the body is over, the host waits for
 * the children; then what went wrong, in it and in them, leaves as one error
 * group. What a cancellation does to that waiting is where the backends
 * differ: on trio it only reaches the children, on asyncio it is raised once
 * they are done.
 */

#include <string.h>

#include "base/err.h"
#include "bind/gscope.h"
#include "bind/libs.h"
#include "bind/luax.h"
#include "host/cancelled.h"
#include "host/embed.h"
#include "host/leave.h"
#include "host/lrun.h"
#include "host/raise.h"
#include "host/traceback.h"

/* ---- the end of the body ------------------------------------------------ */

static ar_abort on_abort(ar_task *t, ar_cause cause) {
  ar_coro *c = ar_coro_of(t);
  ar_lgroup *g = (ar_lgroup *)(uintptr_t)t->kit->wait.object;
  if (cause == AR_CAUSE_INTERRUPT) {
    /* Control-C counts as an error of the host, who goes on waiting. */
    lua_State *L = ar_host_stack(ar_lrun_of(c)->host);
    luaL_checkstack(L, 8, NULL);
    t->interrupted = false;
    ar_interrupt_push(L, ar_lrun_of(c));
    ar_lgroup_interrupt(L, g);
    ar_lgroup_collect(L, g);
    return AR_ABORT_LATER;
  }
  return AR_ABORTED;
}

/* The group's errors as one object on top of the stack; false if none. */
static bool push_errors(lua_State *L, ar_lgroup *g, bool *several) {
  if (g->errors == LUA_NOREF)
    return false;
  lua_rawgeti(L, LUA_REGISTRYINDEX, g->errors);
  luaL_unref(L, LUA_REGISTRYINDEX, g->errors);
  g->errors = LUA_NOREF;
  /* Pairs: a lone error that is to be raised bare is no group from here on. */
  *several = lua_rawlen(L, -1) > 2 || g->strict;
  lua_pushboolean(L, g->group.scope.sched->policy->counts);
  lua_pushboolean(L, g->nursery);
  lua_pushboolean(L, g->strict);
  ar_call_errors(L, "group_of", 4, 1);
  return true;
}

/* [-0, +0 or 1] The cancellation that broke the join, if one did. */
static bool push_broken(lua_State *L, ar_lgroup *g) {
  if (g->broken == LUA_NOREF)
    return false;
  lua_rawgeti(L, LUA_REGISTRYINDEX, g->broken);
  luaL_unref(L, LUA_REGISTRYINDEX, g->broken);
  g->broken = LUA_NOREF;
  return true;
}

/* Everybody is done. stack: group, handler, results... or error */
static int close_group(lua_State *L, ar_lgroup *g, ar_coro *c, bool failed) {
  ar_task *t = &c->task;
  bool several = false;
  bool goes_on, has_error = push_errors(L, g, &several);
  bool broken = push_broken(L, g); /* stack: ..., errors?, broken? */
  if (has_error && broken)
    lua_pop(L, 1);
  g->group.state = AR_GROUP_CLOSED;
  ar_lgroup_close(L, g);
  goes_on = ar_leave(L, &g->group.scope, t, failed || has_error || broken);
  if (goes_on) {
    if (!g->nursery)
      ar_call_errors(L, "single_cancelled", 1, 1);
    else if (several && !g->strict)
      ar_call_errors(L, "lone_error", 1, 1);
    ar_rethrow(L);
  }
  if (failed) {
    lua_settop(L, 1);
    return 0;
  }
  if (has_error || broken)
    return 0; /* swallowed: nothing was returned */
  lua_remove(L, 2);
  lua_remove(L, 1);
  return lua_gettop(L);
}

static int joink(lua_State *L, int status, lua_KContext ctx);

static int join(lua_State *L, ar_lgroup *g, ar_coro *c, bool failed) {
  lua_KContext ctx = failed;
  c->cancel_points += g->breaks;
  c->schedule_points++;
  g->group.waiting = true;
  /* What a scope has to say goes to the children, once it has been heard. */
  c->task.deaf = g->breaks ? 0 : AR_CAUSE_SCOPE;
  ar_task_park(&c->task, g->nursery ? "nursery" : "task group", g, on_abort);
  return ar_suspend(L, joink, ctx);
}

/* The wait is over, or a cancellation broke it. */
static int joink(lua_State *L, int status, lua_KContext ctx) {
  ar_lgroup *g = ar_check_group(L, 1);
  ar_coro *c = ar_coro_of(g->group.host);
  (void)status;
  g->group.waiting = false;
  if (c->task.woken == AR_ECANCELED) {
    bool native = c->task.cause == AR_CAUSE_NATIVE;
    /* The first cancellation is what leaves the group, unless a native one
     * follows: that one is nobody's to swallow. */
    if (g->broken == LUA_NOREF || native) {
      ar_coro_push_cancellation(L, c, c->task.cause);
      luaL_unref(L, LUA_REGISTRYINDEX, g->broken);
      g->broken = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    g->breaks = false; /* more of a scope's are not productive */
    ar_scope_cancel(&g->group.scope, AR_SOURCE_NURSERY);
  }
  if (!ar_group_is_empty(&g->group))
    return join(L, g, c, ctx != 0);
  return close_group(L, g, c, ctx != 0);
}

/* The schedule point at the end of a group without children. */
static int emptyk(lua_State *L, int status, lua_KContext ctx) {
  ar_lgroup *g = lua_touserdata(L, 1);
  ar_coro *c = ar_coro_of(g->group.host);
  (void)status;
  if (c->task.woken == AR_ECANCELED) { /* native: shields do not stop it */
    ar_coro_push_cancellation(L, c, c->task.cause);
    luaL_unref(L, LUA_REGISTRYINDEX, g->broken);
    g->broken = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  if (!ar_group_is_empty(&g->group))
    return join(L, g, c, ctx != 0);
  return close_group(L, g, c, ctx != 0);
}

/* The body ended by the error on top of the stack. */
static void body_failed(lua_State *L, ar_lgroup *g) {
  bool cancelled = (ar_error_kind(L, -1) & AR_KIND_CANCELLED) != 0;
  bool native = g->group.scope.sched->policy->counts;
  if (native && cancelled) {
    ar_scope_cancel(&g->group.scope, AR_SOURCE_NURSERY);
    lua_pushvalue(L, -1);
    g->broken = luaL_ref(L, LUA_REGISTRYINDEX);
    return;
  }
  ar_lgroup_fail(L, g, NULL, -1);
  lua_pushvalue(L, -1);
  ar_lgroup_collect(L, g);
}

/* stack: group, handler, results... or error */
static int bodyk(lua_State *L, int status, lua_KContext ctx) {
  ar_lgroup *g = lua_touserdata(L, 1);
  bool failed = status != LUA_OK && status != LUA_YIELD;
  ar_task *t = ar_host_running(ar_host_of(L));
  ar_coro *c = ar_coro_of(t);
  (void)ctx;
  if (t == NULL || t != g->group.host)
    ar_raise(L, "RuntimeError",
             "Attempted to leave a task group in a different task than it was "
             "entered in");
  if (failed)
    body_failed(L, g);
  ar_group_join(&g->group);
  if (!ar_group_is_empty(&g->group))
    return join(L, g, c, failed);
  c->schedule_points++;
  ar_task_yield(&c->task);
  return ar_suspend(L, emptyk, failed);
}

/* stack: group, body */
static int group_call(lua_State *L) {
  ar_lgroup *g = ar_check_group(L, 1);
  ar_coro *c;
  ar_err err;
  int status;
  luaL_checktype(L, 2, LUA_TFUNCTION);
  c = ar_coro_check(L); /* the end is a schedule point, in any case */
  lua_settop(L, 2);
  if (g->group.state != AR_GROUP_NEW)
    ar_raise(L, "RuntimeError", "a %s cannot be entered more than once",
             g->nursery ? "nursery" : "task group");
  if (g->serial != ar_lrun_of(c)->serial)
    ar_raise(L, "RuntimeError", "this task group belongs to another run");
  err = ar_group_open(&g->group, &c->task);
  if (err != 0)
    ar_raise_oserror(L, err, "task group");
  g->group.scope.within = L;
  ar_lgroup_open(L, g, 1);
  lua_pushcfunction(L, ar_traceback_handler);
  lua_insert(L, 2);
  lua_pushvalue(L, 1);
  status = lua_pcallk(L, 1, LUA_MULTRET, 2, 0, bodyk);
  return bodyk(L, status, 0);
}

/* ---- making one --------------------------------------------------------- */

static ar_lgroup *new_group(lua_State *L, ar_class class, ar_coro *c) {
  ar_lgroup *g = lua_newuserdatauv(L, sizeof *g, 1);
  ar_group_init(&g->group);
  g->host = ar_host_of(L);
  g->magic = ar_magic_group;
  g->outer = NULL;
  g->serial = ar_lrun_of(c)->serial;
  g->errors = LUA_NOREF;
  g->broken = LUA_NOREF;
  g->nursery = false;
  g->strict = true;
  g->breaks = c->task.sched->policy->join_breaks;
  ar_class_give(L, class);
  return g;
}

/* [-0, +n] The new group is on top; its body at `body`. */
static int start_body(lua_State *L, int body) {
  if (lua_isnoneornil(L, body))
    return 1;
  luaL_checktype(L, body, LUA_TFUNCTION);
  lua_pushvalue(L, body);
  lua_replace(L, 2);
  lua_replace(L, 1);
  lua_settop(L, 2);
  return group_call(L);
}

static int create_task_group(lua_State *L) {
  ar_coro *c = ar_coro_current(L);
  lua_settop(L, 2);
  if (!lua_isnil(L, 1) && !lua_isfunction(L, 1))
    luaL_typeerror(L, 1, "function");
  (void)new_group(L, AR_CLASS_GROUP, c);
  return start_body(L, 1);
}

static const char *const nursery_options[] = {"strict_exception_groups", NULL};

/* open_nursery([opts], [body]) */
static int open_nursery(lua_State *L) {
  ar_coro *c = ar_coro_current(L);
  ar_lgroup *g;
  int opts = 0;
  lua_settop(L, 2);
  if (!lua_isfunction(L, 1) && !lua_isnil(L, 1)) {
    luaL_checktype(L, 1, LUA_TTABLE);
    ar_check_options(L, 1, "open_nursery", nursery_options);
    opts = 1;
  } else if (lua_isnil(L, 2)) {
    lua_insert(L, 1); /* the body to its place */
  }
  lua_settop(L, 2);
  g = new_group(L, AR_CLASS_NURSERY, c);
  g->nursery = true;
  g->strict = ar_lrun_of(c)->strict;
  if (opts != 0 &&
      lua_getfield(L, 1, "strict_exception_groups") == LUA_TBOOLEAN)
    g->strict = lua_toboolean(L, -1);
  lua_settop(L, 3);
  return start_body(L, 2);
}

/* ---- spawning ----------------------------------------------------------- */

static void check_active(lua_State *L, ar_lgroup *g) {
  if (!ar_group_is_active(&g->group)) {
    if (g->nursery)
      ar_raise(L, "RuntimeError", "Nursery is closed to new arrivals");
    ar_raise(L, "RuntimeError",
             "This task group is not active; no new tasks can be started.");
  }
  if (g->host->run == NULL || g->group.scope.sched != &g->host->run->run.sched)
    ar_raise(L, "RuntimeError", "this task group belongs to another run");
}

/* [-0, +1] stack: group, function or spec, arguments... */
static ar_coro *spawn(lua_State *L, ar_lgroup *g, const char *fname) {
  int nargs = lua_gettop(L) - 2;
  ar_spec spec;
  ar_coro *c;
  check_active(L, g);
  spec = ar_check_spec(L, 2, fname);
  c = ar_coro_new(L, g->host->run, spec.fn, 3, nargs < 0 ? 0 : nargs);
  c->parent = g->group.host->job.id;
  ar_inherit_context(L, c);
  ar_apply_spec(L, &spec);
  ar_note_spawn(L, c);
  ar_coro_anchor(L, c, -1);
  ar_group_spawn(&g->group, &c->task);
  return c;
}

static int group_start_soon(lua_State *L) {
  ar_lgroup *g = ar_check_group(L, 1);
  (void)spawn(L, g, "start_soon");
  return g->nursery ? 0 : 1;
}

static int group_create_task(lua_State *L) {
  (void)spawn(L, ar_check_group(L, 1), "create_task");
  return 1;
}

/* _spawn_starting(group, aside, fn, ...): for start(). With `aside` its
 * errors are start()'s business until task.started(). */
static int group_spawn_starting(lua_State *L) {
  ar_lgroup *g = ar_check_group(L, 1);
  ar_coro *running = ar_coro_current(L);
  bool aside = lua_toboolean(L, 2);
  ar_coro *c;
  lua_remove(L, 2);
  c = spawn(L, g, "start");
  c->starting = aside;
  c->parent = running->task.job.id;
  return 1;
}

/* _started(group, task): the child belongs to the group for good. */
static int group_started(lua_State *L) {
  ar_lgroup *g = ar_check_group(L, 1);
  ar_coro *c = ar_check_task(L, 2);
  c->starting = false;
  if (c->task.state == AR_TASK_DONE)
    return 0;
  if (g->group.host != NULL)
    c->parent = g->group.host->job.id;
  if (c->task.group != NULL && c->task.group != &g->group) {
    ar_group *old = c->task.group;
    ar_task_move(&c->task, &g->group);
    ar_group_left(old);
  }
  return 0;
}

/* _starting(group, n): a start() begins (1) or ends (-1). */
static int group_starting(lua_State *L) {
  ar_lgroup *g = ar_check_group(L, 1);
  int by = (int)luaL_checkinteger(L, 2);
  if (by > 0)
    check_active(L, g);
  ar_group_starting(&g->group, by);
  return 0;
}

static int group_is_nursery(lua_State *L) {
  lua_pushboolean(L, ar_check_group(L, 1)->nursery);
  return 1;
}

static int group_is_cancelled(lua_State *L) {
  lua_pushboolean(L, ar_check_group(L, 1)->group.scope.effective);
  return 1;
}

static int group_cancel(lua_State *L) {
  ar_lgroup *g = ar_check_group(L, 1);
  (void)luaL_optstring(L, 2, NULL);
  lua_settop(L, 2);
  if (g->group.scope.cancelled)
    return 0;
  ar_cancelled_by_script(L, &g->group.scope, 2);
  ar_scope_cancel(&g->group.scope, AR_SOURCE_EXPLICIT);
  return 0;
}

/* ---- fields ------------------------------------------------------------- */

static void push_child_tasks(lua_State *L, ar_lgroup *g) {
  lua_Integer n = 0;
  ar_link *link = ar_list_first(&g->group.children);
  lua_newtable(L);
  for (; link != NULL; link = ar_list_next(&g->group.children, link)) {
    ar_coro_push(L, ar_coro_of(ar_container_of(link, ar_task, in_group)));
    ar_call_errors(L, "task_face", 1, 1);
    lua_rawseti(L, -2, ++n);
  }
}

static int group_index(lua_State *L) {
  ar_lgroup *g = ar_check_group(L, 1);
  const char *key;
  lua_pushvalue(L, 2);
  if (AR_LIKELY(lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL))
    return 1; /* a method */
  key = lua_tostring(L, 2);
  if (key == NULL)
    return 0;
  if (strcmp(key, "cancel_scope") == 0) {
    if (g->group.state == AR_GROUP_NEW && !g->breaks)
      return 0; /* trio */
    ar_gscope_push(L, 1, &g->group.scope);
    return 1;
  }
  if (g->nursery && strcmp(key, "child_tasks") == 0) {
    push_child_tasks(L, g);
    return 1;
  }
  if (g->nursery && g->group.host != NULL && strcmp(key, "parent_task") == 0) {
    ar_coro_push(L, ar_coro_of(g->group.host));
    ar_call_errors(L, "task_face", 1, 1);
    return 1;
  }
  if (strcmp(key, "start") != 0)
    return 0;
  /* it is loaded when first asked for */
  ar_embed_require(L, "anyrun.start");
  lua_pushvalue(L, -1);
  lua_setfield(L, lua_upvalueindex(1), "start");
  return 1;
}

static int group_close(lua_State *L) {
  ar_raise(L, "RuntimeError",
           "a task group cannot be a <close> variable, since Lua cannot "
           "swallow an error there; call it with a body instead: "
           "create_task_group(function(tg) ... end)");
}

static int group_gc(lua_State *L) {
  ar_lgroup *g = lua_touserdata(L, 1);
  ar_cancelled_forget(L, &g->group.scope);
  luaL_unref(L, LUA_REGISTRYINDEX, g->errors);
  luaL_unref(L, LUA_REGISTRYINDEX, g->broken);
  return 0;
}

static int group_tostring(lua_State *L) {
  ar_lgroup *g = ar_check_group(L, 1);
  static const char *const states[] = {"new", "open", "joining", "closed"};
  lua_pushfstring(L, "<%s at %p, %s, %d tasks>",
                  g->nursery ? "Nursery" : "TaskGroup", (void *)g,
                  states[g->group.state], (int)g->group.n_children);
  return 1;
}

static const luaL_Reg methods[] = {{"start_soon", group_start_soon},
                                   {"create_task", group_create_task},
                                   {"cancel", group_cancel},
                                   {NULL, NULL}};

static const luaL_Reg nursery_methods[] = {{"start_soon", group_start_soon},
                                           {NULL, NULL}};

static const luaL_Reg metamethods[] = {{"__call", group_call},
                                       {"__close", group_close},
                                       {"__gc", group_gc},
                                       {"__tostring", group_tostring},
                                       {NULL, NULL}};

static const luaL_Reg functions[] = {{"create_task_group", create_task_group},
                                     {"open_nursery", open_nursery},
                                     {"spawn_starting", group_spawn_starting},
                                     {"started", group_started},
                                     {"starting", group_starting},
                                     {"is_cancelled", group_is_cancelled},
                                     {"is_nursery", group_is_nursery},
                                     {NULL, NULL}};

static void new_class(lua_State *L, const char *name, ar_class class,
                      const luaL_Reg *own) {
  if (luaL_newmetatable(L, name)) {
    luaL_setfuncs(L, metamethods, 0);
    lua_newtable(L);
    luaL_setfuncs(L, own, 0);
    lua_pushcclosure(L, group_index, 1);
    lua_setfield(L, -2, "__index");
    ar_class_set(L, class);
  }
  lua_pop(L, 1);
}

int luaopen_anyrun_group(lua_State *L) {
  new_class(L, "TaskGroup", AR_CLASS_GROUP, methods);
  new_class(L, "Nursery", AR_CLASS_NURSERY, nursery_methods);
  ar_embed_require(L, "_anyrun.scope");
  lua_pop(L, 1);
  ar_coro_transparent(L, create_task_group);
  ar_coro_transparent(L, open_nursery);
  ar_coro_transparent(L, group_call);
  luaL_newlib(L, functions);
  luaL_getmetatable(L, "TaskHandle"); /* the classes, for isinstance */
  lua_setfield(L, -2, "TaskHandle");
  luaL_getmetatable(L, "TaskGroup");
  lua_setfield(L, -2, "TaskGroup");
  return 1;
}
