/*
 * A task as a Lua coroutine.
 *
 * ar_coro is a userdata (AnyIO's TaskHandle) with these user values:
 *
 *   AR_UV_BODY     the function: what is asked for the task's name
 *   AR_UV_ARGS     the argument, or a table of arguments, until the first step
 *   AR_UV_OUTCOME  the same place: in the end one result, a table of results,
 *                  or the error
 *   AR_UV_EXTRA    nil, or a table of what few tasks have (name, face, ...),
 *                  or just its context
 *   AR_UV_SPAWNER  the function that spawned it
 *
 * Its context is its context's variables, or a box of them; where a task has
 * nothing else that is extra, the context stands in the table's place.
 *
 * It is anchored from spawn until its end: a task that could be collected
 * while it is parked would be a lost cancellation. Its coroutine comes with a
 * frame, when it first runs, and goes back with it at its end. 100,000 tasks
 * may wait for their first step: what is here is here for each of them.
 *
 * Suspending: whoever waits calls ar_coro_check (may this task be suspended
 * here?), arranges what will wake it, parks the task, and returns
 * ar_suspend(...). Nothing that can fail stands between the park and the
 * yield. The continuation starts with ar_coro_resumed, which raises the
 * cancellation, if that is how the wait ended.
 */

#ifndef ar_coro_h
#define ar_coro_h

#include "host/frame.h"
#include "host/host.h"

#define AR_UV_BODY 1
#define AR_UV_ARGS 2
#define AR_UV_OUTCOME AR_UV_ARGS
#define AR_UV_EXTRA 3
#define AR_UV_SPAWNER 4
#define AR_UV_COUNT 4

typedef enum {
  AR_OUTCOME_PENDING,
  AR_OUTCOME_RETURNED,
  AR_OUTCOME_FAILED,
  AR_OUTCOME_CANCELLED
} ar_outcome;

/* What stands in AR_UV_EXTRA. */
typedef enum {
  AR_EXTRA_NONE,
  AR_EXTRA_CONTEXT,
  AR_EXTRA_TABLE
} ar_extra;

struct ar_coro {
  ar_task task;   /* first */
  int anchor;     /* of the userdata; LUA_NOREF: not (any more) anchored */
  int n_values;   /* arguments in AR_UV_ARGS, then results in AR_UV_OUTCOME */
  int spawn_line; /* where in AR_UV_SPAWNER; 0: unknown */
  unsigned cancel_points;   /* passed so far */
  unsigned schedule_points; /* passed so far */
  ar_outcome outcome : 8;
  ar_extra extra : 8;
  bool failed : 1;   /* its body ended by an error (set by the root) */
  bool waiting : 1;  /* parked by the task module's wait() */
  bool guarded : 1;  /* control-C is not raised in its code (trio) */
  bool starting : 1; /* start() looks after its errors, not the group */
  bool watched : 1;  /* functions wait for its end: its extra "on_done" */
  uint64_t parent;   /* id of the task it counts as a child of; 0: none */
};

static inline ar_coro *ar_coro_of(ar_task *t) {
  return ar_container_of(t, ar_coro, task);
}

/* Something a task holds: a lock. */
typedef struct ar_held ar_held;
struct ar_held {
  ar_link link;
  /* Its task, the userdata of which is at `self`, has ended: after this it
   * holds it no more. */
  void (*orphaned)(lua_State *L, ar_held *held, int self);
};

/* [-0, +1] A new task of the run: the function at `fn` with nargs values
 * from `args` on. Not yet spawned in the scheduler's sense. */
ar_coro *ar_coro_new(lua_State *L, ar_lrun *run, int fn, int args, int nargs);

/* [-0, +0] Anchor it, before it is spawned: the userdata is at idx. */
void ar_coro_anchor(lua_State *L, ar_coro *c, int idx);

/* [-0, +0] Let it go. */
void ar_coro_unanchor(lua_State *L, ar_coro *c);

/* As ar_coro_check, in the cases that are not plain. */
ar_coro *ar_coro_check_well(lua_State *L);

