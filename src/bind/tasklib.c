/*
 * Module _anyrun.task: tasks, and the wait that primitives are made of.
 */

#include "bind/handle.h"
#include "bind/libs.h"
#include "bind/luax.h"
#include "base/err.h"
#include "host/cancelled.h"
#include "host/dump.h"
#include "host/embed.h"
#include "host/lrun.h"
#include "host/raise.h"

/* ---- who is there ------------------------------------------------------- */

static int task_current(lua_State *L) {
  ar_coro_push(L, ar_coro_current(L));
  return 1;
}

/* check(): raise what a wait here would, because it cannot be suspended. */
static int task_check(lua_State *L) {
  (void)ar_coro_check(L);
  return 0;
}

static int task_running(lua_State *L) {
  ar_task *t = ar_host_running(ar_host_of(L));
  if (t == NULL)
    return 0;
  ar_coro_push(L, ar_coro_of(t));
  return 1;
}

static int task_living(lua_State *L) {
  ar_sched *s = &ar_check_run(L)->run.sched;
  lua_Integer n = 0;
  ar_link *link = ar_list_first(&s->living);
  lua_createtable(L, (int)s->n_living, 0);
  for (; link != NULL; link = ar_list_next(&s->living, link)) {
    ar_coro_push(L, ar_coro_of(ar_container_of(link, ar_task, in_living)));
    lua_rawseti(L, -2, ++n);
  }
  return 1;
}

static int task_id(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)ar_check_task(L, 1)->task.job.id);
  return 1;
}

static int task_name(lua_State *L) {
  (void)ar_check_task(L, 1);
  ar_dump_push_name(L, 1);
  return 1;
}

static int task_set_name(lua_State *L) {
  (void)ar_check_task(L, 1);
  luaL_tolstring(L, 2, NULL);
  ar_coro_set_extra(L, 1, "name");
  return 0;
}

static int task_parent_id(lua_State *L) {
  ar_coro *c = ar_check_task(L, 1);
  /* trio's main task is a child of its init task, which is not ours. */
  if (c->parent == 0 && c->task.sched->policy->counts)
    return 0;
  lua_pushinteger(L, (lua_Integer)c->parent);
  return 1;
}

static int task_state(lua_State *L) {
  lua_pushstring(L, ar_task_state_name(ar_check_task(L, 1)->task.state));
  return 1;
}

static int task_waits_for(lua_State *L) {
  ar_coro *c = ar_check_task(L, 1);
  if (c->task.state != AR_TASK_PARKED)
    return 0;
  lua_pushstring(L, c->task.kit->wait.kind);
  return 1;
}

static int task_where(lua_State *L) {
  ar_dump_push_where(L, ar_check_task(L, 1));
  return 1;
}

static int task_outcome(lua_State *L) {
  ar_coro *c = ar_check_task(L, 1);
  int n = c->n_values;
  lua_settop(L, 1);
  switch (c->outcome) {
    case AR_OUTCOME_PENDING: return 0;
    case AR_OUTCOME_RETURNED: lua_pushliteral(L, "returned"); break;
    case AR_OUTCOME_FAILED: lua_pushliteral(L, "failed"); break;
    case AR_OUTCOME_CANCELLED: lua_pushliteral(L, "cancelled"); break;
  }
  return 1 + ar_handle_push_results(L, c, 1, n);
}

static int task_has_pending(lua_State *L) {
  ar_coro *c = ar_check_task(L, 1);
  lua_pushboolean(L, c->task.state != AR_TASK_DONE &&
                         ar_task_pending(&c->task) != AR_CAUSE_NONE);
  return 1;
}

static int task_points(lua_State *L) {
  ar_coro *c = ar_check_task(L, 1);
  lua_pushinteger(L, c->cancel_points);
  lua_pushinteger(L, c->schedule_points);
  return 2;
}

static int task_coroutine(lua_State *L) {
  ar_coro *c = ar_check_task(L, 1);
  return ar_handle_push_coroutine(L, c);
}

/* ---- spawning, native cancellation -------------------------------------- */

/* An eager task's first step is taken inside spawn, up to where it waits. The
 * caller, a task or a callback, is current again afterwards. */
