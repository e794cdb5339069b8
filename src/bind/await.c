/*
 * Where an operation meets a task.
 */

#include "bind/await.h"

#include <lauxlib.h>

#include "base/err.h"
#include "bind/llot.h"
#include "host/raise.h"

/* Threads that may block at a time, for all runs of a Lua state. More than
 * one disk or one name server can use; each costs only its stack. */
#define POOL_THREADS 64

static ar_op *op_of(const ar_task *t) {
  return (ar_op *)(uintptr_t)t->kit->wait.object;
}

/* Results that the task hears of when it is woken: the op may be gone when it
 * runs. */
static bool is_told(ar_err result) {
  return result == AR_ECANCELED || result == AR_OP_CLOSED;
}

/* A result that came in spite of a cancellation is given to the task: that
 * is the point of waiting for it. */
static void on_done(ar_op *op) {
  ar_coro *c = op->waiter;
  if (op->result == AR_ECANCELED && c->task.cause == AR_CAUSE_INTERRUPT)
    c->task.interrupted = false; /* raised now */
  ar_task_wake(&c->task, is_told(op->result) ? op->result : 0);
}

static ar_abort undo(ar_task *t, ar_cause cause) {
  ar_op *op = op_of(t);
  if (cause == AR_CAUSE_ABANDON) {
    ar_op_abandon(op); /* op may be gone */
    return AR_ABORTED;
  }
  if (ar_op_cancel(op))
    return AR_ABORTED;
  return ar_abort_never(t, cause);
}

static ar_abort leave(ar_task *t, ar_cause cause) {
  (void)cause;
  ar_op_abandon(op_of(t)); /* op may be gone */
  t->kit->wait.object = NULL;
  return AR_ABORTED;
}

bool ar_await_left(lua_State *L) {
  return ar_host_running(ar_host_of(L))->kit->wait.object == NULL;
}

static ar_abort shielded(ar_task *t, ar_cause cause) {
  if (cause == AR_CAUSE_ABANDON)
    return leave(t, cause);
  return AR_ABORT_LATER; /* not asked: the wait is deaf */
}

int ar_await(lua_State *L, ar_coro *c, ar_op *op, ar_await_way way,
             const char *kind, lua_KFunction k, lua_KContext ctx) {
  static ar_abort_fn *const aborts[] = {undo, leave, shielded};
  AR_ASSERT(ar_op_is_pending(op));
  op->done = on_done;
  op->waiter = c;
  c->cancel_points += way != AR_AWAIT_SHIELDED;
  c->schedule_points++;
  if (way == AR_AWAIT_SHIELDED)
    c->task.deaf = AR_CAUSE_SCOPE | AR_CAUSE_NATIVE | AR_CAUSE_INTERRUPT;
  ar_task_park(&c->task, kind, op, aborts[way]);
  return ar_suspend(L, k, ctx);
}

ar_coro *ar_awaited(lua_State *L) {
  ar_task *t = ar_host_running(ar_host_of(L));
  if (AR_UNLIKELY(t->woken == AR_OP_CLOSED))
    ar_raise(L, "ClosedResourceError", "closed while a task waited for it");
  return ar_coro_resumed(L);
}

int ar_give_way(lua_State *L, ar_coro *c, lua_KFunction k, lua_KContext ctx) {
  c->cancel_points++;
  c->schedule_points++;
  ar_task_yield(&c->task);
  ar_sched_be_courteous(c->task.sched);
  return ar_suspend(L, k, ctx);
}

ar_coro *ar_gave_way(lua_State *L) {
  ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  if (AR_UNLIKELY(c->task.woken == AR_ECANCELED))
    (void)ar_abort_never(&c->task, c->task.cause); /* for the next wait */
  return c;
}

int ar_await_cancelled(lua_State *L, ar_coro *c, lua_KFunction k,
                       lua_KContext ctx) {
  AR_ASSERT(ar_task_pending(&c->task) != AR_CAUSE_NONE);
  c->cancel_points++;
  c->schedule_points++;
  ar_task_park(&c->task, "checkpoint", NULL, ar_abort_simply);
  return ar_suspend(L, k, ctx);
}

/* ---- the pool ----------------------------------------------------------- */

static const char key_pool[] = "pool of threads";

static int pool_gc(lua_State *L) {
  ar_pool **pool = lua_touserdata(L, 1);
  if (*pool != NULL)
    ar_pool_close(*pool);
  *pool = NULL;
  return 0;
}

static ar_pool *new_pool(lua_State *L) {
  ar_pool **pool = lua_newuserdatauv(L, sizeof(ar_pool *), 0);
  ar_err err;
  *pool = NULL;
  if (luaL_newmetatable(L, "Pool")) {
    lua_pushcfunction(L, pool_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  err = ar_pool_new(POOL_THREADS, pool);
  if (err != 0)
    ar_raise_oserror(L, err, "cannot make threads");
  lua_rawsetp(L, LUA_REGISTRYINDEX, key_pool);
  return *pool;
}

ar_pool *ar_check_pool(lua_State *L) {
  ar_pool *pool;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, key_pool) == LUA_TUSERDATA)
    pool = *(ar_pool **)lua_touserdata(L, -1);
  else
    pool = new_pool(L);
  lua_pop(L, 1);
  return pool;
}
