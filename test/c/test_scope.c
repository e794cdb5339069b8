/* The tree of cancel scopes. */

#include "base/rand.h"
#include "world.h"

enum {
  DEPTH = 5000
};

/* Enters its scope and waits in it; leaves it and finishes when woken. */
static void play_in_scope(actor *a) {
  switch (a->step) {
    case 1:
      CHECK_EQ(ar_scope_enter(&a->scope, &a->task), 0);
      actor_park(a);
      break;
    default: ar_scope_exit(&a->scope); actor_finish(a);
  }
}

/* The same; what the scope answers at its end is said: c catches, p passes. */
static void play_catches(actor *a) {
  if (a->step > 1)
    say(a, ar_scope_catches(&a->scope) ? 'c' : 'p');
  play_in_scope(a);
}

/* Yields in its scope, however often it is cancelled there; then leaves. */
static void play_stay(actor *a) {
  if (a->step == 1)
    CHECK_EQ(ar_scope_enter(&a->scope, &a->task), 0);
  if (a->step < 4) {
    ar_task_yield(&a->task);
  } else {
    ar_scope_exit(&a->scope);
    actor_finish(a);
  }
}

TEST("a scope that was never cancelled is not effective and catches nothing") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_catches);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK(a.scope.entered && !a.scope.effective);
  CHECK(a.task.scope == &a.scope);
  CHECK(ar_scope_cause(&a.scope) == NULL);
  CHECK_EQ(ar_scope_effective_deadline(&a.scope), AR_TIME_MAX);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK(!a.scope.entered && a.scope.host == NULL);
  CHECK_STR(w.log, "p");
  world_close(&w);
}

TEST("cancelling wakes the task inside; the second cancel changes nothing") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_catches);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_scope_cancel(&a.scope, AR_SOURCE_EXPLICIT);
  ar_scope_cancel(&a.scope, AR_SOURCE_DEADLINE);
  CHECK_EQ(a.scope.source, AR_SOURCE_EXPLICIT);
  CHECK_EQ(a.aborts, 1);
  CHECK_EQ(ar_scope_effective_deadline(&a.scope), -AR_TIME_MAX);
  CHECK(ar_scope_cause(&a.scope) == &a.scope);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.cause, AR_CAUSE_SCOPE);
  CHECK_STR(w.log, "c");
  world_close(&w);
}

TEST("a cancel before entering counts, one after leaving only sets the flag") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_catches);
  ar_scope_cancel(&a.scope, AR_SOURCE_EXPLICIT);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_STR(w.log, "c");
  actor_start(&w, &a, play_in_scope);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  ar_scope_cancel(&a.scope, AR_SOURCE_EXPLICIT);
  CHECK(a.scope.cancelled);
  world_close(&w);
}

/* Three scopes in one task: outer, middle, inner = a->scope. */
static ar_scope outer, middle;

static void play_three(actor *a) {
  if (a->step == 1) {
    CHECK_EQ(ar_scope_enter(&outer, &a->task), 0);
    CHECK_EQ(ar_scope_enter(&middle, &a->task), 0);
    CHECK_EQ(ar_scope_enter(&a->scope, &a->task), 0);
    actor_park(a);
    return;
  }
  say(a, ar_scope_catches(&a->scope) ? 'c' : 'p');
  ar_scope_exit(&a->scope);
  say(a, ar_scope_catches(&middle) ? 'c' : 'p');
  ar_scope_exit(&middle);
  say(a, ar_scope_catches(&outer) ? 'c' : 'p');
  ar_scope_exit(&outer);
  actor_finish(a);
}

static void three(world *w, actor *a) {
  world_open(w, "trio");
  ar_scope_init(&outer);
  ar_scope_init(&middle);
  actor_start(w, a, play_three);
}

