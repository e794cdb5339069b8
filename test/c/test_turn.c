/* A pass of the scheduler's loop: hooks, looks at events, waits, being
 * stopped. */

#include <pthread.h>
#include <time.h>
#include <uv.h>

#include "world.h"

enum {
  MS = 1000000
};

/* What hooks were called, a letter each; an upper-case one had a task. */
typedef struct {
  ar_instruments base;
  world *w;
  char calls[128];
  size_t n;
  ar_time waited;               /* the timeout of the last wait */
  void (*after_wait)(world *w); /* what happened meanwhile */
} recorder;

static void record(ar_instruments *self, ar_hook hook, ar_task *t,
                   ar_time timeout) {
  static const char letters[] = "[]sqbaxwv";
  recorder *r = ar_container_of(self, recorder, base);
  char c = letters[hook];
  if (hook == AR_HOOK_before_io_wait)
    r->waited = timeout;
  if (hook == AR_HOOK_after_io_wait && r->after_wait != NULL)
    r->after_wait(r->w);
  CHECK(r->n < sizeof(r->calls) - 1);
  r->calls[r->n++] = t != NULL ? (char)(c - 'a' + 'A') : c;
}

static void attach(world *w, recorder *r, unsigned wanted) {
  memset(r, 0, sizeof(*r));
  r->base.wanted = wanted;
  r->base.call = record;
  r->w = w;
  w->run.sched.instruments = &r->base;
}

static void play_twice(actor *a) {
  say(a, a->name);
  if (a->step == 1)
    ar_task_yield(&a->task);
  else
    actor_finish(a);
}

/* Yields until it is told to end. */
static bool busy;

static void play_busy(actor *a) {
  if (busy)
    ar_task_yield(&a->task);
  else
    actor_finish(a);
}

TEST("hooks hear of tasks and of each look at events, in order") {
  world w;
  actor a;
  recorder r;
  world_open(&w, "asyncio");
  attach(&w, &r, ~0U);
  actor_start(&w, &a, play_twice);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_STR(r.calls, "SQwvQwvX");
  CHECK_EQ(r.waited, 0);
  world_close(&w);
}

TEST("a hook nobody asked for is not called") {
  world w;
  actor a;
  recorder r;
  const char *calls[] = {"", "S", "QQ", "X", "ww", "vv"};
  const ar_hook hooks[] = {AR_HOOK_before_run,     AR_HOOK_task_spawned,
                           AR_HOOK_task_scheduled, AR_HOOK_task_exited,
                           AR_HOOK_before_io_wait, AR_HOOK_after_io_wait};
  for (size_t i = 0; i < ar_countof(hooks); i++) {
    world_open(&w, "trio");
    attach(&w, &r, 1U << hooks[i]);
    actor_start(&w, &a, play_twice);
    CHECK_EQ(world_finish(&w), AR_RUN_DONE);
    CHECK_STR(r.calls, calls[i]);
    world_close(&w);
  }
}

