/*
 * The world of fuzz_sched.c: a run without Lua on a clock that jumps, its
 * tasks, and the model of what each of them must see next.
 */

#ifndef sched_world_h
#define sched_world_h

#include <stdlib.h>
#include <string.h>

#include "backend/run.h"
#include "base/err.h"
#include "base/mem.h"
#include "sched/group.h"
#include "sched/lot.h"

enum {
  MAX_ACTORS = 48,
  MAX_FRAMES = 6,
  N_LOTS = 3,
  N_EXTRAS = 4, /* timers, callbacks, idlers */
  PERIODIC = 3  /* a timer sets itself so often */
};

typedef struct {
  bool is_group;
  bool taken;
  ar_scope scope; /* of a scope */
  ar_group group; /* of a group, with a scope of its own */
} frame;

/* What an actor waits for. */
typedef enum {
  FOR_NOTHING,
  FOR_LOT,
  FOR_TIME,
  FOR_JOIN,
  FOR_ANYBODY
} waiting;

typedef struct {
  ar_task task;
  ar_kit kit; /* given to it when it begins, or before */
  ar_place place;
  frame pool[MAX_FRAMES];
  frame *frames[MAX_FRAMES]; /* of the pool, innermost last */
  int depth;
  waiting waits;
  ar_abort answer; /* of a wait for anybody */
  unsigned ready;  /* times it was queued, less steps: 0 or 1 */
  ar_err expects;  /* what it was woken with */
  bool unwinding;  /* a cancellation is on its way outwards */
  bool joining;    /* the innermost group is being left */
} actor;

typedef struct {
  const uint8_t *at;
  const uint8_t *end;
  ar_run run;
  ar_clock clock;
  ar_instruments hooks;
  ar_time now;
  ar_lot lots[N_LOTS];
  ar_deadline timers[N_EXTRAS];
  int rings[N_EXTRAS];
  ar_job jobs[N_EXTRAS];
  ar_idler idlers[N_EXTRAS];
  actor *actors[MAX_ACTORS]; /* owned */
  size_t n_actors;
  size_t steps;
  size_t n_unparked; /* wake-ups given out by lots */
  size_t n_arrived;  /* wake-ups that arrived as such */
} world;

static world w; /* a fuzzer's input is one world */

static void require(bool fact, const char *what, int line) {
  if (!fact)
    ar_assert_failed(__FILE__, line, what);
}
#define REQUIRE(x) require((x), #x, __LINE__)

static bool is_exhausted(void) {
  return w.at == w.end;
}

static unsigned next_byte(void) {
  return is_exhausted() ? 0 : *w.at++;
}

static actor *actor_of(ar_task *t) {
  return ar_container_of(t, actor, task);
}

static actor *any_actor(void) {
  return w.actors[next_byte() % w.n_actors];
}

/* ---- the clock: moves only when everybody is blocked ---- */

static ar_time clock_now(ar_clock *clock) {
  (void)clock;
  return w.now;
}

static ar_time clock_to_sleep(ar_clock *clock, ar_time deadline) {
  (void)clock;
  return deadline <= w.now ? 0 : AR_TIME_MAX;
}

static ar_time clock_threshold(ar_clock *clock) {
  (void)clock;
  return 0;
}

static void clock_jump(ar_clock *clock, ar_time deadline) {
  (void)clock;
  if (deadline > w.now)
    w.now = deadline;
}

/* ---- waking, and what the model knows of it ---- */

static void wake(actor *a, ar_err err) {
  a->expects = err;
  ar_task_wake(&a->task, err);
}

static void unpark(ar_lot *lot, size_t n) {
  for (ar_link *link = ar_list_first(&lot->places); link != NULL && n > 0;
       n--) {
    ar_place *p = ar_container_of(link, ar_place, link);
    link = ar_list_next(&lot->places, link);
    actor_of(p->task)->expects = 0;
    REQUIRE(ar_lot_unpark(lot, 1, 0) == 1);
    w.n_unparked++;
  }
}

/* Nothing goes on any more: whoever waits for others is let go. */
static bool let_go(void) {
  bool any = false;
  for (int i = 0; i < N_LOTS; i++) {
    any = any || w.lots[i].n_parked > 0;
    unpark(&w.lots[i], SIZE_MAX);
  }
  for (size_t i = 0; i < w.n_actors; i++) {
    actor *a = w.actors[i];
    if (a->task.state == AR_TASK_PARKED && a->waits == FOR_ANYBODY) {
      wake(a, 0);
      any = true;
    }
    for (int k = 0; k < a->depth; k++)
      while (a->frames[k]->is_group && a->frames[k]->group.n_starting > 0) {
        ar_group_starting(&a->frames[k]->group, -1);
        any = true;
      }
  }
  return any;
}

static void on_hook(ar_instruments *self, ar_hook hook, ar_task *t,
                    ar_time timeout) {
  (void)self;
  if (hook == AR_HOOK_task_scheduled)
    REQUIRE(++actor_of(t)->ready == 1);
  if (hook == AR_HOOK_before_io_wait && timeout == AR_TIME_MAX)
    ar_loop_wake(w.run.loop); /* it would wait for ever */
  if (hook == AR_HOOK_after_io_wait && timeout == AR_TIME_MAX)
    REQUIRE(let_go());
}

