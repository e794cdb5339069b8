/* The two backends: order, delivery, failure, end. */

#include "world.h"

static void play_say(actor *a) {
  say(a, a->name);
  actor_finish(a);
}

/* Five tasks spawned together: what they say in their first batch. */
static void five(world *w, actor *actors, const char *backend) {
  world_open(w, backend);
  for (int i = 0; i < 5; i++)
    actor_start(w, &actors[i], play_say);
}

TEST("backends are found by name and listed, asyncio first") {
  CHECK_STR(ar_backend_name(0), "asyncio");
  CHECK_STR(ar_backend_name(1), "trio");
  CHECK(ar_backend_name(2) == NULL);
  CHECK(ar_backend_find("curio") == NULL);
  CHECK(ar_backend_find("") == NULL);
  CHECK_STR(ar_backend_find("trio")->name, "trio");
  CHECK(ar_backend_find("trio")->fast == NULL);
  CHECK(ar_backend_find("asyncio")->fast != NULL);
  CHECK(strlen(ar_backend_loop_version()) > 0);
}

TEST("asyncio: a batch runs in the order it was queued, always") {
  for (int i = 0; i < 50; i++) {
    world w;
    actor a[5];
    five(&w, a, "asyncio");
    CHECK_EQ(world_finish(&w), AR_RUN_DONE);
    CHECK_STR(w.log, "abcde");
    world_close(&w);
  }
}

TEST("trio: a batch runs forwards or backwards, by coin") {
  int forwards = 0;
  int backwards = 0;
  for (int i = 0; i < 200; i++) {
    world w;
    actor a[5];
    five(&w, a, "trio");
    CHECK_EQ(world_finish(&w), AR_RUN_DONE);
    forwards += strcmp(w.log, "abcde") == 0;
    backwards += strcmp(w.log, "edcba") == 0;
    world_close(&w);
  }
  CHECK_EQ(forwards + backwards, 200);
  CHECK(forwards > 50);
  CHECK(backwards > 50);
}

TEST("trio with a seed: the same order whatever order tasks became ready in") {
  char first[8] = "";
  int others = 0;
  for (int i = 0; i < 20; i++) {
    world w;
    actor a[5];
    ar_rand rand;
    world_open(&w, "trio");
    ar_rand_seed(&rand, (uint64_t)(i < 10 ? 1 : i));
    w.run.sched.seeded = &rand;
    for (int k = 0; k < 5; k++)
      actor_init(&w, &a[k], play_say);
    for (int k = 0; k < 5; k++)
      ar_task_spawn(&a[i % 2 == 0 ? k : 4 - k].task, &w.run.sched.root);
    CHECK_EQ(world_finish(&w), AR_RUN_DONE);
    if (i == 0)
      (void)strcpy(first, w.log);
    else if (i < 10)
      CHECK_STR(w.log, first);
    else
      others += strcmp(w.log, first) != 0;
    world_close(&w);
  }
  CHECK(others > 0);
}

TEST("trio with a seed and no memory: the batch stays as it is") {
#ifdef AR_DEBUG
  world w;
  actor a[5];
  ar_rand rand;
  five(&w, a, "trio");
  ar_rand_seed(&rand, 1);
  w.run.sched.seeded = &rand;
  ar_mem_fail_at(1);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  ar_mem_fail_at(0);
  CHECK_STR(w.log, "abcde");
  world_close(&w);
#endif
}

