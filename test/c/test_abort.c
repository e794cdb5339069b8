/* What a wait answers when a cancellation wants in, and what it does then. */

#include "world.h"

/* Three waits, then the end, whatever they are woken with. */
static void play_waits(actor *a) {
  if (a->step <= 3)
    actor_park(a);
  else
    actor_finish(a);
}

static ar_cause heard[16];
static size_t n_heard;
static ar_cause gives_way_to; /* the one cause choosy_abort undoes for */

static ar_abort choosy_abort(ar_task *t, ar_cause cause) {
  (void)t;
  CHECK(n_heard < ar_countof(heard));
  heard[n_heard++] = cause;
  return cause == gives_way_to ? AR_ABORTED : AR_ABORT_LATER;
}

static void play_choosy(actor *a) {
  if (a->step == 1)
    ar_task_park(&a->task, "test", NULL, choosy_abort);
  else
    actor_finish(a);
}

static void choosy(world *w, actor *a, const char *backend, ar_cause to) {
  world_open(w, backend);
  n_heard = 0;
  gives_way_to = to;
  actor_start(w, a, play_choosy);
}

TEST("asyncio: a request made of a task that runs hits its next wait") {
  world w;
  actor a;
  choosy(&w, &a, "asyncio", AR_CAUSE_NATIVE);
  ar_list_remove(&a.task.job.ready);
  (void)ar_task_begin(&a.task);
  w.run.sched.current = NULL;
  CHECK(ar_task_request_cancel(&a.task));
  CHECK_EQ(n_heard, 0);
  CHECK_EQ(ar_task_pending(&a.task), AR_CAUSE_NATIVE);
  ar_task_park(&a.task, "test", NULL, choosy_abort);
  a.step = 1;
  CHECK_EQ(n_heard, 1);
  CHECK_EQ(a.task.state, AR_TASK_READY);
  CHECK_EQ(ar_task_pending(&a.task), AR_CAUSE_NONE);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_NATIVE);
  world_close(&w);
}

TEST("a refusal of one cause leaves the next to be asked, in the same breath") {
  world w;
  actor a;
  choosy(&w, &a, "asyncio", AR_CAUSE_SCOPE);
  ar_list_remove(&a.task.job.ready);
  (void)ar_task_begin(&a.task);
  w.run.sched.current = NULL;
  CHECK(ar_task_request_cancel(&a.task));
  ar_scope_cancel(&a.kit.own, AR_SOURCE_EXPLICIT);
  ar_task_park(&a.task, "test", NULL, choosy_abort);
  a.step = 1;
  CHECK_EQ(n_heard, 2);
  CHECK_EQ(heard[0], AR_CAUSE_NATIVE);
  CHECK_EQ(heard[1], AR_CAUSE_SCOPE);
  CHECK_EQ(a.task.state, AR_TASK_READY);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_SCOPE);
  CHECK_EQ(a.task.cancelling, 2);
  CHECK_EQ(a.kit.own.debt, 1);
  world_close(&w);
}

TEST("asyncio: a request that was handed on is handed on again when repeated") {
  world w;
  actor a;
  choosy(&w, &a, "asyncio", AR_CAUSE_NONE);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK(ar_task_request_cancel(&a.task));
  CHECK(ar_task_request_cancel(&a.task));
  CHECK_EQ(n_heard, 2);
  CHECK_EQ(a.task.cancelling, 2);
  ar_scope_cancel(&a.kit.own, AR_SOURCE_EXPLICIT);
  ar_task_deliver(&a.task);
  CHECK_EQ(n_heard, 3); /* a scope's is asked once in a wait */
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.woken, 0);
  world_close(&w);
}

