/* The invariants of the debug build: each must be one that can fail. */

#include "sched/check.h"

#include "world.h"

#ifdef AR_DEBUG

/* One host with a group: a child in it that waits, a second that is ready. */
typedef struct {
  world w;
  actor host, child, ready;
  ar_group group;
} scene;

static void play_host(actor *a) {
  if (a->step == 1) {
    CHECK_EQ(ar_group_open(a->group, &a->task), 0);
    ar_task_yield(&a->task);
  } else if (a->step == 2) {
    ar_group_join(a->group);
    a->group->waiting = true;
    actor_park(a);
  } else {
    ar_group_close(a->group);
    actor_finish(a);
  }
}

static void scene_open(scene *s) {
  world_open(&s->w, "trio");
  ar_group_init(&s->group);
  actor_start(&s->w, &s->host, play_host);
  s->host.group = &s->group;
  CHECK_EQ(world_turn(&s->w, 1), AR_RUN_DONE);
  actor_join(&s->w, &s->child, play_wait, &s->group);
  CHECK_EQ(world_turn(&s->w, 1), AR_RUN_DONE);
  actor_start(&s->w, &s->ready, play_wait);
  CHECK_EQ(ar_scope_set_deadline(&s->group.scope, 9000), 0);
  ar_check_all(&s->w.run.sched);
}

static void scene_close(scene *s) {
  ar_check_all(&s->w.run.sched);
  CHECK_EQ(world_turn(&s->w, 1), AR_RUN_DONE);
  ar_task_wake(&s->ready.task, 0);
  ar_task_wake(&s->child.task, 0);
  CHECK_EQ(world_finish(&s->w), AR_RUN_DONE);
  world_close(&s->w);
}

/* In a child process: bring about `wrong`, then the check must say `text`. */
#define CHECK_FINDS(text, wrong) \
  CHECK_ABORTS(text, { \
    wrong; \
    ar_check_all(&s.w.run.sched); \
  })

TEST("a run that is as it should be passes, in every turn") {
  scene s;
  scene_open(&s);
  for (int i = 0; i < 130; i++) {
    ar_check_all(&s.w.run.sched);
    s.w.run.sched.turns++;
  }
  scene_close(&s);
}

TEST("a task stands in the queue if and only if it is ready") {
  scene s;
  scene_open(&s);
  CHECK_FINDS("linked", ar_list_remove(&s.ready.task.job.ready));
  CHECK_FINDS("linked", ar_sched_queue(&s.w.run.sched, &s.child.task.job));
  CHECK_FINDS("linked", s.child.task.state = AR_TASK_READY);
  CHECK_FINDS("linked", s.ready.task.state = AR_TASK_PARKED);
  CHECK_FINDS("AR_TASK_RUNNING", s.child.task.state = AR_TASK_RUNNING);
  CHECK_FINDS("AR_TASK_DONE", s.child.task.state = AR_TASK_DONE);
  CHECK_FINDS("abort == NULL", s.ready.task.abort = actor_abort);
  CHECK_FINDS("wait.kind", s.child.kit.wait.kind = NULL);
  CHECK_FINDS("patient", s.ready.task.patient = true);
  CHECK_FINDS("n_patient", s.child.task.patient = true);
  CHECK_FINDS(
      "due", CHECK_EQ(ar_deadline_set(&s.w.run.sched, &s.ready.kit.due, 1), 0));
  scene_close(&s);
}

TEST("counts are those of the lists") {
  scene s;
  scene_open(&s);
  CHECK_FINDS("n_living", s.w.run.sched.n_living++);
  CHECK_FINDS("n_living", ar_list_remove(&s.child.task.in_living));
  CHECK_FINDS("n_patient", s.w.run.sched.n_patient++);
  CHECK_FINDS("n_children", s.group.n_children++);
  CHECK_FINDS("until_poll", s.w.run.sched.until_poll = 9);
  scene_close(&s);
}