/* The task that is running, which may be suspended here; raises otherwise.
 * Begins the script's implicit run where none has begun. */
static inline ar_coro *ar_coro_check(lua_State *L) {
  const ar_host *host = ar_host_of(L);
  ar_task *t = ar_host_running(host);
  if (AR_UNLIKELY(t == NULL || ar_frame_of(t)->L != L || host->hop == NULL ||
                  host->hop->L != L || !lua_isyieldable(L)))
    return ar_coro_check_well(L);
  ar_frame_of(t)->inner = L;
  return ar_coro_of(t);
}

/* Is this inside a finalizer (`__gc`), which runs in no task's name? */
bool ar_coro_in_finalizer(lua_State *L);

/* May the running task, if there is one, be suspended here? */
bool ar_coro_is_suspendable(lua_State *L);

/* The task that is running; raises NoEventLoopError where there is none.
 * Begins the script's implicit run. */
ar_coro *ar_coro_current(lua_State *L);

/* [-0, +0] This C function calls others in a way that can be suspended. */
void ar_coro_transparent(lua_State *L, lua_CFunction f);

/* Give way to the scheduler: the task is parked or has yielded. */
int ar_suspend(lua_State *L, lua_KFunction k, lua_KContext ctx);

/* [-(nargs+1), +all] Call, in a way that can be suspended, the function
 * below the nargs values on top, and return all it returns. The function
 * stands at stack place 1. Use as `return ar_callk_all(L, n)`. */
int ar_callk_all(lua_State *L, int nargs);

/* Raise what the wait ended with, if it ended early; else return the task. */
ar_coro *ar_coro_resumed(lua_State *L);

/* [-0, +1] The error of a cancellation with this cause. */
void ar_coro_push_cancellation(lua_State *L, ar_coro *c, ar_cause cause);

/* [-0, +1] The userdata of a task that is anchored. */
static inline void ar_coro_push(lua_State *L, const ar_coro *c) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->anchor);
}

/* [-0, +0] It runs, or is about to be awaited or cancelled by itself: its
 * frame. May raise for lack of memory; the task has not ended. */
ar_frame *ar_coro_frame(lua_State *L, ar_coro *c);

/* Its coroutine; NULL when it has none now. */
static inline lua_State *ar_coro_thread(const ar_coro *c) {
  const ar_frame *f = ar_frame_of(&c->task);
  return f != NULL ? f->L : NULL;
}

/* [-0, +1] The context of the task at idx, or nil. */
void ar_coro_get_context(lua_State *L, int idx);

/* [-1, +0] */
void ar_coro_set_context(lua_State *L, int idx);

/* [-0, +1] Field of the extra table, or nil. */
int ar_coro_get_extra(lua_State *L, int idx, const char *field);

/* [-1, +0] Set a field of the extra table. */
void ar_coro_set_extra(lua_State *L, int idx, const char *field);

/* Abort function of waits that nothing else has to hear of. */
ar_abort ar_abort_simply(ar_task *t, ar_cause cause);

/* Abort function of waits in a lot. */
ar_abort ar_abort_place(ar_task *t, ar_cause cause);

/* [-0, +1] Make coroutine `co`, which is running, a running task of `run`:
 * the script's chunk, when its run begins. */
ar_coro *ar_coro_adopt(lua_State *L, lua_State *co, ar_lrun *run);

/* Run coroutine `co`, with the n values on top of its stack, until it gives
 * way or ends: a Lua status, and how many values it left. */
int ar_coro_run(ar_host *host, lua_State *co, lua_State *L, int n, int *nres);

/* Its coroutine came back from lua_resume for good. */
void ar_coro_ended(ar_coro *c, int status, int nres);

/* Its step: resume it with the n values on top of its stack. */
void ar_coro_resume(ar_coro *c, int n);

/* Close the coroutine of a task that will never run again (its run is given
 * up), and settle it as cancelled. */
void ar_coro_abandon(ar_host *host, ar_coro *c);

#endif