TEST("control-C that is refused stays pending, for the next wait") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_waits);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  a.answer = AR_ABORT_LATER;
  ar_task_interrupt(&a.task);
  ar_task_interrupt(&a.task);
  CHECK_EQ(a.aborts, 1);
  CHECK_EQ(a.task.state, AR_TASK_PARKED);
  CHECK_EQ(ar_task_pending(&a.task), AR_CAUSE_INTERRUPT);
  ar_task_wake(&a.task, 0);
  a.answer = AR_ABORTED;
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(a.woken, 0);
  CHECK_EQ(a.task.state, AR_TASK_READY);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_INTERRUPT);
  CHECK_EQ(ar_task_pending(&a.task), AR_CAUSE_NONE);
  CHECK_EQ(a.task.state, AR_TASK_PARKED);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  ar_task_interrupt(&a.task); /* too late: nothing */
  CHECK(!a.task.interrupted);
  world_close(&w);
}

TEST("a wait does not hear what it is deaf to; the next one does") {
  world w;
  actor a;
  const char *names[] = {"asyncio", "trio"};
  for (size_t i = 0; i < ar_countof(names); i++) {
    world_open(&w, names[i]);
    actor_start(&w, &a, play_waits);
    a.task.deaf = AR_CAUSE_SCOPE;
    CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
    ar_scope_cancel(&a.kit.own, AR_SOURCE_EXPLICIT);
    CHECK_EQ(a.aborts, 0);
    CHECK_EQ(a.task.state, AR_TASK_PARKED);
    ar_task_wake(&a.task, 0);
    CHECK_EQ(world_finish(&w), AR_RUN_DONE);
    CHECK_EQ(a.aborts, 2);
    world_close(&w);
  }
}

TEST("a wait that cannot be undone goes on, cancelled before it or while") {
  world w;
  actor a;
  const char *names[] = {"asyncio", "trio"};
  for (size_t i = 0; i < ar_countof(names); i++) {
    world_open(&w, names[i]);
    actor_start(&w, &a, play_waits);
    if (i == 0)
      ar_scope_cancel(&a.kit.own, AR_SOURCE_EXPLICIT);
    ar_list_remove(&a.task.job.ready);
    (void)ar_task_begin(&a.task);
    w.run.sched.current = NULL;
    ar_task_park(&a.task, "test", NULL, NULL);
    a.step = 3;
    if (i == 1)
      ar_scope_cancel(&a.kit.own, AR_SOURCE_EXPLICIT);
    (void)ar_task_request_cancel(&a.task);
    CHECK_EQ(a.task.state, AR_TASK_PARKED);
    ar_task_wake(&a.task, 0);
    CHECK_EQ(world_finish(&w), AR_RUN_DONE);
    CHECK_EQ(a.cause, i == 0 ? AR_CAUSE_NATIVE : AR_CAUSE_NONE);
    world_close(&w);
  }
}

/* Abort functions of scripts may do more than they should. */

static ar_abort self_cancelling_abort(ar_task *t, ar_cause cause) {
  n_heard++;
  if (cause == AR_CAUSE_NATIVE)
    ar_scope_cancel(&t->kit->own, AR_SOURCE_EXPLICIT);
  (void)ar_task_request_cancel(t);
  ar_task_deliver(t);
  return gives_way_to == cause ? AR_ABORTED : AR_ABORT_LATER;
}

static void play_self_cancelling(actor *a) {
  if (a->step == 1)
    ar_task_park(&a->task, "test", NULL, self_cancelling_abort);
  else
    actor_finish(a);
}

TEST("an abort that cancels its own task does not come back into itself") {
  world w;
  actor a;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_self_cancelling);
  n_heard = 0;
  gives_way_to = AR_CAUSE_NATIVE;
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK(ar_task_request_cancel(&a.task));
  CHECK_EQ(n_heard, 1);
  CHECK_EQ(a.task.state, AR_TASK_READY);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_NATIVE);
  world_close(&w);
}

TEST("nor does it so when it refuses: what came meanwhile is asked after it") {
  world w;
  actor a;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_self_cancelling);
  n_heard = 0;
  gives_way_to = AR_CAUSE_NONE;
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK(ar_task_request_cancel(&a.task));
  CHECK_EQ(n_heard, 1); /* the request it made itself waits for the next wait */
  CHECK_EQ(a.task.state, AR_TASK_PARKED);
  CHECK(a.task.must_cancel);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_NATIVE);
  world_close(&w);
}