TEST("of several cancelled scopes the outermost visible one catches") {
  world w;
  actor a;
  three(&w, &a);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_scope_cancel(&a.scope, AR_SOURCE_EXPLICIT);
  ar_scope_cancel(&outer, AR_SOURCE_EXPLICIT);
  CHECK_EQ(a.aborts, 1);
  CHECK(middle.effective);
  CHECK(ar_scope_cause(&middle) == &outer);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_STR(w.log, "ppc");
  world_close(&w);
}

TEST("a shield hides what is above it, also from the question who catches") {
  world w;
  actor a;
  three(&w, &a);
  middle.shield = true;
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_scope_cancel(&outer, AR_SOURCE_EXPLICIT);
  CHECK_EQ(a.aborts, 0);
  CHECK(!middle.effective && !a.scope.effective);
  ar_scope_cancel(&middle, AR_SOURCE_EXPLICIT);
  CHECK_EQ(a.aborts, 1);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_STR(w.log, "pcc");
  world_close(&w);
}

TEST("switching a shield off delivers, switching it on hides again") {
  world w;
  actor a;
  three(&w, &a);
  middle.shield = true;
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_scope_cancel(&outer, AR_SOURCE_EXPLICIT);
  a.answer = AR_ABORT_LATER;
  ar_scope_set_shield(&middle, false);
  CHECK(a.scope.effective);
  CHECK_EQ(a.aborts, 1);
  CHECK_EQ(ar_task_pending(&a.task), AR_CAUSE_SCOPE);
  ar_scope_set_shield(&middle, true);
  CHECK(!a.scope.effective);
  CHECK_EQ(ar_task_pending(&a.task), AR_CAUSE_NONE);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.woken, 0);
  world_close(&w);
}

TEST("a deadline cancels at its time, and not after it was moved away") {
  world w;
  actor a, b;
  world_open(&w, "trio");
  actor_start(&w, &a, play_catches);
  actor_start(&w, &b, play_in_scope);
  a.scope.deadline = 4000;
  b.scope.deadline = 5000;
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(ar_scope_effective_deadline(&a.scope), 4000);
  CHECK_EQ(ar_scope_set_deadline(&b.scope, AR_TIME_MAX), 0);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(w.time, 4000);
  CHECK_EQ(a.scope.source, AR_SOURCE_DEADLINE);
  CHECK_STR(w.log, "c");
  CHECK(!b.scope.cancelled);
  CHECK_EQ(ar_heap_size(&w.run.sched.deadlines), 0);
  ar_task_wake(&b.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("a deadline that is past on entry cancels at once") {
  world w;
  actor a;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_catches);
  a.scope.deadline = w.time;
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.aborts, 1);
  CHECK_STR(w.log, "c");
  world_close(&w);
}

TEST("the effective deadline is the least up to the nearest shield") {
  world w;
  actor a;
  three(&w, &a);
  outer.deadline = 2000;
  middle.deadline = 9000;
  a.scope.deadline = 10000;
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(ar_scope_effective_deadline(&a.scope), 2000);
  ar_scope_set_shield(&middle, true);
  CHECK_EQ(ar_scope_effective_deadline(&a.scope), 9000);
  ar_scope_set_shield(&a.scope, true);
  CHECK_EQ(ar_scope_effective_deadline(&a.scope), 10000);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(ar_heap_size(&w.run.sched.deadlines), 0);
  world_close(&w);
}

TEST("no memory for a deadline: the scope is not entered") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  a.scope.deadline = 5000;
  ar_mem_fail_at(1);
#ifdef AR_DEBUG
  CHECK_EQ(ar_scope_enter(&a.scope, &a.task), AR_ENOMEM);
  CHECK(!a.scope.entered);
  CHECK(a.task.scope == &a.kit.own);
