/* Deadlines: what fires when, and what firing may do to the others. */

#include "sched/deadline.h"

#include "world.h"

enum {
  N = 4
};

typedef struct alarm_clock alarm_clock;

struct alarm_clock {
  ar_deadline due;
  world *w;
  char name;
  void (*then)(alarm_clock *self);
  alarm_clock *other; /* for `then` */
  ar_time when;       /* the same */
  int rings;
};

static void ring(ar_deadline *due) {
  alarm_clock *a = ar_container_of(due, alarm_clock, due);
  CHECK(!ar_deadline_is_set(due));
  a->w->log[a->w->said++] = a->name;
  a->rings++;
  if (a->then != NULL)
    a->then(a);
}

/* n clocks called 0 1 2..., not set yet. */
static void open_with(world *w, alarm_clock *clocks, int n) {
  world_open(w, "trio");
  memset(clocks, 0, (size_t)n * sizeof(*clocks));
  for (int i = 0; i < n; i++) {
    ar_deadline_init(&clocks[i].due, ring);
    clocks[i].w = w;
    clocks[i].name = (char)('0' + i);
  }
}

static void set(alarm_clock *a, ar_time when) {
  CHECK_EQ(ar_deadline_set(&a->w->run.sched, &a->due, when), 0);
}

static void expire(world *w, ar_time now) {
  ar_deadlines_expire(&w->run.sched, now);
}

TEST("what is due fires, what is not stays; each only once") {
  world w;
  alarm_clock a[N];
  open_with(&w, a, N);
  set(&a[0], 30);
  set(&a[1], 10);
  set(&a[2], 20);
  expire(&w, 9);
  CHECK_STR(w.log, "");
  expire(&w, 20);
  CHECK_STR(w.log, "12");
  expire(&w, 29);
  expire(&w, 30);
  expire(&w, 1000);
  CHECK_STR(w.log, "120");
  CHECK_EQ(ar_heap_size(&w.run.sched.deadlines), 0);
  world_close(&w);
}

TEST("of equal deadlines the one that was set first fires first") {
  world w;
  alarm_clock a[N];
  open_with(&w, a, N);
  set(&a[3], 10);
  set(&a[1], 10);
  set(&a[0], 10);
  set(&a[2], 5);
  set(&a[3], 10); /* set again: behind the others */
  expire(&w, 10);
  CHECK_STR(w.log, "2103");
  world_close(&w);
}

TEST("a negative time is before every other") {
  world w;
  alarm_clock a[N];
  open_with(&w, a, N);
  set(&a[0], 0);
  set(&a[1], -5);
  set(&a[2], AR_TIME_MIN);
  expire(&w, -5);
  CHECK_STR(w.log, "21");
  ar_deadline_unset(&w.run.sched, &a[0].due);
  world_close(&w);
}

TEST("forever is no deadline: setting it takes the old one back") {
  world w;
  alarm_clock a[N];
  open_with(&w, a, N);
  set(&a[0], AR_TIME_MAX);
  CHECK(!ar_deadline_is_set(&a[0].due));
  set(&a[0], 10);
  CHECK(ar_deadline_is_set(&a[0].due));
  set(&a[0], AR_TIME_MAX);
  CHECK(!ar_deadline_is_set(&a[0].due));
  expire(&w, AR_TIME_MAX);
  CHECK_STR(w.log, "");
  world_close(&w);
}

TEST("a clock that shows forever fires all there is") {
  world w;
  alarm_clock a[N];
  open_with(&w, a, N);
  set(&a[0], AR_TIME_MAX - 1);
  set(&a[1], 10);
  expire(&w, AR_TIME_MAX);
  CHECK_STR(w.log, "10");
  world_close(&w);
}

static void unset_other(alarm_clock *self) {
  ar_deadline_unset(&self->w->run.sched, &self->other->due);
}

TEST("one that fires may take back another that is due as well") {
  world w;
  alarm_clock a[N];
  open_with(&w, a, N);
  set(&a[0], 10);
  set(&a[1], 20);
  set(&a[2], 20);
  a[0].then = unset_other;
  a[0].other = &a[1];
  expire(&w, 100);
  CHECK_STR(w.log, "02");
  world_close(&w);
}

static void set_other(alarm_clock *self) {
  set(self->other, self->when);
}

TEST("one that is set meanwhile waits for the next call, due or not") {
  world w;
  alarm_clock a[N];
  open_with(&w, a, N);
  set(&a[0], 10);
  set(&a[1], 20);
  a[0].then = set_other;
  a[0].other = &a[2];
  a[0].when = 15;
  expire(&w, 50);
  CHECK_STR(w.log, "01");
  CHECK(ar_deadline_is_set(&a[2].due));
  expire(&w, 50);
  CHECK_STR(w.log, "012");
  world_close(&w);
}

TEST("one that puts off another that is due as well puts it off indeed") {
  world w;
  alarm_clock a[N];
  open_with(&w, a, N);
  set(&a[0], 10);
  set(&a[1], 20);
  a[0].then = set_other;
  a[0].other = &a[1];
  a[0].when = 60;
  expire(&w, 50);
  CHECK_STR(w.log, "0");
  expire(&w, 60);
  CHECK_STR(w.log, "01");
  world_close(&w);
}

/* The story: a timer that sets itself to "now", or to the past, fired again
 * and again in one call, and nobody else ever did. */
TEST("a timer that always renews itself starves nobody") {
  world w;
  alarm_clock a[N];
  const ar_time whens[] = {50, 10, -1000, AR_TIME_MIN};
  for (size_t i = 0; i < ar_countof(whens); i++) {
    open_with(&w, a, N);
    set(&a[0], 10);
    set(&a[1], 20);
    set(&a[2], 50);
    a[0].then = set_other;
    a[0].other = &a[0];
    a[0].when = whens[i];
    expire(&w, 50);
    CHECK_STR(w.log, "012");
    expire(&w, 50);
    expire(&w, 51);
    CHECK_STR(w.log, "01200");
    ar_deadline_unset(&w.run.sched, &a[0].due);
    world_close(&w);
  }
}

TEST("outside of firing a time in the past is kept as it is") {
  world w;
  alarm_clock a[N];
  open_with(&w, a, N);
  set(&a[0], 100);
  expire(&w, 100);
  set(&a[1], 70);
  set(&a[2], 60);
  CHECK_EQ(ar_heap_min_key(&w.run.sched.deadlines), 60);
  expire(&w, 100);
  CHECK_STR(w.log, "021");
  world_close(&w);
}

TEST("no memory for a first deadline; moving one needs none") {
#ifdef AR_DEBUG
  world w;
  alarm_clock a[N];
  open_with(&w, a, N);
  ar_mem_fail_at(1);
  CHECK_EQ(ar_deadline_set(&w.run.sched, &a[0].due, 10), AR_ENOMEM);
  CHECK(!ar_deadline_is_set(&a[0].due));
  set(&a[0], 10);
  ar_mem_fail_at(1);
  set(&a[0], 20);
  ar_deadline_unset(&w.run.sched, &a[0].due);
  ar_mem_fail_at(0);
  world_close(&w);
#endif
}

TEST("a run may be closed with deadlines set: they are taken back") {
  world w;
  alarm_clock a[N];
  open_with(&w, a, N);
  set(&a[0], 10);
  set(&a[1], 20);
  world_close(&w);
  CHECK(!ar_deadline_is_set(&a[0].due));
  CHECK(!ar_deadline_is_set(&a[1].due));
}