static ar_abort waking_abort(ar_task *t, ar_cause cause) {
  (void)cause;
  n_heard++;
  ar_task_wake(t, AR_EPIPE);
  return gives_way_to == AR_CAUSE_NONE ? AR_ABORT_LATER : AR_ABORTED;
}

static void play_waking(actor *a) {
  if (a->step == 1)
    ar_task_park(&a->task, "test", NULL, waking_abort);
  else
    actor_finish(a);
}

TEST("an abort that wakes the task has woken it, whatever it answers") {
  world w;
  actor a;
  for (int i = 0; i < 2; i++) {
    world_open(&w, "trio");
    actor_start(&w, &a, play_waking);
    n_heard = 0;
    gives_way_to = i == 0 ? AR_CAUSE_NONE : AR_CAUSE_SCOPE;
    CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
    ar_scope_cancel(&a.kit.own, AR_SOURCE_EXPLICIT);
    CHECK_EQ(n_heard, 1);
    CHECK_EQ(a.task.state, AR_TASK_READY);
    CHECK(a.task.abort == NULL);
    CHECK_EQ(world_finish(&w), AR_RUN_DONE);
    CHECK_EQ(a.woken, AR_EPIPE);
    CHECK_EQ(a.step, 2);
    world_close(&w);
  }
}

static ar_scope *to_shield;

static ar_abort shielding_abort(ar_task *t, ar_cause cause) {
  (void)t, (void)cause;
  n_heard++;
  ar_scope_set_shield(to_shield, true);
  return AR_ABORTED;
}

static void play_shielding(actor *a) {
  if (a->step == 1)
    ar_task_park(&a->task, "test", NULL, shielding_abort);
  else
    actor_finish(a);
}

TEST("an abort may raise a shield before others: these are not hit any more") {
  world w;
  actor a, b;
  world_open(&w, "trio");
  actor_start(&w, &a, play_shielding);
  actor_start(&w, &b, play_waits);
  n_heard = 0;
  to_shield = &b.kit.own;
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_scope_cancel(&w.run.sched.root, AR_SOURCE_EXPLICIT);
  CHECK_EQ(n_heard, 1);
  CHECK_EQ(b.aborts, 0);
  CHECK(!b.kit.own.effective);
  for (int i = 0; i < 3; i++) {
    ar_task_wake(&b.task, 0);
    CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  }
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("asyncio: only the scope's host owes for a delivery to others") {
  world w;
  actor a, b;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_waits);
  actor_init(&w, &b, play_waits);
  ar_task_spawn(&b.task, &a.kit.own);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_scope_cancel(&a.kit.own, AR_SOURCE_EXPLICIT);
  CHECK_EQ(a.task.cancelling, 1);
  CHECK_EQ(b.task.cancelling, 1);
  CHECK_EQ(a.kit.own.debt, 1);
  CHECK_EQ(b.kit.own.debt, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("trio: a native request means nothing, and does no harm") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_waits);
  CHECK(ar_task_request_cancel(&a.task));
  CHECK_EQ(ar_task_pending(&a.task), AR_CAUSE_NONE);
  for (int i = 0; i < 3; i++) {
    CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
    CHECK_EQ(a.cause, AR_CAUSE_NONE);
    ar_task_wake(&a.task, 0);
  }
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.aborts, 0);
  world_close(&w);
}

TEST("asyncio: taking one of two requests back leaves the other pending") {
  world w;
  actor a;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_waits);
  CHECK(ar_task_request_cancel(&a.task));
  CHECK(ar_task_request_cancel(&a.task));
  CHECK_EQ(ar_task_uncancel(&a.task), 1);
  CHECK(a.task.must_cancel);
  CHECK_EQ(ar_task_uncancel(&a.task), 0);
  CHECK(!a.task.must_cancel);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_NONE);
  a.step = 3;
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}
