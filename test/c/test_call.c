/* Calls between threads, doors, crews. */

#include "base/err.h"
#include "ctest.h"
#include "loop/cell.h"
#include "loop/clock.h"
#include "loop/crew.h"
#include "loop/door.h"
#include "loop/loop.h"

static ar_parcel *parcel_of(unsigned char byte) {
  ar_parcel *parcel = ar_parcel_new();
  CHECK_EQ(ar_parcel_reserve(parcel, 1), 0);
  parcel->bytes[parcel->size++] = byte;
  return parcel;
}

TEST("a call is taken once and finished once") {
  ar_call *call = ar_call_new();
  ar_parcel *request;
  call->request = parcel_of(1);
  CHECK_EQ(ar_call_state_of(call), AR_CALL_WAITING);
  request = ar_call_take(call);
  CHECK_EQ(request->bytes[0], 1);
  CHECK(ar_call_take(call) == NULL);
  ar_parcel_free(request);
  CHECK(ar_call_finish(call, AR_CALL_ANSWERED, parcel_of(2)));
  CHECK(!ar_call_finish(call, AR_CALL_REFUSED, parcel_of(3)));
  CHECK_EQ(ar_call_state_of(call), AR_CALL_ANSWERED);
  request = ar_call_take_answer(call);
  CHECK_EQ(request->bytes[0], 2);
  ar_parcel_free(request);
  ar_call_drop(call);
}

TEST("one that is withdrawn is not begun") {
  ar_call *call = ar_call_new();
  call->request = parcel_of(1);
  CHECK(ar_call_finish(call, AR_CALL_WITHDRAWN, NULL));
  CHECK(ar_call_take(call) == NULL);
  ar_call_begin(call);
  CHECK(ar_call_request(call) != NULL); /* whoever has it may look at it */
  CHECK_EQ(ar_call_state_of(call), AR_CALL_WITHDRAWN);
  ar_call_drop(call);
}

TEST("what a call backs is refused when the call is over") {
  ar_call *call = ar_call_new(), *promise = ar_call_new();
  call->backs = promise;
  ar_shared_take(&promise->shared);
  CHECK(ar_call_finish(call, AR_CALL_ANSWERED, NULL));
  CHECK_EQ(ar_call_state_of(promise), AR_CALL_REFUSED);
  ar_call_drop(call);
  ar_call_drop(promise);
}

TEST("waiting for a call ends with the time") {
  ar_call *call = ar_call_new();
  CHECK(!ar_call_join(call, ar_clock_monotonic() + 1000000));
  CHECK(ar_call_finish(call, AR_CALL_REFUSED, NULL));
  CHECK(ar_call_join(call, AR_TIME_MAX));
  ar_call_join_begun(call);
  ar_call_drop(call);
}

static bool announced;

static bool announce(ar_door *door) {
  (void)door;
  announced = true;
  return true;
}

TEST("calls come through a door in order, and are refused when it is closed") {
  ar_loop *loop;
  ar_mailbox *box;
  ar_door *door;
  ar_call *calls[3];
  CHECK_EQ(ar_loop_new(&loop), 0);
  ar_loop_expect(loop, 1);
  CHECK_EQ(ar_mailbox_of(loop, &box), 0);
  door = ar_door_new(box, "asyncio");
  door->run = &loop;
  door->announce = announce;
  announced = false;
  for (int i = 0; i < 3; i++) {
    calls[i] = ar_call_new();
    ar_door_knock(door, calls[i]);
  }
  ar_loop_poll(loop);
  CHECK(announced);
  for (int i = 0; i < 2; i++) {
    ar_call *call = ar_door_take_call(door);
    CHECK(call == calls[i]);
    ar_call_drop(call);
  }
  ar_door_close(door);
  CHECK_EQ(ar_call_state_of(calls[2]), AR_CALL_REFUSED);
  ar_door_knock(door, calls[0]);
  ar_loop_poll(loop);
  CHECK_EQ(ar_call_state_of(calls[0]), AR_CALL_REFUSED);
  CHECK_EQ(ar_loop_free(loop), 0);
  ar_door_knock(door, calls[1]); /* the loop is gone */
  CHECK_EQ(ar_call_state_of(calls[1]), AR_CALL_REFUSED);
  for (int i = 0; i < 3; i++)
    ar_call_drop(calls[i]);
  ar_door_drop(door);
}

static int news;

static void on_news(ar_call *call) {
  (void)call;
  news++;
}

TEST("asks reach whoever serves them, and the door when nobody does") {
  ar_loop *loop;
  ar_mailbox *box;
  ar_call *call = ar_call_new(), *ask = ar_call_new(), *late = ar_call_new();
  CHECK_EQ(ar_loop_new(&loop), 0);
  ar_loop_expect(loop, 1);
  CHECK_EQ(ar_mailbox_of(loop, &box), 0);
  call->home = ar_mailbox_ref(box);
  call->on_news = on_news;
  news = 0;
  CHECK(ar_call_ask(call, ask));
  ar_loop_poll(loop);
  CHECK_EQ(news, 1);
  CHECK(ar_call_take_ask(call) == ask);
  ar_call_drop(ask);
  CHECK(ar_call_ask(call, late));
  ar_call_desert(call); /* no door either: it is refused */
  CHECK_EQ(ar_call_state_of(late), AR_CALL_REFUSED);
  CHECK(ar_call_is_deserted(call));
  CHECK(!ar_call_ask(call, ask));
  ar_loop_poll(loop);
  CHECK_EQ(ar_loop_free(loop), 0);
  CHECK(ar_call_finish(call, AR_CALL_ANSWERED, NULL));
  ar_call_drop(call);
  ar_call_drop(ask);
  ar_call_drop(late);
}

