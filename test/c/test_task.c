/* Tasks: states, waits and the three kinds of cancellation. */

#include "world.h"

static void play_yield(actor *a) {
  say(a, a->name);
  if (a->step < 3)
    ar_task_yield(&a->task);
  else
    actor_finish(a);
}

/* Waits again and again, whatever it is woken with. */
static void play_stubborn(actor *a) {
  if (a->step <= 3)
    actor_park(a);
  else
    actor_finish(a);
}

TEST("a task is new, then done, and in the list of the living between") {
  world w;
  actor a;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_yield);
  CHECK_EQ(a.task.state, AR_TASK_NEW);
  CHECK_EQ(w.run.sched.n_living, 1);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(a.task.state, AR_TASK_READY);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.task.state, AR_TASK_DONE);
  CHECK_EQ(a.step, 3);
  CHECK_EQ(w.run.sched.n_living, 0);
  CHECK(a.task.scope == NULL);
  world_close(&w);
}

TEST("a yield lets everybody else run once") {
  world w;
  actor a, b;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_yield);
  actor_start(&w, &b, play_yield);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_STR(w.log, "ababab");
  world_close(&w);
}

TEST("a parked task is stepped when it is woken, with what it was woken with") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(a.task.state, AR_TASK_PARKED);
  CHECK_STR(a.kit.wait.kind, "test");
  ar_task_wake(&a.task, AR_EOF);
  CHECK_EQ(a.task.state, AR_TASK_READY);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.woken, AR_EOF);
  CHECK_EQ(a.aborts, 0);
  world_close(&w);
}

TEST("nothing can wake anybody: the run is stuck") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_wait);
  CHECK_EQ(world_finish(&w), AR_RUN_STUCK);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("a scope's cancellation undoes the wait, and each wait after it") {
  world w;
  actor a;
  const char *names[] = {"asyncio", "trio"};
  for (size_t i = 0; i < ar_countof(names); i++) {
    world_open(&w, names[i]);
    actor_start(&w, &a, play_stubborn);
    CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
    ar_scope_cancel(&a.kit.own, AR_SOURCE_EXPLICIT);
    CHECK_EQ(a.task.state, AR_TASK_READY);
    CHECK_EQ(world_finish(&w), AR_RUN_DONE);
    CHECK_EQ(a.aborts, 3);
    CHECK_EQ(a.step, 4);
    CHECK_EQ(a.woken, AR_ECANCELED);
    CHECK_EQ(a.cause, AR_CAUSE_SCOPE);
    world_close(&w);
  }
}

TEST("a task that was woken is not hit by a scope before its next wait") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_stubborn);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_task_wake(&a.task, 0);
  ar_scope_cancel(&a.kit.own, AR_SOURCE_EXPLICIT);
  CHECK_EQ(a.aborts, 0);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_NONE);
  CHECK_EQ(a.aborts, 1);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_SCOPE);
  world_close(&w);
}

TEST("a wait that refuses goes on, and is asked only once") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  a.answer = AR_ABORT_LATER;
  ar_scope_cancel(&a.kit.own, AR_SOURCE_EXPLICIT);
  ar_task_deliver(&a.task);
  CHECK_EQ(a.aborts, 1);
  CHECK_EQ(a.task.state, AR_TASK_PARKED);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.woken, 0);
  world_close(&w);
}

TEST("asyncio: a native request is delivered once and stays counted") {
  world w;
  actor a;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_stubborn);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK(ar_task_request_cancel(&a.task));
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_NATIVE);
  CHECK_EQ(a.task.state, AR_TASK_PARKED);
  CHECK_EQ(ar_task_pending(&a.task), AR_CAUSE_NONE);
  CHECK_EQ(a.task.cancelling, 1);
  CHECK_EQ(ar_task_uncancel(&a.task), 0);
  CHECK_EQ(ar_task_uncancel(&a.task), 0);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK(!ar_task_request_cancel(&a.task));
  world_close(&w);
}

TEST(
    "asyncio: a native request takes the result away, uncancel gives it back") {
  world w;
  actor a;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_stubborn);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_task_wake(&a.task, 0);
  CHECK(ar_task_request_cancel(&a.task));
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_NATIVE);
  CHECK_EQ(ar_task_uncancel(&a.task), 0);
  ar_task_wake(&a.task, 0);
  CHECK(ar_task_request_cancel(&a.task));
  CHECK_EQ(ar_task_uncancel(&a.task), 0);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_NONE);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("asyncio: a request before the first step is delivered there") {
  world w;
  actor a;
  world_open(&w, "asyncio");
  actor_start(&w, &a, actor_finish);
  CHECK(ar_task_request_cancel(&a.task));
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_NATIVE);
  world_close(&w);
}

TEST("asyncio: a native request wins over a scope's cancellation") {
  world w;
  actor a;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_scope_cancel(&a.kit.own, AR_SOURCE_EXPLICIT);
  CHECK(ar_task_request_cancel(&a.task));
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_NATIVE);
  world_close(&w);
}

