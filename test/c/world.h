/*
 * A run without Lua: actors are tasks whose steps are C functions, and time
 * is a number that jumps to the next deadline when everybody is blocked.
 *
 *   world w;
 *   world_open(&w, "trio");
 *   actor_start(&w, &a, play);    play(a) ends with yield, park or finish
 *   world_turn(&w, 1);            one batch
 *   world_close(&w);              every actor must have finished
 *
 * An actor's `step` counts its steps from 1, `cause` is the cancellation
 * with which the present step began, `woken` how its last wait ended.
 */

#ifndef world_h
#define world_h

#include "backend/run.h"
#include "base/err.h"
#include "ctest.h"
#include "sched/group.h"
#include "sched/lot.h"

typedef struct world world;
typedef struct actor actor;

struct world {
  ar_run run;
  ar_clock clock;
  ar_time time;
  unsigned jumps;
  char log[256]; /* what the actors said, one character each */
  size_t said;
};

struct actor {
  ar_task task;
  ar_kit kit;
  void (*play)(actor *a);
  world *w;
  char name;
  int step;
  ar_cause cause;
  ar_err woken;
  int aborts;      /* how often its wait was asked to end */
  ar_abort answer; /* what it answers then */
  ar_place place;  /* in a lot */
  ar_lot *lot;     /* which play() uses */
  ar_group *group; /* the same */
  ar_scope scope;  /* the same */
};

static inline ar_time world_now(ar_clock *clock) {
  return ar_container_of(clock, world, clock)->time;
}

static inline ar_time world_to_sleep(ar_clock *clock, ar_time deadline) {
  (void)clock;
  (void)deadline;
  return AR_TIME_MAX; /* it jumps, it never sleeps */
}

static inline ar_time world_threshold(ar_clock *clock) {
  (void)clock;
  return 0;
}

static inline void world_jump(ar_clock *clock, ar_time deadline) {
  world *w = ar_container_of(clock, world, clock);
  w->time = deadline;
  w->jumps++;
}

static inline void world_open(world *w, const char *backend) {
  w->clock.now = world_now;
  w->clock.to_sleep = world_to_sleep;
  w->clock.threshold = world_threshold;
  w->clock.jump = world_jump;
  w->clock.offset = 0;
  w->clock.is_far = NULL;
  w->time = 1000;
  w->jumps = 0;
  w->said = 0;
  memset(w->log, 0, sizeof(w->log));
  CHECK_EQ(ar_run_open(&w->run, ar_backend_find(backend), false, &w->clock), 0);
}

static inline void world_close(world *w) {
  CHECK_EQ(ar_run_close(&w->run), 0);
}

static inline bool world_is_over(void *arg) {
  unsigned *left = arg;
  if (*left == 0)
    return true;
  (*left)--;
  return false;
}

/* Step `batches` batches; fewer when nothing can happen any more. */
static inline ar_run_end world_turn(world *w, unsigned batches) {
  return ar_sched_run(&w->run.sched, world_is_over, &batches);
}

static inline bool world_is_empty(void *arg) {
  const world *w = arg;
  return ar_list_is_empty(&w->run.sched.living);
}

/* Until every actor has finished; AR_RUN_STUCK if they cannot. */
static inline ar_run_end world_finish(world *w) {
  return ar_sched_run(&w->run.sched, world_is_empty, w);
}

static inline void say(actor *a, char c) {
  CHECK(a->w->said < sizeof(a->w->log) - 1);
  a->w->log[a->w->said++] = c;
}

static inline void actor_step(ar_job *job) {
  actor *a = ar_container_of(job, actor, task.job);
  if (a->task.kit == NULL)
    ar_task_equip(&a->task, &a->kit);
  a->cause = ar_task_begin(&a->task);
  a->woken = a->task.woken;
  if (a->cause == AR_CAUSE_NONE && a->woken == AR_ECANCELED)
    a->cause = a->task.cause;
  a->step++;
  a->play(a);
  CHECK(a->task.state != AR_TASK_RUNNING);
}

static inline void actor_init(world *w, actor *a, void (*play)(actor *)) {
  memset(a, 0, sizeof(*a));
  ar_task_init(&a->task, &w->run.sched, actor_step);
  ar_place_init(&a->place, &a->task);
  ar_scope_init(&a->scope);
  a->w = w;
  a->play = play;
  a->answer = AR_ABORTED;
  a->name = (char)('a' + (int)((a->task.job.id - 1) % 26));
}

/* A task of its own, under the root. */
static inline void actor_start(world *w, actor *a, void (*play)(actor *)) {
  actor_init(w, a, play);
  ar_task_spawn(&a->task, &w->run.sched.root);
  ar_task_equip(&a->task, &a->kit);
}

/* A child of the group. */
static inline void actor_join(world *w, actor *a, void (*play)(actor *),
                              ar_group *group) {
  actor_init(w, a, play);
  ar_group_spawn(group, &a->task);
  ar_task_equip(&a->task, &a->kit);
}

static inline ar_abort actor_abort(ar_task *t, ar_cause cause) {
  actor *a = ar_container_of(t, actor, task);
  (void)cause;
  a->aborts++;
  if (a->answer == AR_ABORTED)
    ar_place_leave(&a->place);
  return a->answer;
}

/* Wait for something that only the test itself brings. */
static inline void actor_park(actor *a) {
  ar_task_park(&a->task, "test", NULL, actor_abort);
}

/* The end, the group told. */
static inline void actor_finish(actor *a) {
  ar_group *group = a->task.group;
  ar_task_finish(&a->task);
  if (group != NULL)
    ar_group_child_done(group, &a->task);
}

/* Parks once, then finishes. */
static inline void play_wait(actor *a) {
  if (a->step == 1)
    actor_park(a);
  else
    actor_finish(a);
}

#endif