/* The wait was undone: it will see a cancellation. */
static ar_abort aborted(actor *a) {
  a->expects = AR_ECANCELED;
  return AR_ABORTED;
}

static ar_abort lot_abort(ar_task *t, ar_cause cause) {
  (void)cause;
  ar_place_leave(&actor_of(t)->place);
  return aborted(actor_of(t));
}

static ar_abort plain_abort(ar_task *t, ar_cause cause) {
  actor *a = actor_of(t);
  if (cause == AR_CAUSE_NATIVE && a->answer == AR_ABORT_LATER)
    (void)ar_task_request_cancel(t); /* as a script may */
  return a->answer == AR_ABORTED ? aborted(a) : AR_ABORT_LATER;
}

/* ---- frames ---- */

static ar_scope *scope_of(frame *f) {
  return f->is_group ? &f->group.scope : &f->scope;
}

static frame *any_frame(void) {
  actor *a = any_actor();
  return a->depth == 0 ? NULL : a->frames[next_byte() % (unsigned)a->depth];
}

/* The group of frame f, if tasks may be started in it. */
static ar_group *open_group(frame *f) {
  bool open = f != NULL && f->is_group && ar_group_is_active(&f->group);
  return open ? &f->group : NULL;
}

static void remove_frame(actor *a, int at) {
  a->frames[at]->taken = false;
  a->depth--;
  for (int i = at; i < a->depth; i++)
    a->frames[i] = a->frames[i + 1];
}

/* Leave the innermost frame; true when it caught the cancellation. */
static bool pop_frame(actor *a) {
  frame *f = a->frames[a->depth - 1];
  ar_scope *s = scope_of(f);
  bool catches = ar_scope_catches(s);
  for (; s->debt > 0; s->debt--)
    if (catches)
      (void)ar_task_uncancel(&a->task);
    else
      s->parent->debt++;
  if (f->is_group)
    ar_group_close(&f->group);
  else
    ar_scope_exit(s);
  remove_frame(a, a->depth - 1);
  a->joining = false;
  return catches;
}

static void push_frame(actor *a, bool is_group) {
  unsigned traits = next_byte();
  frame *f = a->pool;
  if (a->depth == MAX_FRAMES)
    return;
  while (f->taken)
    f++;
  f->taken = true;
  f->is_group = is_group;
  ar_group_init(&f->group);
  ar_scope_init(&f->scope);
  scope_of(f)->shield = (traits & 1) != 0;
  if ((traits & 6) == 6) /* some are past already */
    scope_of(f)->deadline = w.now + (ar_time)traits - 64;
  REQUIRE(is_group ? ar_group_open(&f->group, &a->task) == 0
                   : ar_scope_enter(&f->scope, &a->task) == 0);
  a->frames[a->depth++] = f;
}

/* ---- waits: true when the step is over ---- */

static void park(actor *a, waiting waits, ar_abort_fn *abort) {
  bool must_end = ar_task_pending(&a->task) != AR_CAUSE_NONE && abort != NULL &&
                  a->answer == AR_ABORTED && a->task.deaf == 0;
  a->waits = waits;
  if (waits == FOR_LOT)
    ar_lot_park(&w.lots[next_byte() % N_LOTS], &a->place, abort);
  else
    ar_task_park(&a->task, "fuzz", a, abort);
  REQUIRE(!must_end || a->task.state == AR_TASK_READY);
}

/* The innermost group is to be left: true when that is done. */
static bool join(actor *a) {
  ar_group *g = &a->frames[a->depth - 1]->group;
  bool deaf = a->joining || !a->task.sched->policy->join_breaks;
  if (g->state == AR_GROUP_OPEN)
    ar_group_join(g);
  a->joining = true;
  if (ar_group_is_empty(g))
    return true;
  g->waiting = true;
  a->answer = AR_ABORTED;
  a->task.deaf = deaf ? AR_CAUSE_SCOPE : 0;
  park(a, FOR_JOIN, plain_abort);
  return false;
}

/* Go outwards until something catches; false when the task has to wait. */
static bool unwind(actor *a) {
  while (a->depth > 0 && a->unwinding) {
    frame *f = a->frames[a->depth - 1];
    if (f->is_group) {
      ar_scope_cancel(&f->group.scope, AR_SOURCE_NURSERY);
      if (!join(a))
        return false;
    }
    if (pop_frame(a) && !is_exhausted())
      a->unwinding = false;
  }
  return true;
}

static void actor_step(ar_job *job);

static actor *new_actor(void) {
  actor *a;
  if (w.n_actors == MAX_ACTORS)
    return NULL;
  a = calloc(1, sizeof *a);
  REQUIRE(a != NULL);
  ar_task_init(&a->task, &w.run.sched, actor_step);
  ar_place_init(&a->place, &a->task);
  w.actors[w.n_actors++] = a;
  return a;
}

/* It ends, like a coroutine that is lost, with whatever it has open. */
static void end_actor(actor *a) {
  ar_group *g = a->task.group;
  for (; a->depth > 0; a->depth--)
    a->frames[a->depth - 1]->group.n_starting = 0;
  ar_task_finish(&a->task);
  if (g != NULL)
    ar_group_child_done(g, &a->task);
}

#endif
