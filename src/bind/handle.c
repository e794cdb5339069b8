/*
 * AnyIO's TaskHandle.
 */

#include "bind/handle.h"

#include <string.h>

#include "base/err.h"
#include "bind/luax.h"
#include "host/cancelled.h"
#include "host/dump.h"
#include "host/raise.h"

int ar_handle_push_results(lua_State *L, ar_coro *c, int idx, int n) {
  (void)c;
  if (n == 0)
    return 0;
  lua_getiuservalue(L, idx, AR_UV_OUTCOME);
  if (n == 1)
    return 1;
  luaL_checkstack(L, n + 1, "too many results");
  for (int i = 1; i <= n; i++)
    lua_rawgeti(L, -i, i);
  lua_remove(L, -(n + 1));
  return n;
}

int ar_handle_push_coroutine(lua_State *L, const ar_coro *c) {
  lua_State *co = ar_coro_thread(c);
  if (co == NULL)
    return 0;
  lua_pushthread(co);
  lua_xmove(co, L, 1);
  return 1;
}

static const char *status_of(const ar_coro *c) {
  switch (c->outcome) {
    case AR_OUTCOME_PENDING:
      return ar_task_is_doomed(&c->task) ? "CANCELLING" : "PENDING";
    case AR_OUTCOME_RETURNED: return "FINISHED";
    case AR_OUTCOME_FAILED: return "FAILED";
    case AR_OUTCOME_CANCELLED: return "CANCELLED";
  }
  return "PENDING";
}

/* Raise TaskFailed or its kind, with the task's error as cause. */
static int raise_failure(lua_State *L, ar_coro *c) {
  if (c->outcome == AR_OUTCOME_CANCELLED) {
    ar_push_error(L, "TaskCancelled", "the task was cancelled");
  } else {
    lua_getiuservalue(L, 1, AR_UV_OUTCOME);
    ar_push_error(L, "TaskFailed", "the task raised an exception: %s",
                  luaL_tolstring(L, -1, NULL));
  }
  lua_getiuservalue(L, 1, AR_UV_OUTCOME);
  lua_setfield(L, -2, "cause");
  return lua_error(L);
}

static int give_result(lua_State *L, ar_coro *c) {
  if (c->outcome != AR_OUTCOME_RETURNED)
    return raise_failure(L, c);
  return ar_handle_push_results(L, c, 1, c->n_values);
}

/* ctx: 1 for await, 0 for wait */
static int joinedk(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ar_coro_resumed(L);
  lua_settop(L, 1);
  return ctx != 0 ? give_result(L, lua_touserdata(L, 1)) : 0;
}

/* A finished task: a checkpoint, then its result. */
static int checkpointk(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *me = ar_coro_resumed(L);
  if (ar_task_pending(&me->task) == AR_CAUSE_NONE)
    return joinedk(L, status, ctx);
  ar_task_park(&me->task, "checkpoint", NULL, ar_abort_simply);
  return ar_suspend(L, joinedk, ctx);
}

static int join(lua_State *L, lua_KContext await) {
  ar_coro *c = ar_check_task(L, 1), *me = ar_coro_check(L);
  lua_settop(L, 1);
  if (c->task.sched != me->task.sched && c->outcome == AR_OUTCOME_PENDING)
    ar_raise(L, "RuntimeError", "the task belongs to another run");
  if (c == me)
    ar_raise(L, "RuntimeError", "a task cannot await itself");
  me->cancel_points++;
  me->schedule_points++;
  if (c->outcome != AR_OUTCOME_PENDING) {
    ar_task_yield(&me->task);
    return ar_suspend(L, checkpointk, await);
  }
  ar_lot_park(&ar_coro_frame(L, c)->joiners, &ar_frame_of(&me->task)->place,
              ar_abort_place);
  return ar_suspend(L, joinedk, await);
}

static int handle_await(lua_State *L) {
  return join(L, 1);
}

