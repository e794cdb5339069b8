/*
 * A frame: what a task needs while it runs, its coroutine first of all.
 *
 * A task gets one when it begins (or when somebody awaits or cancels it
 * before), and leaves it to the next at its end: making a coroutine costs
 * more than running a short task in it. A frame is a userdata, anchored from
 * when it is made; idle ones are kept up to a limit.
 */

#ifndef ar_frame_h
#define ar_frame_h

#include "host/host.h"
#include "sched/lot.h"

struct ar_frame {
  ar_kit kit;       /* first */
  ar_frame *next;   /* borrowed: the next idle one */
  lua_State *L;     /* the coroutine; borrowed (anchored by the userdata) */
  lua_State *inner; /* borrowed: the coroutine it waits in (in dumps) */
  struct ar_lgroup *groups; /* borrowed: innermost open group it hosts */
  ar_place place;           /* where it stands in a lot */
  ar_list held;             /* ar_held: what it took and has to give back */
  ar_lot joiners;           /* tasks that await its end */
  int anchor;               /* of the userdata */
  bool lent; /* the coroutine is the script's: for this task only */
};

/* [-0, +0] For the task, which is NEW and has none. May raise for lack of
 * memory. */
void ar_frame_take(lua_State *L, ar_host *host, ar_task *t);

/* [-0, +0] One with a coroutine that is running already. May raise. */
ar_frame *ar_frame_lend(lua_State *L, ar_host *host, lua_State *co);

/* The task, which is NEW and has none, gets this one. */
void ar_frame_give(ar_frame *f, ar_task *t);

/* [-0, +0] Its task has ended. */
void ar_frame_put(lua_State *L, ar_host *host, ar_frame *f);

/* NULL: the task has not begun, or has ended. */
static inline ar_frame *ar_frame_of(const ar_task *t) {
  return (ar_frame *)t->kit;
}

#endif
