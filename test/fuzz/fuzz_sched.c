/*
 * Fuzz the scheduler: the input is a program for tasks that spawn, park,
 * wake, cancel, shield, sleep and end, in any order.
 *
 * Byte 0 chooses the backend, byte 1 seeds the order of batches; every
 * further byte is an operation of whoever runs, or an operand of it. Tasks
 * that meet the end of the input unwind and end. The debug build walks all
 * invariants after each turn; here is asserted what is left: a run comes to
 * its end in a bounded number of steps, every task ends, and no wake-up of a
 * lot is lost (trio).
 */

#include <stdlib.h>
#include <string.h>

#include "backend/run.h"
#include "base/err.h"
#include "base/mem.h"
#include "sched/group.h"
#include "sched/lot.h"

#define MAX_ACTORS 48
#define MAX_FRAMES 6
#define N_LOTS 3

typedef struct {
  bool is_group;
  ar_scope scope; /* of a scope */
  ar_group group; /* of a group, with a scope of its own */
} frame;

typedef struct {
  ar_task task;
  ar_place place;
  frame frames[MAX_FRAMES];
  int depth;
  bool unwinding; /* a cancellation is on its way outwards */
  bool joining;   /* the innermost group is being left */
  bool broken;    /* its join was cancelled once already */
  bool in_lot;    /* its last wait was in a lot */
} actor;