/* A job of a crew: a call, which it answers by how often its thread ran. */
static void *run(void **own, void *job) {
  (void)job;
  if (*own == NULL)
    *own = ar_mem_zalloc(sizeof(int));
  ++*(int *)*own;
  return parcel_of((unsigned char)*(int *)*own);
}

static void tell(void *job, void *answer) {
  ar_call *call = job;
  (void)ar_call_finish(call, AR_CALL_ANSWERED, answer);
  ar_call_drop(call);
}

static void rest(void *own) {
  (void)own;
}

static void end(void *own) {
  ar_mem_free(own, own != NULL ? sizeof(int) : 0);
}

static const ar_duty kept = {.name = "kept",
                             .patience = 1000000000,
                             .pause = 1000000,
                             .run = run,
                             .tell = tell,
                             .rest = rest,
                             .end = end};
static const ar_duty once = {.name = "once",
                             .once = true,
                             .run = run,
                             .tell = tell,
                             .rest = rest,
                             .end = end};

static int run_one(ar_crew *crew) {
  ar_call *call = ar_call_new();
  ar_parcel *answer;
  int runs;
  ar_shared_take(&call->shared);
  CHECK_EQ(ar_crew_run(crew, call), 0);
  CHECK(ar_call_join(call, AR_TIME_MAX));
  answer = ar_call_take_answer(call);
  runs = answer->bytes[0];
  ar_parcel_free(answer);
  ar_call_drop(call);
  return runs;
}

TEST("whoever hears of the end of a job finds its thread idle") {
  ar_crew *crew = ar_crew_new(&kept);
  unsigned busy, idle;
  for (int i = 1; i <= 200; i++) {
    CHECK_EQ(run_one(crew), i);
    ar_crew_count(crew, &busy, &idle);
    CHECK_EQ(busy, 0);
    CHECK_EQ(idle, 1);
  }
  ar_crew_dismiss(crew);
  CHECK_EQ(run_one(crew), 1);
  ar_crew_close(crew, true);
}

static atomic_int n_rested, n_ended;

static void count_rest(void *own) {
  (void)own;
  atomic_fetch_add(&n_rested, 1);
}

static void count_end(void *own) {
  end(own);
  atomic_fetch_add(&n_ended, 1);
}

static const ar_duty brief = {.name = "brief",
                              .patience = 2000000,
                              .pause = 1000000,
                              .run = run,
                              .tell = tell,
                              .rest = count_rest,
                              .end = count_end};

/* Its end is waited for, however long the machine takes. */
TEST("a thread rests after the pause and ends when its patience does") {
  ar_crew *crew = ar_crew_new(&brief);
  unsigned busy = 1, idle = 1;
  atomic_store(&n_rested, 0);
  atomic_store(&n_ended, 0);
  CHECK_EQ(run_one(crew), 1);
  while (atomic_load(&n_ended) == 0)
    ar_crew_count(crew, &busy, &idle);
  ar_crew_count(crew, &busy, &idle);
  CHECK_EQ(atomic_load(&n_rested), 1);
  CHECK_EQ(busy, 0);
  CHECK_EQ(idle, 0);
  CHECK_EQ(run_one(crew), 1); /* a new one */
  ar_crew_close(crew, true);
  CHECK_EQ(atomic_load(&n_ended), 2);
}

/* Jobs come just when patience ends: none is lost. */
TEST("a job that comes as its thread is about to end is done") {
  static const ar_duty hasty = {
      .name = "hasty", .run = run, .tell = tell, .rest = rest, .end = end};
  ar_crew *crew = ar_crew_new(&hasty);
  for (int i = 0; i < 200; i++)
    CHECK(run_one(crew) >= 1);
  ar_crew_close(crew, true);
}

TEST("a thread that runs one job is not used again") {
  ar_crew *crew = ar_crew_new(&once);
  CHECK_EQ(run_one(crew), 1);
  CHECK_EQ(run_one(crew), 1);
  ar_crew_close(crew, true);
}

TEST("a cell keeps its parcel") {
  ar_cell *cell = ar_cell_new();
  ar_cell_lock(cell);
  cell->values = parcel_of(7);
  ar_cell_unlock(cell);
  CHECK_EQ(cell->values->bytes[0], 7);
  ar_shared_drop(&cell->shared);
}

TEST("waiting alertly ends by the flag, the time or the end") {
  ar_call *call = ar_call_new();
  volatile int flag = 1;
  CHECK(!ar_call_join_alert(call, AR_TIME_MAX, &flag));
  flag = 0;
  CHECK(!ar_call_join_alert(call, ar_clock_monotonic() + 1000000, &flag));
  CHECK(ar_call_finish(call, AR_CALL_ANSWERED, NULL));
  CHECK(ar_call_join_alert(call, AR_TIME_MAX, &flag));
  ar_call_drop(call);
}