static int handle_wait(lua_State *L) {
  return join(L, 0);
}

static int handle_cancel(lua_State *L) {
  ar_coro *c = ar_check_task(L, 1);
  ar_scope *own;
  (void)luaL_optstring(L, 2, NULL);
  lua_settop(L, 2);
  if (c->outcome != AR_OUTCOME_PENDING || ar_task_is_doomed(&c->task))
    return 0;
  own = &ar_coro_frame(L, c)->kit.own;
  ar_cancelled_by_script(L, own, 2);
  ar_scope_cancel(own, AR_SOURCE_EXPLICIT);
  return 0;
}

static int get_exception(lua_State *L, ar_coro *c) {
  switch (c->outcome) {
    case AR_OUTCOME_PENDING:
      if (ar_task_is_doomed(&c->task))
        ar_raise(L, "TaskCancelled", "the task was cancelled");
      ar_raise(L, "TaskNotFinished", "the task has not finished yet");
    case AR_OUTCOME_RETURNED: lua_pushnil(L); return 1;
    case AR_OUTCOME_FAILED: lua_getiuservalue(L, 1, AR_UV_OUTCOME); return 1;
    case AR_OUTCOME_CANCELLED: return raise_failure(L, c);
  }
  return 0;
}

static int get_return_value(lua_State *L, ar_coro *c) {
  if (c->outcome == AR_OUTCOME_PENDING)
    (void)get_exception(L, c);
  if (give_result(L, c) > 1) /* the first of several */
    lua_settop(L, -c->n_values);
  return 1;
}

static int get_start_value(lua_State *L) {
  if (ar_coro_get_extra(L, 1, "start_values") != LUA_TTABLE)
    ar_raise(L, "RuntimeError",
             "the task was not started with start(): it has no start value");
  lua_rawgeti(L, -1, 1);
  return 1;
}

static int handle_index(lua_State *L) {
  ar_coro *c = ar_check_task(L, 1);
  const char *key = lua_tostring(L, 2);
  if (key == NULL)
    return 0;
  lua_settop(L, 2);
  if (lua_getfield(L, lua_upvalueindex(1), key) != LUA_TNIL)
    return 1;
  if (strcmp(key, "status") == 0) {
    lua_pushstring(L, status_of(c));
    return 1;
  }
  if (strcmp(key, "name") == 0) {
    ar_dump_push_name(L, 1);
    return 1;
  }
  if (strcmp(key, "exception") == 0)
    return get_exception(L, c);
  if (strcmp(key, "return_value") == 0) {
    lua_settop(L, 1);
    if (c->outcome == AR_OUTCOME_RETURNED && c->n_values == 0)
      return 0;
    return get_return_value(L, c);
  }
  if (strcmp(key, "start_value") == 0)
    return get_start_value(L);
  if (strcmp(key, "coro") == 0) {
    return ar_handle_push_coroutine(L, c);
  }
  return 0;
}

static int handle_tostring(lua_State *L) {
  ar_coro *c = ar_check_task(L, 1);
  static const char *const words[] = {"pending", "finished", "failed",
                                      "cancelled"};
  const char *word = words[c->outcome];
  if (c->outcome == AR_OUTCOME_PENDING && ar_task_is_doomed(&c->task))
    word = "cancelling";
  ar_dump_push_name(L, 1);
  lua_pushfstring(L, "<TaskHandle %s name='%s' task=%d>", word,
                  lua_tostring(L, -1), (int)c->task.job.id);
  return 1;
}

static const luaL_Reg methods[] = {{"await", handle_await},
                                   {"wait", handle_wait},
                                   {"cancel", handle_cancel},
                                   {NULL, NULL}};

void ar_handle_open(lua_State *L) {
  luaL_getmetatable(L, "TaskHandle");
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_pushcclosure(L, handle_index, 1);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, handle_tostring);
  lua_setfield(L, -2, "__tostring");
  lua_pop(L, 1);
}
