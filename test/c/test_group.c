/* Task groups: when they may close, and whom they wake. */

#include "world.h"

/* The host: opens its group, waits in the body, joins, closes. */
static void play_host(actor *a) {
  switch (a->step) {
    case 1:
      CHECK_EQ(ar_group_open(a->group, &a->task), 0);
      ar_task_yield(&a->task);
      break;
    case 2:
      ar_group_join(a->group);
      if (!ar_group_is_empty(a->group)) {
        a->group->waiting = true;
        actor_park(a);
        break;
      }
      /* fall through */
    default:
      say(a, 'H');
      ar_group_close(a->group);
      actor_finish(a);
  }
}

static void play_child(actor *a) {
  say(a, a->name);
  actor_finish(a);
}

static void host(world *w, actor *a, ar_group *g, const char *backend) {
  world_open(w, backend);
  ar_group_init(g);
  actor_start(w, a, play_host);
  a->group = g;
  CHECK(!ar_group_is_active(g));
  CHECK_EQ(world_turn(w, 1), AR_RUN_DONE);
  CHECK(ar_group_is_active(g));
}

TEST("a group without children closes at once") {
  world w;
  actor a;
  ar_group g;
  host(&w, &a, &g, "trio");
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(g.state, AR_GROUP_CLOSED);
  CHECK(!ar_group_is_active(&g));
  CHECK(!g.scope.entered);
  world_close(&w);
}