TEST("hooks hear how long the scheduler means to wait") {
  world w;
  actor a;
  recorder r;
  world_open(&w, "trio");
  actor_start(&w, &a, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(ar_deadline_set(&w.run.sched, &a.kit.due, 9000), 0);
  attach(&w, &r, ~0U);
  r.waited = -1;
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_STR(r.calls, "wvQX"); /* a look, and the clock jumps */
  CHECK_EQ(r.waited, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

/* ---- looks at events ----------------------------------------------------- */

static int looks;

static void on_idle(uv_idle_t *idle) {
  (void)idle;
  looks++;
}

TEST("with tasks ready, events are looked for once in poll_every passes") {
  for (unsigned every = 1; every <= 5; every += 2) {
    world w;
    actor a;
    uv_idle_t idle;
    world_open(&w, "asyncio");
    w.run.sched.poll_every = every;
    w.run.sched.until_poll = every;
    actor_start(&w, &a, play_busy);
    busy = true;
    looks = 0;
    CHECK_EQ(world_turn(&w, 4), AR_RUN_DONE);
    CHECK_EQ(looks, 0); /* no events can be: no look */
    w.run.sched.until_poll = every;
    CHECK_EQ(uv_idle_init(ar_loop_uv(w.run.loop), &idle), 0);
    CHECK_EQ(uv_idle_start(&idle, on_idle), 0);
    CHECK_EQ(world_turn(&w, 15), AR_RUN_DONE);
    CHECK_EQ(looks, 15 / (int)every);
    busy = false;
    CHECK_EQ(world_finish(&w), AR_RUN_DONE);
    CHECK_EQ(ar_run_close(&w.run), 1);
  }
}

static void play_courteous(actor *a) {
  ar_task_yield(&a->task);
  ar_sched_be_courteous(a->task.sched);
}

TEST("after courtesy a pass may do without its look, every second one") {
  world w;
  actor a;
  uv_idle_t idle;
  recorder r;
  world_open(&w, "trio");
  actor_start(&w, &a, play_courteous);
  CHECK_EQ(uv_idle_init(ar_loop_uv(w.run.loop), &idle), 0);
  CHECK_EQ(uv_idle_start(&idle, on_idle), 0);
  looks = 0;
  CHECK_EQ(world_turn(&w, 10), AR_RUN_DONE);
  CHECK_EQ(looks, 5);
  attach(&w, &r, 0); /* a hook may want to hear of each */
  CHECK_EQ(world_turn(&w, 10), AR_RUN_DONE);
  CHECK_EQ(looks, 15);
  w.run.sched.instruments = NULL;
  a.play = play_busy;
  busy = true;
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE); /* it gave way before this one */
  looks = 0;
  CHECK_EQ(world_turn(&w, 10), AR_RUN_DONE);
  CHECK_EQ(looks, 10);
  busy = false;
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(ar_run_close(&w.run), 1);
}

TEST("after a wait the next look is as far away as after a look") {
  world w;
  actor a;
  world_open(&w, "asyncio");
  w.run.sched.poll_every = 4;
  w.run.sched.until_poll = 2;
  actor_start(&w, &a, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(w.run.sched.until_poll, 1);
  CHECK_EQ(ar_deadline_set(&w.run.sched, &a.kit.due, 9000), 0);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(w.run.sched.until_poll, 4);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

static actor *to_wake;

static void on_idle_wake(uv_idle_t *idle) {
  ar_task_wake(&to_wake->task, 0);
  (void)uv_idle_stop(idle);
}

TEST("a handle in the loop is hope; its event wakes the task") {
  world w;
  actor a;
  uv_idle_t idle;
  world_open(&w, "trio");
  actor_start(&w, &a, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  to_wake = &a;
  CHECK_EQ(uv_idle_init(ar_loop_uv(w.run.loop), &idle), 0);
  CHECK_EQ(uv_idle_start(&idle, on_idle_wake), 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(ar_run_close(&w.run), 1);
}

/* ---- waits --------------------------------------------------------------- */

TEST("on the system's clock a sleep takes as long as it should") {
  world w;
  actor a;
  ar_time start;
  world_open(&w, "asyncio");
  w.run.sched.clock = &w.run.clock;
  actor_start(&w, &a, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  start = ar_clock_monotonic();
  CHECK_EQ(ar_deadline_set(&w.run.sched, &a.kit.due, start + 10 * MS), 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK(ar_clock_monotonic() - start >= 10 * MS);
  world_close(&w);
}

TEST("a clock that cannot say how long keeps hope, and is asked again") {
  world w;
  actor a;
  world_open(&w, "trio");
  w.clock.threshold = NULL;
  actor_start(&w, &a, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(ar_deadline_set(&w.run.sched, &a.kit.due, 9000), 0);
  ar_loop_wake(w.run.loop);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(a.task.state, AR_TASK_PARKED);
  w.time = 9000;
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(a.task.state, AR_TASK_DONE);
  world_close(&w);
}

typedef struct {
  ar_idler idler;
  int told;
} waiter;

static void tell(ar_idler *idler) {
  ar_container_of(idler, waiter, idler)->told++;
}

static void wait_idle(world *w, waiter *s, ar_time cushion) {
  ar_link_init(&s->idler.link);
  s->idler.cushion = cushion;
  s->idler.idle = tell;
  s->told = 0;
  ar_sched_add_idler(&w->run.sched, &s->idler);
}

static ar_time ten_ms(ar_clock *clock, ar_time deadline) {
  (void)clock;
  (void)deadline;
  return 10 * MS;
}

static void pass_deadline(world *w) {
  w->time = 9000;
}

TEST("a deadline that passed during the silence comes before idlers") {
  world w;
  actor a;
  waiter s;
  recorder r;
  world_open(&w, "trio");
  w.clock.threshold = NULL;
  w.clock.to_sleep = ten_ms;
  actor_start(&w, &a, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(ar_deadline_set(&w.run.sched, &a.kit.due, 9000), 0);
  wait_idle(&w, &s, 0);
  attach(&w, &r, ~0U);
  r.after_wait = pass_deadline;
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(s.told, 0);
  CHECK_EQ(a.task.state, AR_TASK_DONE);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(s.told, 1);
  world_close(&w);
}

static void *knock_later(void *loop) {
  const struct timespec twenty_ms = {0, 20 * MS};
  (void)nanosleep(&twenty_ms, NULL);
  ar_loop_wake(loop);
  return NULL;
}

TEST("an event that wakes nobody breaks the silence: its time starts anew") {
  world w;
  actor a;
  waiter s;
  pthread_t thread;
  ar_time start;
  world_open(&w, "trio");
  actor_start(&w, &a, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  wait_idle(&w, &s, 200 * MS);
  start = ar_clock_monotonic();
  CHECK_EQ(pthread_create(&thread, NULL, knock_later, w.run.loop), 0);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(s.told, 0);
  CHECK_EQ(pthread_join(thread, NULL), 0);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(s.told, 1);
  CHECK(ar_clock_monotonic() - start >= 215 * MS);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

static volatile int attention;

static void signal_comes(world *w) {
  (void)w;
  attention = 1;
}

TEST("a signal during a wait is seen to before anything else") {
  for (int i = 0; i < 2; i++) { /* a wait for ever; a wait for silence */
    world w;
    actor a;
    waiter s;
    recorder r;
    world_open(&w, "trio");
    w.run.sched.attention = &attention;
    attention = 0;
    actor_start(&w, &a, play_wait);
    CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
    w.run.sched.n_outside = 1;
    if (i == 0)
      ar_loop_wake(w.run.loop);
    else
      wait_idle(&w, &s, 0);
    attach(&w, &r, ~0U);
    r.after_wait = signal_comes;
    CHECK_EQ(world_turn(&w, 1), AR_RUN_SIGNAL);
    CHECK(i == 0 || s.told == 0);
    attention = 0;
    if (i == 1)
      ar_list_remove(&s.idler.link);
    w.run.sched.instruments = NULL;
    w.run.sched.n_outside = 0;
    ar_task_wake(&a.task, 0);
    CHECK_EQ(world_finish(&w), AR_RUN_DONE);
    world_close(&w);
  }
}

/* ---- being stopped ------------------------------------------------------- */

static void play_stop(actor *a) {
  say(a, a->name);
  ar_run_stop(&a->w->run);
  actor_finish(a);
}

static void play_say(actor *a) {
  say(a, a->cause == AR_CAUSE_NATIVE ? '!' : a->name);
  actor_finish(a);
}

/* The story: an exit in one task; the next one in the batch was stepped as if
 * nothing had happened, though the run was over. */
TEST("a run that is stopped ends after the step; the rest is told first") {
  world w;
  actor a, b, c;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_wait);
  actor_start(&w, &b, play_stop);
  actor_start(&w, &c, play_say);
  ar_run_main(&w.run, &a.task);
  CHECK_EQ(ar_run_drive(&w.run), AR_RUN_DONE);
  CHECK_STR(w.log, "b");
  CHECK(w.run.sched.main == &a.task); /* it is not done */
  ar_run_wind_down(&w.run);
  CHECK_EQ(ar_run_drive(&w.run), AR_RUN_DONE);
  CHECK_STR(w.log, "b!");
  CHECK_EQ(a.cause, AR_CAUSE_NATIVE);
  world_close(&w);
}

static void stop_run(ar_deadline *due) {
  (void)due;
  ar_run_stop(&to_wake->w->run);
}

TEST("a run that is stopped by a timer does not wait any more") {
  world w;
  actor a;
  ar_deadline due;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_wait);
  ar_run_main(&w.run, &a.task);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  to_wake = &a;
  w.run.sched.n_outside = 1; /* else it could not wait for ever */
  ar_deadline_init(&due, stop_run);
  CHECK_EQ(ar_deadline_set(&w.run.sched, &due, w.time), 0);
  CHECK_EQ(ar_run_drive(&w.run), AR_RUN_DONE);
  CHECK_EQ(a.task.state, AR_TASK_PARKED);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("hurry for nothing is forgotten") {
  world w;
  actor a, b;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_twice);
  actor_start(&w, &b, play_twice);
  w.run.sched.hurry = true;
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK(!w.run.sched.hurry);
  CHECK_STR(w.log, "abab");
  world_close(&w);
}

TEST("a main task that is done is not looked at any more") {
  world w;
  actor a;
  actor *first = ar_mem_alloc(sizeof(*first));
  CHECK(first != NULL);
  world_open(&w, "asyncio");
  actor_start(&w, first, play_twice);
  ar_run_main(&w.run, &first->task);
  CHECK_EQ(ar_run_drive(&w.run), AR_RUN_DONE);
  ar_mem_free(first, sizeof(*first)); /* as a collector would */
  w.run.sched.policy->interrupt(&w.run.sched);
  actor_start(&w, &a, play_twice);
  ar_run_main(&w.run, &a.task);
  CHECK_EQ(ar_run_drive(&w.run), AR_RUN_DONE);
  ar_run_wind_down(&w.run);
  w.run.sched.policy->interrupt(&w.run.sched);
  CHECK_EQ(ar_run_drive(&w.run), AR_RUN_DONE);
  world_close(&w);
}

static int calls;

static void count_call(ar_job *job) {
  (void)job;
  calls++;
}

TEST("at the end what was queued is called all the same") {
  const char *names[] = {"asyncio", "trio"};
  for (int i = 0; i < 2; i++) {
    world w;
    actor a;
    ar_job job;
    world_open(&w, names[i]);
    actor_start(&w, &a, play_twice);
    ar_run_main(&w.run, &a.task);
    CHECK_EQ(ar_run_drive(&w.run), AR_RUN_DONE);
    calls = 0;
    ar_link_init(&job.ready);
    job.step = count_call;
    ar_sched_queue(&w.run.sched, &job);
    ar_run_wind_down(&w.run);
    CHECK_EQ(ar_run_drive(&w.run), AR_RUN_DONE);
    CHECK_EQ(calls, 1);
    ar_list_remove(&job.ready);
    world_close(&w);
  }
}