static void step_now(ar_coro *c) {
  ar_sched *s = c->task.sched;
  ar_task *caller = s->current;
  ar_list_remove(&c->task.job.ready);
  c->task.job.step(&c->task.job); /* c may be gone */
  s->current = caller;
}

/* spawn(opts, f, ...) -> task that no group owns */
static int task_spawn(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  ar_spec spec = {2, 1};
  ar_coro *c;
  ar_scope *scope = &run->run.sched.system;
  bool system, eager;
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkany(L, 2);
  lua_getfield(L, 1, "system");
  lua_getfield(L, 1, "eager");
  lua_getfield(L, 1, "scoped");
  system = lua_toboolean(L, -3);
  eager = lua_toboolean(L, -2);
  if (lua_toboolean(L, -1) && run->run.sched.current != NULL)
    scope = run->run.sched.current->scope; /* its cancellation counts here */
  lua_pop(L, 3);
  if (run->run.winding && ar_list_is_empty(&run->run.sched.living))
    ar_raise(L, "RuntimeError", "Nursery is closed to new arrivals");
  c = ar_coro_new(L, run, 2, 3, lua_gettop(L) - 2);
  if (system) { /* it sees what run() was called with */
    ar_lrun_push(L, run);
    lua_getiuservalue(L, -1, AR_RUN_CONTEXT);
    ar_coro_set_context(L, -3);
    lua_pop(L, 1);
  } else {
    ar_inherit_context(L, c);
  }
  ar_apply_spec(L, &spec);
  ar_note_spawn(L, c);
  c->task.system = system;
  c->guarded = system;
  c->parent = scope == &run->run.sched.system ? c->parent : 0;
  ar_coro_anchor(L, c, -1);
  ar_task_spawn(&c->task, scope);
  if (eager)
    step_now(c);
  return 1;
}

static int task_cancel(lua_State *L) {
  ar_coro *c = ar_check_task(L, 1);
  lua_settop(L, 2);
  if (c->task.state == AR_TASK_DONE) {
    lua_pushboolean(L, 0);
    return 1;
  }
  ar_coro_set_extra(L, 1, "cancel_message");
  lua_pushboolean(L, ar_task_request_cancel(&c->task));
  return 1;
}

static int task_cancelling(lua_State *L) {
  lua_pushinteger(L, ar_check_task(L, 1)->task.cancelling);
  return 1;
}

static int task_uncancel(lua_State *L) {
  lua_pushinteger(L, ar_task_uncancel(&ar_check_task(L, 1)->task));
  return 1;
}

static int task_on_done(lua_State *L) {
  ar_coro *c = ar_check_task(L, 1);
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  if (c->task.state == AR_TASK_DONE)
    ar_raise(L, "RuntimeError", "the task has ended already");
  if (ar_coro_get_extra(L, 1, "on_done") != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    ar_coro_set_extra(L, 1, "on_done");
  }
  c->watched = true;
  lua_insert(L, 2);
  lua_rawseti(L, 2, (lua_Integer)lua_rawlen(L, 2) + 1);
  return 0;
}

static int task_face(lua_State *L) {
  (void)ar_check_task(L, 1);
  (void)ar_coro_get_extra(L, 1, "face");
  return 1;
}

static int task_set_face(lua_State *L) {
  (void)ar_check_task(L, 1);
  lua_settop(L, 2);
  ar_coro_set_extra(L, 1, "face");
  return 0;
}