TEST("asyncio: a failed task keeps its error, an exit ends the run") {
  const ar_policy *p = ar_backend_find("asyncio")->policy;
  world w;
  actor a;
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_say);
  CHECK_EQ(p->failed(&a.task, AR_FAILURE_ERROR), AR_VERDICT_KEEP);
  CHECK_EQ(p->failed(&a.task, AR_FAILURE_CANCELLED), AR_VERDICT_KEEP);
  CHECK_EQ(p->failed(&a.task, AR_FAILURE_EXIT), AR_VERDICT_STOP);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("trio: a failed system task crashes the run, a cancelled one does not") {
  const ar_policy *p = ar_backend_find("trio")->policy;
  world w;
  actor a;
  world_open(&w, "trio");
  actor_start(&w, &a, play_say);
  CHECK_EQ(p->failed(&a.task, AR_FAILURE_ERROR), AR_VERDICT_KEEP);
  CHECK_EQ(p->failed(&a.task, AR_FAILURE_EXIT), AR_VERDICT_KEEP);
  a.task.system = true;
  CHECK_EQ(p->failed(&a.task, AR_FAILURE_ERROR), AR_VERDICT_CRASH);
  CHECK_EQ(p->failed(&a.task, AR_FAILURE_EXIT), AR_VERDICT_CRASH);
  CHECK_EQ(p->failed(&a.task, AR_FAILURE_CANCELLED), AR_VERDICT_KEEP);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("trio: when main is over, system tasks are cancelled by the shutdown") {
  world w;
  actor main_task, helper;
  world_open(&w, "trio");
  actor_start(&w, &main_task, play_say);
  ar_run_main(&w.run, &main_task.task);
  actor_init(&w, &helper, play_wait);
  helper.task.system = true;
  ar_task_spawn(&helper.task, &w.run.sched.system);
  CHECK_EQ(ar_run_drive(&w.run), AR_RUN_DONE);
  ar_run_wind_down(&w.run);
  CHECK_EQ(ar_run_drive(&w.run), AR_RUN_DONE);
  CHECK_EQ(helper.cause, AR_CAUSE_SCOPE);
  CHECK_EQ(w.run.sched.system.source, AR_SOURCE_SHUTDOWN);
  world_close(&w);
}

TEST("asyncio: control-C cancels main, natively") {
  world w;
  actor main_task;
  world_open(&w, "asyncio");
  w.run.sched.policy->interrupt(&w.run.sched); /* no main yet: nothing */
  actor_start(&w, &main_task, play_wait);
  ar_run_main(&w.run, &main_task.task);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  w.run.sched.policy->interrupt(&w.run.sched);
  CHECK_EQ(ar_run_drive(&w.run), AR_RUN_DONE);
  CHECK_EQ(main_task.cause, AR_CAUSE_NATIVE);
  CHECK_EQ(main_task.task.cancelling, 1);
  world_close(&w);
}

TEST("trio: control-C is raised in main, whatever shields there are") {
  world w;
  actor main_task;
  world_open(&w, "trio");
  w.run.sched.policy->interrupt(&w.run.sched);
  actor_start(&w, &main_task, play_wait);
  main_task.kit.own.shield = true;
  ar_run_main(&w.run, &main_task.task);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  w.run.sched.policy->interrupt(&w.run.sched);
  CHECK_EQ(ar_run_drive(&w.run), AR_RUN_DONE);
  CHECK_EQ(main_task.cause, AR_CAUSE_INTERRUPT);
  world_close(&w);
}

TEST("the system's clock goes forward; trio's starts somewhere else each run") {
  ar_run a, b;
  CHECK_EQ(ar_run_open(&a, ar_backend_find("trio"), false, NULL), 0);
  CHECK_EQ(ar_run_open(&b, ar_backend_find("trio"), false, NULL), 0);
  ar_time first = ar_sched_now(&a.sched);
  CHECK(ar_sched_now(&a.sched) >= first);
  CHECK(a.clock.offset > 0);
  CHECK(a.clock.offset != b.clock.offset);
  CHECK_EQ(ar_run_close(&a), 0);
  CHECK_EQ(ar_run_close(&b), 0);
  CHECK_EQ(ar_run_open(&a, ar_backend_find("asyncio"), true, NULL), 0);
  CHECK_EQ(a.clock.offset, 0);
  CHECK(a.sched.poll_every > 1);
  CHECK_EQ(ar_run_close(&a), 0);
}

TEST("no memory for a run: it is not opened, and may be closed") {
#ifdef AR_DEBUG
  ar_run r;
  ar_mem_fail_at(1);
  CHECK_EQ(ar_run_open(&r, ar_backend_find("trio"), false, NULL), AR_ENOMEM);
  ar_mem_fail_at(0);
  CHECK_EQ(ar_run_close(&r), 0);
#endif
}

/* What a task is in, a bit each: for the tables below. */
enum {
  IN_SCOPE = 1,    /* an effective scope */
  REQUESTED = 2,   /* a native request */
  INTERRUPTED = 4, /* control-C */
  ALL_OF_THEM = 8
};

/* The cause that is delivered at each moment: N, S or I; - for none. */
static const char *delivered(const ar_policy *p, ar_task *t, unsigned in,
                             char *out) {
  static const char letters[] = "-SN?I";
  t->kit->own.effective = (in & IN_SCOPE) != 0;
  t->must_cancel = (in & REQUESTED) != 0;
  t->interrupted = (in & INTERRUPTED) != 0;
  for (int moment = AR_MOMENT_FIRST; moment <= AR_MOMENT_END; moment++)
    out[moment] = letters[p->deliver(t, (ar_moment)moment)];
  out[AR_MOMENT_END + 1] = '\0';
  t->kit->own.effective = t->must_cancel = t->interrupted = false;
  return out;
}

TEST("what is delivered when: first, woken, parked, end") {
  /* none, scope, native, both, control-C and each of these again */
  static const char *const asyncio[] = {"----", "--S-", "NNNN", "NNNN",
                                        "----", "--S-", "NNNN", "NNNN"};
  static const char *const trio[] = {"----", "--S-", "----", "--S-",
                                     "--I-", "--I-", "--I-", "--I-"};
  world w;
  actor a;
  char out[8];
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_say);
  for (unsigned in = 0; in < ALL_OF_THEM; in++) {
    CHECK_STR(delivered(&ar_policy_asyncio, &a.task, in, out), asyncio[in]);
    CHECK_STR(delivered(&ar_policy_uvloop, &a.task, in, out), asyncio[in]);
    CHECK_STR(delivered(&ar_policy_trio, &a.task, in, out), trio[in]);
  }
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("what the backends promise besides: one row each") {
  const ar_policy *p[] = {&ar_policy_asyncio, &ar_policy_uvloop,
                          &ar_policy_trio};
  static const char *const names[] = {"asyncio", "asyncio", "trio"};
  for (size_t i = 0; i < ar_countof(p); i++) {
    bool native = i < 2;
    CHECK_STR(p[i]->name, names[i]);
    CHECK_EQ(p[i]->counts, native);
    CHECK_EQ(p[i]->join_breaks, native);
    CHECK_EQ(p[i]->asks_clock, !native);
    CHECK_EQ(p[i]->interrupts_code, !native);
    CHECK_EQ(p[i]->shifts_clock, !native);
    CHECK(p[i]->drains);
    CHECK_EQ(p[i]->queues_timers, i == 0);
  }
}

TEST("trio: a batch of one, or of none, needs no coin") {
  world w;
  actor a;
  ar_rand before;
  world_open(&w, "trio");
  actor_start(&w, &a, play_say);
  before = w.run.sched.rand;
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(memcmp(&before, &w.run.sched.rand, sizeof(before)), 0);
  world_close(&w);
}