#endif
  ar_mem_fail_at(0);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("asyncio counts a delivery to the host, and the scope owes it") {
  world w;
  actor a;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_in_scope);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_scope_cancel(&a.scope, AR_SOURCE_EXPLICIT);
  CHECK_EQ(a.task.cancelling, 1);
  CHECK_EQ(a.scope.debt, 1);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("trio counts nothing") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_in_scope);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_scope_cancel(&a.scope, AR_SOURCE_EXPLICIT);
  CHECK_EQ(a.task.cancelling, 0);
  CHECK_EQ(a.scope.debt, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

static ar_scope *many;

static void play_deep(actor *a) {
  if (a->step == 1) {
    for (int i = 0; i < DEPTH; i++) {
      ar_scope_init(&many[i]);
      CHECK_EQ(ar_scope_enter(&many[i], &a->task), 0);
    }
    actor_park(a);
    return;
  }
  for (int i = DEPTH - 1; i >= 0; i--) {
    CHECK_EQ(ar_scope_catches(&many[i]), i == 0);
    ar_scope_exit(&many[i]);
  }
  actor_finish(a);
}

TEST("five thousand nested scopes are cancelled without recursion") {
  world w;
  actor a;
  many = ar_mem_alloc(DEPTH * sizeof(*many));
  CHECK(many != NULL);
  world_open(&w, "trio");
  actor_start(&w, &a, play_deep);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_scope_cancel(&many[0], AR_SOURCE_EXPLICIT);
  CHECK(many[DEPTH - 1].effective);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.aborts, 1);
  world_close(&w);
  ar_mem_free(many, DEPTH * sizeof(*many));
}

TEST("whatever is cancelled and shielded, effective is what it should be") {
  enum {
    N = 40
  };
  static ar_scope tree[N];
  world w;
  actor a;
  ar_rand rand;
  ar_rand_seed(&rand, 7);
  for (int round = 0; round < 200; round++) {
    world_open(&w, "trio");
    actor_start(&w, &a, play_wait);
    for (size_t i = 0; i < N; i++) {
      ar_scope_init(&tree[i]);
      tree[i].shield = ar_rand_below(&rand, 3) == 0;
      ar_scope_attach(&tree[i],
                      i == 0 ? &a.kit.own : &tree[ar_rand_below(&rand, i)],
                      &a.task);
    }
    for (int change = 0; change < 20; change++) {
      ar_scope *s = &tree[ar_rand_below(&rand, N)];
      if (ar_rand_below(&rand, 3) == 0)
        ar_scope_cancel(s, AR_SOURCE_EXPLICIT);
      else
        ar_scope_set_shield(s, !s->shield);
      for (size_t i = 0; i < N; i++)
        CHECK_EQ(tree[i].effective,
                 tree[i].cancelled ||
                     (!tree[i].shield && tree[i].parent->effective));
    }
    for (size_t i = N; i-- > 0;)
      ar_scope_exit(&tree[i]);
    CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
    ar_task_wake(&a.task, 0);
    CHECK_EQ(world_finish(&w), AR_RUN_DONE);
    world_close(&w);
  }
}

TEST("every source has its name in the error's text") {
  CHECK_STR(ar_source_name(AR_SOURCE_EXPLICIT), "explicit");
  CHECK_STR(ar_source_name(AR_SOURCE_DEADLINE), "deadline");
  CHECK_STR(ar_source_name(AR_SOURCE_NURSERY), "nursery");
  CHECK_STR(ar_source_name(AR_SOURCE_SHUTDOWN), "shutdown");
  CHECK_STR(ar_source_name(AR_SOURCE_INTERRUPT), "KeyboardInterrupt");
  CHECK_STR(ar_source_name(AR_SOURCE_UNKNOWN), "unknown");
  CHECK_STR(ar_source_name(AR_SOURCE_NONE), "unknown");
}

/* Enters two scopes, leaves the outer one first. */
static void play_misnested(actor *a) {
  switch (a->step) {
    case 1:
      CHECK_EQ(ar_scope_enter(&outer, &a->task), 0);
      CHECK_EQ(ar_scope_enter(&a->scope, &a->task), 0);
      ar_task_yield(&a->task);
      break;
    case 2:
      ar_scope_exit(&outer);
      actor_park(a);
      break;
    default: ar_scope_exit(&a->scope); actor_finish(a);
  }
}