/* set_start_values(task, {n = 2, ...}): what start() gave back */
static int task_set_start_values(lua_State *L) {
  (void)ar_check_task(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  ar_coro_set_extra(L, 1, "start_values");
  return 0;
}

/* ---- wait and wake ------------------------------------------------------ */

/* The error object a cancellation would raise: given to abort functions. */
static int make_error(lua_State *L) {
  ar_coro *c = ar_check_task(L, lua_upvalueindex(1));
  ar_cause cause = (ar_cause)lua_tointeger(L, lua_upvalueindex(2));
  /* Whoever takes the error raises it: control-C is not pending any more. */
  if (cause == AR_CAUSE_INTERRUPT)
    c->task.interrupted = false;
  ar_coro_push_cancellation(L, c, cause);
  return 1;
}

/* The abort function of the script failed: an internal error on trio; the
 * wait is undone in any case. stack: ..., error */
static ar_abort abort_failed(lua_State *L, ar_lrun *run) {
  if (run->run.sched.policy->counts) {
    lua_createtable(L, 0, 2);
    lua_insert(L, -2);
    lua_setfield(L, -2, "exception");
    lua_pushliteral(L, "Exception in an abort function");
    lua_setfield(L, -2, "message");
    ar_lrun_report(L, run);
  } else {
    ar_lrun_crash(L, run);
  }
  return AR_ABORTED;
}

static ar_abort abort_by_script(ar_task *t, ar_cause cause) {
  ar_coro *c = ar_coro_of(t);
  ar_lrun *run = ar_lrun_of(c);
  lua_State *L = ar_host_stack(run->host);
  int top = lua_gettop(L), status;
  ar_abort answer;
  if (cause == AR_CAUSE_ABANDON)
    return AR_ABORTED; /* no code of a script runs any more */
  luaL_checkstack(L, 8, NULL);
  ar_coro_push(L, c);
  (void)ar_coro_get_extra(L, -1, "abort");
  if (lua_isnil(L, -1)) {
    lua_settop(L, top);
    c->waiting = false;
    return AR_ABORTED;
  }
  lua_pushvalue(L, top + 1);
  lua_pushvalue(L, top + 1);
  lua_pushinteger(L, cause);
  lua_pushcclosure(L, make_error, 2);
  status = lua_pcall(L, 2, 1, 0);
  if (status != LUA_OK)
    answer = abort_failed(L, run);
  else
    answer = lua_toboolean(L, -1) ? AR_ABORTED : AR_ABORT_LATER;
  lua_settop(L, top);
  if (answer == AR_ABORTED)
    c->waiting = false;
  return answer;
}

/* stack: kind, abort, obj */
static int waitk(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  int n;
  (void)status;
  (void)ctx;
  ar_coro_push(L, c);
  lua_replace(L, 1);
  lua_settop(L, 1);
  lua_pushnil(L);
  ar_coro_set_extra(L, 1, "abort");
  lua_pushnil(L);
  ar_coro_set_extra(L, 1, "wait_object");
  c->waiting = false;
  if (c->task.woken != 0)
    (void)ar_coro_resumed(L);
  if (ar_coro_get_extra(L, 1, "woken_with") != LUA_TTABLE)
    return 0;
  lua_pushnil(L);
  ar_coro_set_extra(L, 1, "woken_with");
  /* stack: task, {ok, n, ...} */
  lua_rawgeti(L, 2, 1);
  lua_rawgeti(L, 2, 2);
  n = (int)lua_tointeger(L, -1);
  if (!lua_toboolean(L, -2)) {
    lua_rawgeti(L, 2, 3);
    ar_rethrow(L);
  }
  luaL_checkstack(L, n, NULL);
  for (int i = 1; i <= n; i++)
    lua_rawgeti(L, 2, i + 2);
  return n;
}

/* wait(kind, abort, obj) */
static int task_wait(lua_State *L) {
  const char *kind = luaL_checkstring(L, 1);
  ar_coro *c;
  lua_settop(L, 3);
  c = ar_coro_check(L);
  ar_coro_push(L, c);
  lua_pushvalue(L, 2);
  ar_coro_set_extra(L, 4, "abort");
  if (!lua_isnil(L, 3)) {
    lua_pushvalue(L, 3);
    ar_coro_set_extra(L, 4, "wait_object");
  }
  lua_settop(L, 3);
  c->cancel_points++;
  c->schedule_points++;
  c->waiting = true;
  ar_task_park(&c->task, kind, NULL, abort_by_script);
  return ar_suspend(L, waitk, 0);
}

/* wake(task, ok, ...) */
static int task_wake(lua_State *L) {
  ar_coro *c = ar_check_task(L, 1);
  int n = lua_gettop(L) - 2;
  luaL_checkany(L, 2);
  if (c->task.state != AR_TASK_PARKED || !c->waiting)
    ar_raise(L, "RuntimeError",
             "the task does not wait to be rescheduled (or was already)");
  if (n > 0 || !lua_toboolean(L, 2)) {
    lua_createtable(L, n + 2, 0);
    lua_pushvalue(L, 2);
    lua_rawseti(L, -2, 1);
    lua_pushinteger(L, n);
    lua_rawseti(L, -2, 2);
    for (int i = 1; i <= n; i++) {
      lua_pushvalue(L, i + 2);
      lua_rawseti(L, -2, i + 2);
    }
    ar_coro_set_extra(L, 1, "woken_with");
  }
  c->waiting = false;
  ar_task_wake(&c->task, 0);
  return 0;
}

/* pending_group(task) -> the group it is being start()ed into, or nil */
static int task_pending_group(lua_State *L) {
  (void)ar_check_task(L, 1);
  (void)ar_coro_get_extra(L, 1, "pending_group");
  return 1;
}

static int task_set_pending_group(lua_State *L) {
  (void)ar_check_task(L, 1);
  lua_settop(L, 2);
  ar_coro_set_extra(L, 1, "pending_group");
  return 0;
}

/* groups(task) -> the open groups it hosts, outermost first */
static int task_groups(lua_State *L) {
  const ar_frame *f = ar_frame_of(&ar_check_task(L, 1)->task);
  ar_lgroup *first = f != NULL ? f->groups : NULL;
  lua_Integer n = 0;
  lua_newtable(L);
  for (ar_lgroup *g = first; g != NULL; g = g->outer)
    n++;
  for (ar_lgroup *g = first; g != NULL; g = g->outer) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, g);
    lua_rawseti(L, -2, n--);
  }
  return 1;
}

