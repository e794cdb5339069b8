/*
 * A task as a Lua coroutine.
 *
 * ar_coro is a userdata (AnyIO's TaskHandle) with these user values:
 *
 *   AR_UV_BODY     the function: what is asked for the task's name
 *   AR_UV_ARGS     the argument, or a table of arguments, until the first step
 *   AR_UV_OUTCOME  the same place: in the end one result, a table of results,
 *                  or the error
 *   AR_UV_EXTRA    nil, or a table of what few tasks have (name, face, ...)
 *   AR_UV_CONTEXT  its context's variables, or a box of them
 *   AR_UV_SPAWNER  the function that spawned it
 *
 * It is anchored in the host's table of tasks from spawn until its end: a
 * task that could be collected while it is parked would be a lost
 * cancellation. Its coroutine comes from a pool when it first runs, and
 * goes back at its end.
 *
 * Suspending: whoever waits calls ar_coro_check (may this task be suspended
 * here?), arranges what will wake it, parks the task, and returns
 * ar_suspend(...). Nothing that can fail stands between the park and the
 * yield. The continuation starts with ar_coro_resumed, which raises the
 * cancellation, if that is how the wait ended.
 */

#ifndef ar_coro_h
#define ar_coro_h

#include "host/host.h"
#include "sched/lot.h"

#define AR_UV_BODY 1
#define AR_UV_ARGS 2
#define AR_UV_OUTCOME AR_UV_ARGS
#define AR_UV_EXTRA 3
#define AR_UV_CONTEXT 4
#define AR_UV_SPAWNER 5
#define AR_UV_COUNT 5

typedef enum {
  AR_OUTCOME_PENDING,
  AR_OUTCOME_RETURNED,
  AR_OUTCOME_FAILED,
  AR_OUTCOME_CANCELLED
} ar_outcome;

struct ar_coro {
  ar_task task; /* first */
  ar_host *host;
  lua_State *L;     /* borrowed (anchored by slot); NULL: has none now */
  lua_State *inner; /* borrowed: the coroutine it waits in (in dumps) */
  struct ar_lgroup *groups; /* borrowed: innermost open group it hosts */
  int thread;               /* slot of L in the host's table of coroutines */
  int anchor;             /* slot in the host's table of tasks; 0: not there */
  int nargs;              /* how many arguments AR_UV_ARGS holds */
  int nresults;           /* how many results AR_UV_OUTCOME holds */
  int spawn_line;         /* where in AR_UV_SPAWNER; 0: unknown */
  unsigned cancel_points; /* passed so far */
  unsigned schedule_points; /* passed so far */
  ar_outcome outcome;
  bool failed;     /* its body ended by an error (set by the root) */
  bool waiting;    /* parked by the task module's wait() */
  bool guarded;    /* control-C is not raised in its code (trio) */
  bool starting;   /* start() looks after its errors, not the group */
  uint64_t parent; /* id of the task it counts as a child of; 0: none */
  ar_place place;  /* where it stands in a lot */
  ar_list held;    /* ar_held: what it took and has to give back */
  ar_lot joiners;  /* tasks that await its end */
};

/* Something a task holds: a lock. */
typedef struct ar_held ar_held;
struct ar_held {
  ar_link link;
  /* Its task, the userdata of which is at `self`, has ended: after this it
   * holds it no more. */
  void (*orphaned)(lua_State *L, ar_held *held, int self);
};

/* A coroutine in the pool, waiting for another task. */
struct ar_thread {
  lua_State *L;
  int slot;
};

/* [-0, +1] A new task of the run: the function at `fn` with nargs values
 * from `args` on. Not yet spawned in the scheduler's sense. */
ar_coro *ar_coro_new(lua_State *L, ar_lrun *run, int fn, int args, int nargs);

/* [-0, +0] Anchor it, before it is spawned: the userdata is at idx. */
void ar_coro_anchor(lua_State *L, ar_coro *c, int idx);

/* [-0, +0] Let it go. */
void ar_coro_unanchor(lua_State *L, ar_coro *c);

/* The task that is running, which may be suspended here; raises otherwise.
 * Begins the script's implicit run where none has begun. */
ar_coro *ar_coro_check(lua_State *L);

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

/* [-0, +1] The userdata of a task that is not yet collected. */
void ar_coro_push(lua_State *L, ar_coro *c);

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

static inline ar_coro *ar_coro_of(ar_task *t) {
  return ar_container_of(t, ar_coro, task);
}

#endif