TEST(
    "a sleep ends at its time, and its deadline is gone when it is cancelled") {
  world w;
  actor a, b;
  world_open(&w, "trio");
  actor_start(&w, &a, play_wait);
  actor_start(&w, &b, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(ar_deadline_set(&w.run.sched, &a.kit.due, 5000), 0);
  CHECK_EQ(ar_deadline_set(&w.run.sched, &b.kit.due, 9000), 0);
  ar_scope_cancel(&b.kit.own, AR_SOURCE_EXPLICIT);
  CHECK_EQ(ar_heap_size(&w.run.sched.deadlines), 1);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(w.time, 5000);
  CHECK_EQ(a.woken, 0);
  CHECK_EQ(b.woken, AR_ECANCELED);
  world_close(&w);
}

TEST("control-C reaches a waiting task once, a running one at its next wait") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_stubborn);
  ar_task_interrupt(&a.task);
  CHECK_EQ(ar_task_pending(&a.task), AR_CAUSE_INTERRUPT);
  CHECK_EQ(world_turn(&w, 2), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_INTERRUPT);
  CHECK_EQ(a.task.state, AR_TASK_PARKED);
  CHECK_EQ(ar_task_pending(&a.task), AR_CAUSE_NONE);
  for (int i = 0; i < 2; i++) {
    ar_task_wake(&a.task, 0);
    CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  }
  CHECK_EQ(a.task.state, AR_TASK_DONE);
  world_close(&w);
}

static void play_open_scope(actor *a) {
  if (a->step == 1) {
    CHECK_EQ(ar_scope_enter(&a->scope, &a->task), 0);
    ar_task_yield(&a->task);
  } else {
    actor_finish(a);
  }
}

TEST("a task that ends with a scope open takes it along") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_open_scope);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK(!a.scope.entered);
  CHECK(ar_list_is_empty(&w.run.sched.root.children) ||
        ar_list_length(&w.run.sched.root.children) == 1);
  ar_scope_cancel(&a.scope, AR_SOURCE_EXPLICIT);
  world_close(&w);
}

TEST("every state has a name") {
  CHECK_STR(ar_task_state_name(AR_TASK_NEW), "new");
  CHECK_STR(ar_task_state_name(AR_TASK_READY), "ready");
  CHECK_STR(ar_task_state_name(AR_TASK_RUNNING), "running");
  CHECK_STR(ar_task_state_name(AR_TASK_PARKED), "parked");
  CHECK_STR(ar_task_state_name(AR_TASK_DONE), "done");
}

TEST("misuse of a task is caught in the debug build") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_wait);
  CHECK_ABORTS("AR_TASK_PARKED", ar_task_wake(&a.task, 0));
  CHECK_ABORTS("ar_link_is_linked", ar_task_spawn(&a.task, &w.run.sched.root));
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_ABORTS("AR_TASK_RUNNING", ar_task_finish(&a.task));
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

/* ---- before the first step ----------------------------------------------- */

static void play_check(actor *a) {
  if (a->step == 1)
    ar_task_yield(&a->task);
  else if (ar_task_pending(&a->task) != AR_CAUSE_NONE)
    say(a, 'x');
  if (a->step == 2)
    actor_finish(a);
}

TEST("a task without its kit stands in the scope it was spawned in") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_init(&w, &a, play_check);
  ar_task_spawn(&a.task, &w.run.sched.root);
  CHECK_EQ(a.task.kit, NULL);
  CHECK_EQ(a.task.scope, &w.run.sched.root);
  CHECK_EQ(ar_task_pending(&a.task), AR_CAUSE_NONE);
  ar_task_equip(&a.task, &a.kit);
  CHECK_EQ(a.task.scope, &a.kit.own);
  CHECK_EQ(a.kit.own.parent, &w.run.sched.root);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.task.kit, NULL);
  CHECK_EQ(a.kit.task, NULL);
  CHECK_STR(w.log, "");
  world_close(&w);
}

TEST("a task that is doomed before it has a scope finds it cancelled") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_init(&w, &a, play_check);
  ar_task_spawn(&a.task, &w.run.sched.root);
  CHECK(!ar_task_is_doomed(&a.task));
  ar_task_doom(&a.task, AR_SOURCE_EXPLICIT);
  CHECK(ar_task_is_doomed(&a.task));
  ar_task_equip(&a.task, &a.kit);
  CHECK(ar_task_is_doomed(&a.task));
  CHECK(a.kit.own.effective);
  CHECK(!w.run.sched.root.effective);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK(!ar_task_is_doomed(&a.task));
  CHECK_STR(w.log, "x");
  world_close(&w);
}

TEST("a task is doomed once it runs, too") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_task_doom(&a.task, AR_SOURCE_EXPLICIT);
  CHECK_EQ(a.kit.own.source, AR_SOURCE_EXPLICIT);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_SCOPE);
  world_close(&w);
}

TEST("a scope that is cancelled before a task in it begins is heard by it") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_init(&w, &a, play_check);
  ar_task_spawn(&a.task, &w.run.sched.system);
  ar_scope_cancel(&w.run.sched.system, AR_SOURCE_EXPLICIT);
  CHECK_EQ(ar_task_pending(&a.task), AR_CAUSE_SCOPE);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_STR(w.log, "x");
  world_close(&w);
}

/* Ends without having begun, as a task that is cancelled natively. */
static void step_over(ar_job *job) {
  actor *a = ar_container_of(job, actor, task.job);
  (void)ar_task_begin(&a->task);
  ar_task_finish(&a->task);
}

TEST("a task that never gets a kit can end") {
  world w;
  actor a;
  world_open(&w, "asyncio");
  actor_init(&w, &a, play_check);
  ar_task_spawn(&a.task, &w.run.sched.root);
  a.task.job.step = step_over;
  ar_task_doom(&a.task, AR_SOURCE_EXPLICIT);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.task.scope, NULL);
  CHECK(!ar_link_is_linked(&a.task.in_scope));
  world_close(&w);
}