TEST("the host is woken by the last child") {
  world w;
  actor a, b, c;
  ar_group g;
  host(&w, &a, &g, "asyncio");
  actor_join(&w, &b, play_wait, &g);
  actor_join(&w, &c, play_child, &g);
  CHECK_EQ(g.n_children, 2);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(g.n_children, 1);
  CHECK_EQ(a.task.state, AR_TASK_PARKED);
  ar_task_wake(&b.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_STR(w.log, "cH");
  world_close(&w);
}

TEST("children may be added while the host waits") {
  world w;
  actor a, b, c;
  ar_group g;
  host(&w, &a, &g, "trio");
  actor_join(&w, &b, play_wait, &g);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  actor_join(&w, &c, play_wait, &g);
  ar_task_wake(&b.task, 0);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(a.task.state, AR_TASK_PARKED);
  CHECK_EQ(c.task.state, AR_TASK_PARKED);
  ar_task_wake(&c.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_STR(w.log, "H");
  world_close(&w);
}

TEST("cancelling the group's scope reaches children and host") {
  world w;
  actor a, b, c;
  ar_group g;
  host(&w, &a, &g, "trio");
  a.answer = AR_ABORT_LATER; /* the host waits on until the children ended */
  actor_join(&w, &b, play_wait, &g);
  actor_join(&w, &c, play_wait, &g);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_scope_cancel(&g.scope, AR_SOURCE_EXPLICIT);
  CHECK_EQ(b.aborts, 1);
  CHECK_EQ(c.aborts, 1);
  CHECK_EQ(a.aborts, 1);
  CHECK_EQ(b.task.state, AR_TASK_READY);
  CHECK_EQ(a.task.state, AR_TASK_PARKED);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.woken, 0);
  CHECK_STR(w.log, "H");
  world_close(&w);
}

TEST("a child's own scope is below the group's, and its cancel is its alone") {
  world w;
  actor a, b, c;
  ar_group g;
  host(&w, &a, &g, "trio");
  actor_join(&w, &b, play_wait, &g);
  actor_join(&w, &c, play_wait, &g);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK(b.kit.own.parent == &g.scope);
  ar_scope_cancel(&b.kit.own, AR_SOURCE_EXPLICIT);
  CHECK_EQ(b.task.state, AR_TASK_READY);
  CHECK_EQ(c.task.state, AR_TASK_PARKED);
  CHECK_EQ(a.task.state, AR_TASK_PARKED);
  ar_task_wake(&c.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("a start under way keeps the group open") {
  world w;
  actor a;
  ar_group g;
  host(&w, &a, &g, "trio");
  ar_group_starting(&g, 1);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(a.task.state, AR_TASK_PARKED);
  ar_group_starting(&g, -1);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_STR(w.log, "H");
  world_close(&w);
}

TEST("a child that moves takes its scopes to the other group") {
  world w;
  actor a, b, c;
  ar_group g, h;
  host(&w, &a, &g, "trio");
  ar_group_init(&h);
  actor_start(&w, &b, play_host);
  b.group = &h;
  ar_group_starting(&g, 1);
  a.answer = AR_ABORT_LATER;
  b.answer = AR_ABORT_LATER;
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  actor_join(&w, &c, play_wait, &h);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_scope_cancel(&g.scope, AR_SOURCE_EXPLICIT);
  CHECK_EQ(c.aborts, 0);
  ar_task_move(&c.task, &g);
  CHECK_EQ(g.n_children, 1);
  CHECK_EQ(h.n_children, 0);
  CHECK_EQ(c.aborts, 1);
  CHECK(c.task.group == &g);
  ar_scope_cancel(&h.scope, AR_SOURCE_EXPLICIT);
  CHECK_EQ(c.aborts, 1);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(c.task.state, AR_TASK_DONE);
  CHECK_EQ(g.n_children, 0);
  ar_group_starting(&g, -1);
  /* moving wakes nobody: whoever moves the child had kept the group open */
  ar_group_starting(&h, 1);
  ar_group_starting(&h, -1);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("no memory for the deadline of a group: it is not opened") {
#ifdef AR_DEBUG
  world w;
  actor a;
  ar_group g;
  world_open(&w, "trio");
  ar_group_init(&g);
  g.scope.deadline = 5000;
  actor_start(&w, &a, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_mem_fail_at(1);
  CHECK_EQ(ar_group_open(&g, &a.task), AR_ENOMEM);
  ar_mem_fail_at(0);
  CHECK_EQ(g.state, AR_GROUP_NEW);
  CHECK(g.host == NULL);
  ar_task_wake(&a.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
#endif
}

TEST("the last child that leaves for another group wakes the host") {
  world w;
  actor a, b, c;
  ar_group g, h;
  host(&w, &a, &g, "asyncio");
  ar_group_init(&h);
  actor_start(&w, &b, play_host);
  b.group = &h;
  ar_group_starting(&h, 1);
  actor_join(&w, &c, play_wait, &g);
  CHECK_EQ(world_turn(&w, 2), AR_RUN_DONE);
  CHECK_EQ(a.task.state, AR_TASK_PARKED);
  CHECK_EQ(b.task.state, AR_TASK_PARKED);
  ar_task_move(&c.task, &h);
  ar_group_left(&h);
  CHECK_EQ(b.task.state, AR_TASK_PARKED);
  ar_group_left(&g);
  CHECK_EQ(a.task.state, AR_TASK_READY);
  ar_group_starting(&h, -1);
  CHECK_EQ(b.task.state, AR_TASK_PARKED);
  ar_task_wake(&c.task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_STR(w.log, "HH");
  world_close(&w);
}

TEST("asyncio: a host whose wait was broken is not woken a second time") {
  world w;
  actor a, b;
  ar_group g;
  host(&w, &a, &g, "asyncio");
  actor_join(&w, &b, play_wait, &g);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_scope_cancel(&g.scope, AR_SOURCE_EXPLICIT);
  CHECK_EQ(a.task.state, AR_TASK_READY);
  CHECK_EQ(b.task.state, AR_TASK_READY);
  CHECK(g.waiting);
  ar_list_remove(&b.task.job.ready); /* the child is faster than the host */
  (void)ar_task_begin(&b.task);
  actor_finish(&b);
  w.run.sched.current = NULL;
  CHECK(!g.waiting);
  CHECK_EQ(a.task.state, AR_TASK_READY);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a.woken, AR_ECANCELED);
  world_close(&w);
}

TEST("a child that has not begun can be moved to another group") {
  world w;
  actor host, child;
  ar_group from, to;
  world_open(&w, "trio");
  actor_start(&w, &host, play_wait);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  ar_group_init(&from);
  ar_group_init(&to);
  CHECK_EQ(ar_group_open(&from, &host.task), 0);
  CHECK_EQ(ar_group_open(&to, &host.task), 0);
  actor_init(&w, &child, play_wait);
  ar_group_spawn(&from, &child.task);
  CHECK_EQ(child.task.scope, &from.scope);
  ar_task_move(&child.task, &to);
  ar_group_left(&from);
  CHECK_EQ(child.task.scope, &to.scope);
  CHECK_EQ(to.n_children, 1);
  CHECK_EQ(from.n_children, 0);
  ar_task_doom(&child.task, AR_SOURCE_EXPLICIT);
  ar_task_equip(&child.task, &child.kit);
  CHECK_EQ(child.kit.own.parent, &to.scope);
  CHECK(child.kit.own.effective && !to.scope.effective);
  ar_group_join(&to);
  while (child.task.state != AR_TASK_DONE)
    (void)world_turn(&w, 1);
  ar_group_close(&to);
  ar_group_join(&from);
  ar_group_close(&from);
  ar_scope_cancel(&host.kit.own, AR_SOURCE_EXPLICIT);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}
