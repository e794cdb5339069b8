/* Parking lots. */

#include "world.h"

/* Parks in its lot, says its name when woken, finishes. */
static void play_park(actor *a) {
  if (a->step == 1) {
    ar_lot_park(a->lot, &a->place, actor_abort);
    return;
  }
  say(a, a->name);
  actor_finish(a);
}

static void park(world *w, ar_lot *lot, actor *actors, int n) {
  world_open(w, "asyncio");
  ar_lot_init(lot, "lot");
  for (int i = 0; i < n; i++) {
    actor_start(w, &actors[i], play_park);
    actors[i].lot = lot;
  }
  CHECK_EQ(world_turn(w, 1), AR_RUN_DONE);
  CHECK_EQ(lot->n_parked, n);
}

TEST("first come, first woken") {
  world w;
  ar_lot lot;
  actor a[4];
  park(&w, &lot, a, 4);
  CHECK_STR(a[0].kit.wait.kind, "lot");
  CHECK_EQ(ar_lot_unpark(&lot, 2, 0), 2);
  CHECK_EQ(lot.n_parked, 2);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_STR(w.log, "ab");
  CHECK_EQ(ar_lot_unpark(&lot, SIZE_MAX, 0), 2);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_STR(w.log, "abcd");
  CHECK_EQ(ar_lot_unpark(&lot, 1, 0), 0);
  world_close(&w);
}

TEST("unpark gives its error to everybody it wakes") {
  world w;
  ar_lot lot;
  actor a[2];
  park(&w, &lot, a, 2);
  CHECK_EQ(ar_lot_unpark(&lot, SIZE_MAX, AR_EPIPE), 2);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a[0].woken, AR_EPIPE);
  CHECK_EQ(a[1].woken, AR_EPIPE);
  world_close(&w);
}

TEST("a cancelled waiter leaves the queue at once: no wake-up is spent on it") {
  world w;
  ar_lot lot;
  actor a[3];
  park(&w, &lot, a, 3);
  ar_scope_cancel(&a[0].kit.own, AR_SOURCE_EXPLICIT);
  CHECK_EQ(lot.n_parked, 2);
  CHECK(a[0].place.lot == NULL);
  CHECK_EQ(ar_lot_unpark(&lot, 1, 0), 1);
  CHECK_EQ(world_turn(&w, 1), AR_RUN_DONE);
  CHECK_EQ(a[0].woken, AR_ECANCELED);
  CHECK_EQ(a[1].woken, 0);
  CHECK_STR(w.log, "ab");
  CHECK_EQ(ar_lot_unpark(&lot, 1, 0), 1);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("a woken waiter is out of the queue before it runs") {
  world w;
  ar_lot lot;
  actor a[1];
  park(&w, &lot, a, 1);
  CHECK_EQ(ar_lot_unpark(&lot, 1, 0), 1);
  ar_scope_cancel(&a[0].kit.own, AR_SOURCE_EXPLICIT);
  CHECK_EQ(a[0].aborts, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_EQ(a[0].woken, 0);
  world_close(&w);
}

TEST("take gives the oldest without waking it") {
  world w;
  ar_lot lot;
  actor a[2];
  park(&w, &lot, a, 2);
  ar_place *p = ar_lot_take(&lot);
  CHECK(p == &a[0].place);
  CHECK_EQ(a[0].task.state, AR_TASK_PARKED);
  ar_task_wake(p->task, 0);
  CHECK(ar_lot_take(&lot) == &a[1].place);
  CHECK(ar_lot_take(&lot) == NULL);
  ar_task_wake(&a[1].task, 0);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  world_close(&w);
}

TEST("repark moves the oldest to the end of another lot, still waiting") {
  world w;
  ar_lot lot, other;
  actor a[3];
  park(&w, &lot, a, 3);
  ar_lot_init(&other, "other");
  CHECK_EQ(ar_lot_repark(&lot, &other, 2), 2);
  CHECK_EQ(lot.n_parked, 1);
  CHECK_EQ(other.n_parked, 2);
  CHECK_STR(a[0].kit.wait.kind, "other");
  ar_scope_cancel(&a[1].kit.own, AR_SOURCE_EXPLICIT);
  CHECK_EQ(other.n_parked, 1);
  CHECK_EQ(ar_lot_repark(&lot, &other, SIZE_MAX), 1);
  CHECK_EQ(ar_lot_unpark(&other, SIZE_MAX, 0), 2);
  CHECK_EQ(world_finish(&w), AR_RUN_DONE);
  CHECK_STR(w.log, "bac");
  world_close(&w);
}