/* group(task) -> the group it is a child of, or nil */
static int task_group(lua_State *L) {
  ar_coro *c = ar_check_task(L, 1);
  if (c->task.group == NULL)
    return 0;
  lua_rawgetp(L, LUA_REGISTRYINDEX, ar_lgroup_of(c->task.group));
  return 1;
}

/* ---- contexts ----------------------------------------------------------- */

static int task_context(lua_State *L) {
  if (lua_isnoneornil(L, 1)) {
    ar_push_context(L);
    return 1;
  }
  (void)ar_check_task(L, 1);
  ar_coro_get_context(L, 1);
  return 1;
}

static int task_set_context(lua_State *L) {
  lua_settop(L, 1);
  ar_push_context_holder(L);
  if (lua_istable(L, -1) && lua_getmetatable(L, -1)) {
    lua_pop(L, 1);
    lua_pushvalue(L, 1);
    lua_setfield(L, -2, "vars");
    return 0;
  }
  lua_pop(L, 1);
  ar_set_context_holder(L);
  return 0;
}

static int task_swap_context(lua_State *L) {
  lua_settop(L, 1);
  ar_push_context_holder(L);
  lua_insert(L, 1);
  ar_set_context_holder(L);
  return 1;
}

static const luaL_Reg functions[] = {
    {"current", task_current},
    {"check", task_check},
    {"running", task_running},
    {"living", task_living},
    {"id", task_id},
    {"name", task_name},
    {"set_name", task_set_name},
    {"parent_id", task_parent_id},
    {"state", task_state},
    {"waits_for", task_waits_for},
    {"where", task_where},
    {"outcome", task_outcome},
    {"has_pending_cancellation", task_has_pending},
    {"points", task_points},
    {"coroutine", task_coroutine},
    {"spawn", task_spawn},
    {"cancel", task_cancel},
    {"cancelling", task_cancelling},
    {"uncancel", task_uncancel},
    {"on_done", task_on_done},
    {"face", task_face},
    {"set_face", task_set_face},
    {"set_start_values", task_set_start_values},
    {"group", task_group},
    {"groups", task_groups},
    {"pending_group", task_pending_group},
    {"set_pending_group", task_set_pending_group},
    {"wait", task_wait},
    {"wake", task_wake},
    {"context", task_context},
    {"set_context", task_set_context},
    {"swap_context", task_swap_context},
    {"context_owner", ar_context_owner},
    {NULL, NULL}};

int luaopen_anyrun_task(lua_State *L) {
  luaL_newlib(L, functions);
  /* Checkpoints are time's neighbours in C, and tasks' in Lua. */
  ar_embed_require(L, "_anyrun.time");
  for (const char *const *name =
           (const char *const[]){"checkpoint", "checkpoint_if_cancelled",
                                 "cancel_shielded_checkpoint", NULL};
       *name != NULL; name++) {
    lua_getfield(L, -1, *name);
    lua_setfield(L, -3, *name);
  }
  lua_pop(L, 1);
  return 1;
}