TEST("a task is in its scope, and its scope is its own") {
  scene s;
  scene_open(&s);
  CHECK_FINDS("in_scope", ar_list_remove(&s.child.task.in_scope));
  CHECK_FINDS("host", s.child.task.scope = &s.group.scope);
  CHECK_FINDS("scope", s.child.task.scope = NULL);
  CHECK_FINDS("t->scope == s", {
    ar_list_remove(&s.child.task.in_scope);
    ar_list_push(&s.group.scope.tasks, &s.child.task.in_scope);
  });
  CHECK_FINDS("host", s.child.kit.own.host = &s.host.task);
  CHECK_FINDS("kit", s.child.kit.task = &s.host.task);
  CHECK_FINDS("NEW", s.child.task.kit = NULL);
  CHECK_FINDS("entered", s.child.kit.own.entered = false);
  CHECK_FINDS("sched", s.child.task.sched = NULL);
  CHECK_FINDS("id", s.child.task.job.id = 77);
  CHECK_FINDS("step", s.child.task.job.step = NULL);
  CHECK_FINDS("woken", s.child.task.woken = 1);
  scene_close(&s);
}

TEST("effective is what cancelled, shield and the parent make it") {
  scene s;
  scene_open(&s);
  CHECK_FINDS("effective", s.w.run.sched.system.effective = true);
  CHECK_FINDS("asked", s.group.scope.effective = true);
  CHECK_FINDS("effective", {
    s.group.scope.cancelled = true;
    s.group.scope.source = AR_SOURCE_EXPLICIT;
    ar_deadline_unset(&s.w.run.sched, &s.group.scope.due);
  });
  CHECK_FINDS("effective", {
    s.child.answer = AR_ABORT_LATER;
    s.host.answer = AR_ABORT_LATER;
    ar_scope_cancel(&s.group.scope, AR_SOURCE_EXPLICIT);
    s.child.kit.own.shield = true;
  });
  CHECK_FINDS("source", s.group.scope.source = AR_SOURCE_EXPLICIT);
  CHECK_FINDS("caught", s.group.scope.caught = true);
  scene_close(&s);
}

TEST("parents and children of the tree agree") {
  scene s;
  scene_open(&s);
  CHECK_FINDS("above", s.child.kit.own.parent = &s.host.kit.own);
  CHECK_FINDS("parent", s.host.kit.own.parent = &s.w.run.sched.system);
  CHECK_FINDS("placed", ar_list_remove(&s.ready.kit.own.in_parent));
  CHECK_FINDS("root", s.w.run.sched.root.parent = &s.w.run.sched.system);
  CHECK_FINDS("system", s.w.run.sched.system.parent = NULL);
  CHECK_FINDS("host", s.group.scope.host = NULL);
  CHECK_FINDS("sched", s.group.scope.sched = NULL);
  scene_close(&s);
}

TEST("a scope's deadline waits as long as it can still cancel") {
  scene s;
  scene_open(&s);
  CHECK_FINDS("due", ar_deadline_unset(&s.w.run.sched, &s.group.scope.due));
  CHECK_FINDS("due", s.group.scope.deadline = AR_TIME_MAX);
  CHECK_FINDS("deadline", s.group.scope.deadline = 9500);
  CHECK_FINDS(
      "due",
      CHECK_EQ(ar_deadline_set(&s.w.run.sched, &s.child.kit.own.due, 5000), 0));
  scene_close(&s);
}

TEST("the heap knows where its nodes are, and which is least") {
  scene s;
  ar_heap *h;
  scene_open(&s);
  h = &s.w.run.sched.deadlines;
  CHECK_EQ(ar_deadline_set(&s.w.run.sched, &s.child.kit.due, 9500), 0);
  CHECK_FINDS("pos", s.child.kit.due.node.pos = 7);
  CHECK_FINDS("key", h->entries[1].key = 1);
  CHECK_FINDS("key", h->entries[1].key = AR_TIME_MAX);
  CHECK_FINDS("seq", h->entries[1].seq = 99);
  CHECK_FINDS("capacity", h->capacity = 1);
  CHECK_FINDS("fire", s.child.kit.due.fire = NULL);
  scene_close(&s);
}

TEST("a pending cancellation was offered, once, to a wait that can end") {
  scene s;
  scene_open(&s);
  CHECK_FINDS("asked", s.child.task.interrupted = true);
  s.child.task.abort = NULL; /* one that cannot be undone is let alone */
  s.child.task.interrupted = true;
  ar_check_all(&s.w.run.sched);
  s.child.task.abort = actor_abort;
  s.child.answer = AR_ABORT_LATER;
  ar_task_deliver(&s.child.task);
  CHECK_EQ(s.child.aborts, 1);
  ar_check_all(&s.w.run.sched);
  s.child.task.asked = 0;
  s.child.task.deaf = AR_CAUSE_INTERRUPT;
  ar_task_deliver(&s.child.task);
  CHECK_EQ(s.child.aborts, 1);
  ar_check_all(&s.w.run.sched);
  scene_close(&s);
}