TEST("a scope left before one inside it lets that one move up") {
  world w;
  actor a;
  world_open(&w, "trio");
  ar_scope_init(&outer);
  actor_start(&w, &a, play_misnested);
  CHECK_EQ(world_turn(&w, 2), AR_RUN_DONE);
  CHECK(a.scope.parent == &a.kit.own);
  CHECK(a.task.scope == &a.scope);
  CHECK(outer.parent == NULL && !outer.entered);
  ar_scope_cancel(&outer, AR_SOURCE_EXPLICIT);
  CHECK(!a.scope.effective);
  ar_scope_cancel(&a.kit.own, AR_SOURCE_EXPLICIT);
  CHECK_EQ(a.aborts, 1);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("what moves up is cancelled, or saved, by what is above it there") {
  world w;
  actor a;
  for (int i = 0; i < 2; i++) {
    world_open(&w, "trio");
    ar_scope_init(&outer);
    actor_start(&w, &a, play_misnested);
    CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
    if (i == 0) {
      ar_scope_cancel(&outer, AR_SOURCE_EXPLICIT);
    } else {
      ar_scope_set_shield(&outer, true);
      ar_scope_cancel(&a.kit.own, AR_SOURCE_EXPLICIT);
    }
    CHECK_EQ(a.scope.effective, i == 0);
    CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
    CHECK_EQ(a.scope.effective, i == 1);
    CHECK_EQ(a.aborts, i);
    if (i == 0)
      ar_task_wake(&a.task, 0);
    CHECK_EQ(world_finish(&w), AR_RUN_DONE);
    world_close(&w);
  }
}

TEST("shield and deadline may be set before the scope is entered") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_catches);
  ar_scope_set_shield(&a.scope, true);
  ar_scope_set_shield(&a.scope, true);
  CHECK_EQ(ar_scope_set_deadline(&a.scope, 4000), 0);
  CHECK_EQ(ar_heap_size(&w.run.sched.deadlines), 0);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(ar_heap_size(&w.run.sched.deadlines), 1);
  ar_scope_cancel(&a.kit.own, AR_SOURCE_EXPLICIT);
  CHECK_EQ(a.aborts, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(w.time, 4000);
  CHECK_STR(w.log, "c");
  world_close(&w);
}

TEST("a cancelled scope does not wait for its deadline, old or new") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_stay);
  a.scope.deadline = 4000;
  ar_scope_cancel(&a.scope, AR_SOURCE_EXPLICIT);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(ar_heap_size(&w.run.sched.deadlines), 0);
  CHECK_EQ(ar_scope_set_deadline(&a.scope, 5000), 0);
  CHECK_EQ(ar_heap_size(&w.run.sched.deadlines), 0);
  CHECK_EQ(a.scope.deadline, 5000);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(w.time, 1000);
  CHECK_EQ(a.scope.source, AR_SOURCE_EXPLICIT);
  world_close(&w);
}

TEST("a deadline that is set to the past cancels in the next turn") {
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_catches);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(ar_scope_set_deadline(&a.scope, 5), 0);
  CHECK(!a.scope.cancelled);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(a.scope.source, AR_SOURCE_DEADLINE);
  CHECK_STR(w.log, "c");
  CHECK_EQ(w.time, 1000);
  world_close(&w);
}

TEST("no memory for another deadline: the scope is as before") {
#ifdef AR_DEBUG
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_in_scope);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_mem_fail_at(1);
  CHECK_EQ(ar_scope_set_deadline(&a.scope, 5000), AR_ENOMEM);
  ar_mem_fail_at(0);
  CHECK_EQ(a.scope.deadline, AR_TIME_MAX);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
#endif
}

TEST("nobody is responsible where nothing is effective") {
  ar_scope s;
  ar_scope_init(&s);
  CHECK(ar_scope_cause(NULL) == NULL);
  CHECK(ar_scope_cause(&s) == NULL);
  CHECK(!ar_scope_catches(&s));
  ar_scope_cancel(&s, AR_SOURCE_EXPLICIT);
  CHECK(ar_scope_catches(&s)); /* nothing above it */
}