typedef struct {
  const uint8_t *at;
  const uint8_t *end;
  ar_run run;
  ar_clock clock;
  ar_time now;
  ar_lot lots[N_LOTS];
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

/* ---- actors ---- */

static actor *actor_of(ar_task *t) {
  return ar_container_of(t, actor, task);
}

static frame *top(actor *a) {
  return &a->frames[a->depth - 1];
}

static ar_scope *scope_of(frame *f) {
  return f->is_group ? &f->group.scope : &f->scope;
}

static ar_abort lot_abort(ar_task *t, ar_cause cause) {
  (void)cause;
  ar_place_leave(&actor_of(t)->place);
  return AR_ABORTED;
}

static ar_abort plain_abort(ar_task *t, ar_cause cause) {
  (void)t, (void)cause;
  return AR_ABORTED;
}

/* A join is broken at most once, and only where the policy wants it. */
static ar_abort join_abort(ar_task *t, ar_cause cause) {
  (void)cause;
  return t->sched->policy->join_breaks && !actor_of(t)->broken ? AR_ABORTED
                                                               : AR_ABORT_LATER;
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

static actor *any_actor(void) {
  return w.actors[next_byte() % w.n_actors];
}

/* Leave the innermost frame; true when it caught the cancellation. */
static bool pop_frame(actor *a) {
  frame *f = top(a);
  ar_scope *s = scope_of(f);
  bool catches = ar_scope_catches(s);
  for (; s->debt > 0; s->debt--)
    (void)ar_task_uncancel(&a->task);
  if (f->is_group)
    ar_group_close(&f->group);
  else
    ar_scope_exit(s);
  a->depth--;
  a->joining = a->broken = false;
  return catches;
}

/* The innermost group is to be left: true when that is done. */
static bool join(actor *a) {
  ar_group *g = &top(a)->group;
  if (g->state == AR_GROUP_OPEN)
    ar_group_join(g);
  a->joining = true;
  if (ar_group_is_empty(g))
    return true;
  g->waiting = true;
  ar_task_park(&a->task, "group", g, join_abort);
  return false;
}

/* Go outwards until something catches; false when the task has to wait. */
static bool unwind(actor *a) {
  while (a->depth > 0 && a->unwinding) {
    frame *f = top(a);
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

static void end_actor(actor *a) {
  ar_group *g = a->task.group;
  while (a->depth > 0)
    (void)pop_frame(a);
  ar_task_finish(&a->task);
  if (g != NULL)
    ar_group_child_done(g, &a->task);
}

static void push_frame(actor *a, bool is_group) {
  frame *f;
  unsigned traits = next_byte();
  if (a->depth == MAX_FRAMES)
    return;
  f = &a->frames[a->depth++];
  f->is_group = is_group;
  if (is_group) {
    ar_group_init(&f->group);
    REQUIRE(ar_group_open(&f->group, &a->task) == 0);
  } else {
    ar_scope_init(&f->scope);
    f->scope.shield = (traits & 1) != 0;
    REQUIRE(ar_scope_enter(&f->scope, &a->task) == 0);
  }
  if ((traits & 6) == 6)
    REQUIRE(ar_scope_set_deadline(scope_of(f), w.now + traits) == 0);
}

static void spawn(actor *a) {
  actor *child;
  int i = a->depth;
  while (i > 0 && !a->frames[i - 1].is_group)
    i--;
  if (i == 0 || !ar_group_is_active(&a->frames[i - 1].group))
    return;
  child = new_actor();
  if (child != NULL)
    ar_group_spawn(&a->frames[i - 1].group, &child->task);
}

static frame *any_frame(void) {
  actor *a = any_actor();
  return a->depth == 0 ? NULL : &a->frames[next_byte() % (unsigned)a->depth];
}

/* ---- operations: true when the actor's step is over ---- */

static bool op_yield(actor *a) {
  ar_task_yield(&a->task);
  return true;
}

static bool op_park(actor *a) {
  a->in_lot = true;
  ar_lot_park(&w.lots[next_byte() % N_LOTS], &a->place, lot_abort);
  return true;
}

static bool op_unpark(actor *a) {
  (void)a;
  w.n_unparked +=
      ar_lot_unpark(&w.lots[next_byte() % N_LOTS], next_byte() % 4, 0);
  return false;
}

static bool op_repark(actor *a) {
  unsigned from = next_byte() % N_LOTS;
  unsigned to = next_byte() % N_LOTS;
  (void)a;
  if (from != to)
    (void)ar_lot_repark(&w.lots[from], &w.lots[to], next_byte() % 4);
  return false;
}

static bool op_sleep(actor *a) {
  REQUIRE(ar_deadline_set(&w.run.sched, &a->task.due,
                          w.now + (ar_time)next_byte()) == 0);
  ar_task_park(&a->task, "sleep", NULL, plain_abort);
  return true;
}

static bool op_scope(actor *a) {
  push_frame(a, false);
  return false;
}

static bool op_group(actor *a) {
  push_frame(a, true);
  return false;
}

static bool op_leave(actor *a) {
  if (a->depth == 0)
    return false;
  if (top(a)->is_group && !join(a))
    return true;
  (void)pop_frame(a);
  return false;
}

static bool op_spawn(actor *a) {
  spawn(a);
  return false;
}

static bool op_cancel(actor *a) {
  frame *f = any_frame();
  (void)a;
  if (f != NULL)
    ar_scope_cancel(scope_of(f), AR_SOURCE_EXPLICIT);
  return false;
}

static bool op_shield(actor *a) {
  frame *f = any_frame();
  (void)a;
  if (f != NULL)
    ar_scope_set_shield(scope_of(f), (next_byte() & 1) != 0);
  return false;
}

static bool op_deadline(actor *a) {
  frame *f = any_frame();
  (void)a;
  if (f != NULL)
    REQUIRE(ar_scope_set_deadline(scope_of(f), w.now + next_byte()) == 0);
  return false;
}

static bool op_request(actor *a) {
  (void)a;
  (void)ar_task_request_cancel(&any_actor()->task);
  return false;
}

static bool op_uncancel(actor *a) {
  (void)ar_task_uncancel(&a->task);
  return false;
}

static bool op_interrupt(actor *a) {
  (void)a;
  ar_task_interrupt(&any_actor()->task);
  return false;
}

static bool op_end(actor *a) {
  a->unwinding = true;
  return false;
}

static bool (*const operations[])(actor *a) = {
    op_yield,   op_park,     op_unpark,    op_repark, op_sleep,  op_scope,
    op_group,   op_leave,    op_spawn,     op_cancel, op_shield, op_deadline,
    op_request, op_uncancel, op_interrupt, op_end,    op_spawn,  op_yield,
};

/* What the step brings: a wake-up, or a cancellation, taken or swallowed. */
static void arrive(actor *a) {
  bool first = a->task.state == AR_TASK_NEW;
  ar_cause cause = ar_task_begin(&a->task);
  bool hit = cause != AR_CAUSE_NONE || (!first && a->task.woken != 0);
  w.steps++;
  if (a->in_lot && a->task.woken == 0)
    w.n_arrived++;
  a->in_lot = false;
  REQUIRE(a->place.lot == NULL);
  if (!hit)
    return;
  if (a->joining)
    a->broken = true;
  if (a->joining || (next_byte() & 1) == 0)
    a->unwinding = true;
}

/* One thing after the other; true when the step is over. */
static bool go_on(actor *a) {
  if (is_exhausted())
    a->unwinding = true;
  if (a->unwinding && !unwind(a))
    return true;
  if (a->unwinding) {
    end_actor(a);
    return true;
  }
  if (a->joining) {
    if (!join(a))
      return true;
    (void)pop_frame(a);
  }
  return !is_exhausted() && operations[next_byte() % ar_countof(operations)](a);
}

static void actor_step(ar_job *job) {
  actor *a = actor_of(ar_container_of(job, ar_task, job));
  arrive(a);
  while (!go_on(a))
    ;
}

/* ---- the run ---- */

/* Whoever waits in a lot when nothing goes on any more is let go. */
static void drive(void) {
  size_t bound = 1000 + 64 * (size_t)(w.end - w.at) + 1000 * MAX_ACTORS;
  while (ar_run_drive(&w.run) != AR_RUN_DONE) {
    size_t woken = 0;
    for (int i = 0; i < N_LOTS; i++)
      woken += ar_lot_unpark(&w.lots[i], MAX_ACTORS, 0);
    w.n_unparked += woken;
    REQUIRE(woken > 0);
    REQUIRE(w.steps < bound);
  }
  REQUIRE(w.steps < bound);
}

static void check_end(const char *backend) {
  for (size_t i = 0; i < w.n_actors; i++)
    REQUIRE(w.actors[i]->task.state == AR_TASK_DONE);
  for (int i = 0; i < N_LOTS; i++)
    REQUIRE(w.lots[i].n_parked == 0);
  if (strcmp(backend, "trio") == 0)
    REQUIRE(w.n_unparked == w.n_arrived);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *name;
  actor *first;
  if (size < 3)
    return 0;
  memset(&w, 0, sizeof w);
  w.at = data + 2;
  w.end = data + size;
  w.clock.now = clock_now;
  w.clock.to_sleep = clock_to_sleep;
  w.clock.threshold = clock_threshold;
  w.clock.jump = clock_jump;
  name = ar_backend_name(data[0] & 1);
  REQUIRE(ar_run_open(&w.run, ar_backend_find(name), false, &w.clock) == 0);
  ar_rand_seed(&w.run.sched.rand, data[1]);
  for (int i = 0; i < N_LOTS; i++)
    ar_lot_init(&w.lots[i], "lot");
  first = new_actor();
  ar_task_spawn(&first->task, &w.run.sched.root);
  ar_run_main(&w.run, &first->task);
  drive();
  ar_run_wind_down(&w.run);
  drive();
  check_end(name);
  REQUIRE(ar_run_close(&w.run) == 0);
  for (size_t i = 0; i < w.n_actors; i++)
    free(w.actors[i]);
  REQUIRE(ar_mem_stats().live_blocks == 0);
  return 0;
}
