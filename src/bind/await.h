/*
 * Where an operation meets a task: started, then awaited.
 *
 * The story of every call that waits for the outside: ar_coro_check (may this
 * task be suspended here?), start the operation, `return ar_await(...)`; the
 * continuation begins with ar_awaited, looks at the op's result, and goes on.
 * Nothing that can fail stands between the start and ar_await.
 */

#ifndef ar_await_h
#define ar_await_h

#include "host/coro.h"
#include "io/op.h"
#include "io/pool.h"

/* What a cancellation does to the operation. */
typedef enum {
  /* It is undone, if it can be; else the task waits for its end, and gets
   * what it brought: the cancellation is raised by the next wait. */
  AR_AWAIT_UNDOES,
  /* The task goes at once; what the operation brings is dropped. */
  AR_AWAIT_LEAVES,
  /* Nothing: the task waits to the end, and the next wait raises it. */
  AR_AWAIT_SHIELDED
} ar_await_way;

/* Park the running task, which was checked, until op, which is pending, ends.
 * `kind` says in dumps what it waits for. */
int ar_await(lua_State *L, ar_coro *c, ar_op *op, ar_await_way way,
             const char *kind, lua_KFunction k, lua_KContext ctx);

/* For a continuation, before ar_awaited: did the task leave its op, so that it
 * is gone? Else the op is over, and what it brought is the task's to take or to
 * give back, though ar_awaited may raise: asyncio's cancel() can come between
 * the end of an op and the step that takes it. */
bool ar_await_left(lua_State *L);

/* Raises the cancellation that ended the wait, if one did. Then the op is no
 * longer this task's: left to itself, or undone. Raises ClosedResourceError
 * when what the op worked on was closed. Else it is over, and its `result` is
 * for the caller to look at. */
ar_coro *ar_awaited(lua_State *L);

/* What was wanted is done, at once: only let the others run, as every call
 * that may wait does. A cancellation is not raised here, where it could be
 * taken for "not done", but by the next wait. k begins with ar_gave_way. */
int ar_give_way(lua_State *L, ar_coro *c, lua_KFunction k, lua_KContext ctx);
ar_coro *ar_gave_way(lua_State *L);

/* A cancellation is pending: it is raised by ar_awaited, in k. */
int ar_await_cancelled(lua_State *L, ar_coro *c, lua_KFunction k,
                       lua_KContext ctx);

/* The threads for work that blocks, of this Lua state: made when first asked
 * for. Raises. */
ar_pool *ar_check_pool(lua_State *L);

#endif
