/* The scheduler's loop: batches, time, idlers, being stuck. */

#include "world.h"

typedef struct alarm_clock {
  ar_deadline due;
  world *w;
  char name;
} alarm_clock;

static void ring(ar_deadline *due) {
  alarm_clock *a = ar_container_of(due, alarm_clock, due);
  a->w->log[a->w->said++] = a->name;
}

static void set(world *w, alarm_clock *a, char name, ar_time when) {
  ar_deadline_init(&a->due, ring);
  a->w = w;
  a->name = name;
  CHECK_EQ(ar_deadline_set(&w->run.sched, &a->due, when), 0);
}

static void play_say(actor *a) {
  say(a, a->name);
  actor_finish(a);
}

/* Goes on for nine steps, saying its name. */
static void play_nine(actor *a) {
  say(a, a->name);
  if (a->step < 9)
    ar_task_yield(&a->task);
  else
    actor_finish(a);
}

TEST("what becomes ready in a batch waits for the next batch") {
  world w;
  actor a, b, c;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_nine);
  actor_start(&w, &b, play_say);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  actor_start(&w, &c, play_say);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_STR(w.log, "abac");
  CHECK_EQ(ar_sched_runnable(&w.run.sched), 1);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("deadlines fire soonest first, in order of setting where they are equal") {
  world w;
  alarm_clock a[4];
  actor t;
  world_open(&w, "trio");
  actor_start(&w, &t, play_wait);
  set(&w, &a[0], '0', 3000);
  set(&w, &a[1], '1', 2000);
  set(&w, &a[2], '2', 3000);
  set(&w, &a[3], '3', 4000);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_deadline_unset(&w.run.sched, &a[3].due);
  ar_deadline_unset(&w.run.sched, &a[3].due);
  CHECK(!ar_deadline_is_set(&a[3].due));
  CHECK_EQ(ar_deadline_set(&w.run.sched, &t.kit.due, 9000), 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_STR(w.log, "102");
  CHECK_EQ(w.time, 9000);
  CHECK_EQ(w.jumps, 3);
  world_close(&w);
}

TEST("a deadline may be set again while it is set, and in its own function") {
  world w;
  alarm_clock a;
  actor t;
  world_open(&w, "trio");
  actor_start(&w, &t, play_wait);
  set(&w, &a, 'a', 3000);
  CHECK_EQ(ar_deadline_set(&w.run.sched, &a.due, 5000), 0);
  CHECK_EQ(ar_heap_size(&w.run.sched.deadlines), 1);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(ar_deadline_set(&w.run.sched, &t.kit.due, 5000), 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(w.time, 5000);
  CHECK_STR(w.log, "a");
  CHECK_EQ(ar_deadline_set(&w.run.sched, &a.due, 1), 0);
  CHECK_EQ(ar_deadline_set(&w.run.sched, &a.due, AR_TIME_MAX), 0);
  CHECK(!ar_deadline_is_set(&a.due));
  world_close(&w);
}

TEST("time that is past fires before the batch, busy tasks or not") {
  world w;
  alarm_clock a;
  actor t;
  world_open(&w, "asyncio");
  actor_start(&w, &t, play_nine);
  set(&w, &a, '!', 3000);
  CHECK_EQ(world_turn(&w, 2), AR_RUN_DONE);
  w.time = 3000;
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_STR(w.log, "aa!a");
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("no memory for a deadline: nothing is changed") {
#ifdef AR_DEBUG
  world w;
  alarm_clock a;
  world_open(&w, "trio");
  ar_deadline_init(&a.due, ring);
  ar_mem_fail_at(1);
  CHECK_EQ(ar_deadline_set(&w.run.sched, &a.due, 5000), AR_ENOMEM);
  ar_mem_fail_at(0);
  CHECK(!ar_deadline_is_set(&a.due));
  world_close(&w);
#endif
}

typedef struct sleeper {
  ar_idler idler;
  world *w;
  char name;
} sleeper;

static void on_idle(ar_idler *idler) {
  sleeper *s = ar_container_of(idler, sleeper, idler);
  s->w->log[s->w->said++] = s->name;
}

static void wait_idle(world *w, sleeper *s, char name, ar_time cushion) {
  ar_link_init(&s->idler.link);
  s->idler.cushion = cushion;
  s->idler.idle = on_idle;
  s->w = w;
  s->name = name;
  ar_sched_add_idler(&w->run.sched, &s->idler);
}

TEST("an idler hears when everybody is blocked, before the clock jumps") {
  world w;
  actor t, u;
  sleeper s;
  world_open(&w, "trio");
  actor_start(&w, &t, play_nine);
  actor_start(&w, &u, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(ar_deadline_set(&w.run.sched, &u.kit.due, 9000), 0);
  wait_idle(&w, &s, 'i', 0);
  CHECK_EQ(world_turn(&w, 9), AR_RUN_DONE);
  CHECK_STR(w.log, "aaaaaaaaai");
  CHECK_EQ(w.jumps, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(w.jumps, 1);
  world_close(&w);
}

TEST("idlers of the shortest cushion hear first, all of one cushion at once") {
  world w;
  actor t;
  sleeper s[4];
  world_open(&w, "trio");
  actor_start(&w, &t, play_wait);
  wait_idle(&w, &s[0], '0', 2000);
  wait_idle(&w, &s[1], '1', 0);
  wait_idle(&w, &s[2], '2', 1000);
  wait_idle(&w, &s[3], '3', 0);
  CHECK_EQ(world_turn(&w, 2), AR_RUN_DONE);
  CHECK_STR(w.log, "13");
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_STR(w.log, "132");
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_STR(w.log, "1320");
  ar_task_wake(&t.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

static actor *to_wake;

static void on_idle_wake(ar_idler *idler) {
  (void)idler;
  ar_task_wake(&to_wake->task, 0);
}

TEST("what an idler wakes is activity: those after it wait anew") {
  world w;
  actor t;
  sleeper s, later;
  world_open(&w, "trio");
  actor_start(&w, &t, play_wait);
  wait_idle(&w, &s, 'x', 0);
  s.idler.idle = on_idle_wake;
  to_wake = &t;
  wait_idle(&w, &later, 'l', 1000);
  CHECK_EQ(world_turn(&w, 2), AR_RUN_DONE);
  CHECK_STR(w.log, "");
  CHECK_EQ(t.task.state, AR_TASK_DONE);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_STR(w.log, "l");
  world_close(&w);
}

TEST("a task that waits on purpose, or hope from outside, is no deadlock") {
  world w;
  actor t;
  world_open(&w, "trio");
  actor_start(&w, &t, play_wait);
  CHECK_EQ(world_turn(&w, 5), AR_RUN_STUCK);
  t.task.patient = true;
  w.run.sched.n_patient++;
  ar_loop_wake(w.run.loop); /* else it would wait for ever here */
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_task_wake(&t.task, 0);
  CHECK_EQ(w.run.sched.n_patient, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  actor_start(&w, &t, play_wait);
  CHECK_EQ(world_turn(&w, 5), AR_RUN_STUCK);
  w.run.sched.n_outside = 1;
  ar_loop_wake(w.run.loop);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  w.run.sched.n_outside = 0;
  ar_task_wake(&t.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

static volatile int attention;

static void play_attention(actor *a) {
  say(a, a->name);
  if (a->step == 2)
    attention = 1;
  if (a->step < 4)
    ar_task_yield(&a->task);
  else
    actor_finish(a);
}

TEST("a signal ends the loop after the step; the batch is finished later") {
  world w;
  actor a, b;
  world_open(&w, "asyncio");
  attention = 0;
  w.run.sched.attention = &attention;
  actor_start(&w, &a, play_attention);
  actor_start(&w, &b, play_nine);
  CHECK_EQ(world_finish(&w), AR_RUN_SIGNAL);
  CHECK_STR(w.log, "aba");
  attention = 0;
  CHECK_EQ(world_turn(&w, 0), AR_RUN_DONE);
  CHECK_STR(w.log, "abab");
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST(
    "a run that is driven ends with main, the others live on until wind-down") {
  world w;
  actor main_task, other;
  world_open(&w, "asyncio");
  actor_start(&w, &main_task, play_nine);
  actor_start(&w, &other, play_wait);
  ar_run_main(&w.run, &main_task.task);
  CHECK_EQ(ar_run_drive(&w.run), AR_RUN_DONE);
  CHECK_EQ(main_task.task.state, AR_TASK_DONE);
  CHECK_EQ(other.task.state, AR_TASK_PARKED);
  ar_run_wind_down(&w.run);
  CHECK_EQ(ar_run_drive(&w.run), AR_RUN_DONE);
  CHECK_EQ(other.cause, AR_CAUSE_NATIVE);
  world_close(&w);
  CHECK_EQ(ar_run_close(&w.run), 0);
}