TEST("a group knows its children, and waits for them as long as its host") {
  scene s;
  scene_open(&s);
  CHECK_FINDS("group", s.child.task.group = NULL);
  CHECK_FINDS("group", s.ready.task.group = &s.group);
  CHECK_FINDS("in_group", ar_list_remove(&s.child.task.in_group));
  CHECK_FINDS("state", s.group.state = AR_GROUP_NEW);
  CHECK_FINDS("waiting", s.group.state = AR_GROUP_OPEN);
  CHECK_FINDS("host", s.group.host = NULL);
  CHECK_FINDS("above", ar_scope_move(&s.child.kit.own, &s.host.kit.own));
  scene_close(&s);
}

static void never(ar_idler *idler) {
  (void)idler;
}

TEST("idlers stand in the order of their cushions") {
  scene s;
  ar_idler idler[2] = {{.cushion = 5, .idle = never},
                       {.cushion = 7, .idle = never}};
  scene_open(&s);
  for (int i = 0; i < 2; i++) {
    ar_link_init(&idler[i].link);
    ar_sched_add_idler(&s.w.run.sched, &idler[i]);
  }
  ar_check_all(&s.w.run.sched);
  CHECK_FINDS("cushion", idler[1].cushion = 3);
  CHECK_FINDS("idle", idler[0].idle = NULL);
  ar_list_remove(&idler[0].link);
  ar_list_remove(&idler[1].link);
  scene_close(&s);
}

static actor *crowd;

enum {
  CROWD = 2500
};

TEST("with very many alive only one turn in 64 is looked at") {
  world w;
  world_open(&w, "asyncio");
  crowd = ar_mem_alloc(CROWD * sizeof(*crowd));
  CHECK(crowd != NULL);
  for (size_t i = 0; i < CROWD; i++)
    actor_start(&w, &crowd[i], play_wait);
  w.run.sched.turns = 1;
  w.run.sched.n_living++;
  ar_check_all(&w.run.sched);
  w.run.sched.turns = 64;
  CHECK_ABORTS("n_living", ar_check_all(&w.run.sched));
  w.run.sched.n_living--;
  w.run.sched.turns = 1;
  for (size_t i = 0; i < CROWD; i++)
    ar_list_remove(&crowd[i].task.job.ready);
  for (size_t i = 0; i < CROWD; i++) {
    crowd[i].task.state = AR_TASK_READY;
    (void)ar_task_begin(&crowd[i].task);
    actor_finish(&crowd[i]);
  }
  w.run.sched.current = NULL;
  ar_mem_free(crowd, CROWD * sizeof(*crowd));
  world_close(&w);
}

TEST("with very many scopes in few tasks, too") {
  world w;
  actor a;
  ar_scope *many = ar_mem_alloc(CROWD * sizeof(*many));
  CHECK(many != NULL);
  world_open(&w, "asyncio");
  actor_start(&w, &a, play_wait);
  for (size_t i = 0; i < CROWD; i++) {
    ar_scope_init(&many[i]);
    CHECK_EQ(ar_scope_enter(&many[i], &a.task), 0);
  }
  many[CROWD - 1].caught = true;
  w.run.sched.turns = 63;
  ar_check_all(&w.run.sched);
  w.run.sched.turns = 64;
  CHECK_ABORTS("caught", ar_check_all(&w.run.sched));
  for (size_t i = CROWD; i-- > 0;)
    ar_scope_exit(&many[i]);
  ar_mem_free(many, CROWD * sizeof(*many));
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("very many deadlines are left alone as well") {
  world w;
  ar_deadline *many = ar_mem_alloc(CROWD * sizeof(*many));
  CHECK(many != NULL);
  world_open(&w, "asyncio");
  for (size_t i = 0; i < CROWD; i++) {
    ar_deadline_init(&many[i], NULL);
    CHECK_EQ(ar_deadline_set(&w.run.sched, &many[i], 5), 0);
  }
  w.run.sched.turns = 63;
  ar_check_all(&w.run.sched);
  w.run.sched.turns = 64;
  CHECK_ABORTS("fire", ar_check_all(&w.run.sched));
  world_close(&w);
  ar_mem_free(many, CROWD * sizeof(*many));
}

#else

TEST("a release build has nothing to check") {
  AR_CHECK_ALL(NULL);
}

#endif
