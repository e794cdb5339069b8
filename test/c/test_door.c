/* Doors: who comes to a run that is about to end. */

#include <pthread.h>
#include <stdatomic.h>

#include "ctest.h"
#include "loop/door.h"
#include "loop/loop.h"

typedef struct {
  ar_loop *loop;
  ar_door *door;
} house;

static bool announce(ar_door *door) {
  (void)door;
  return true;
}

static house open_house(void) {
  house h;
  ar_mailbox *box;
  CHECK_EQ(ar_loop_new(&h.loop), 0);
  CHECK_EQ(ar_mailbox_of(h.loop, &box), 0);
  h.door = ar_door_new(box, "trio");
  h.door->run = h.loop;
  h.door->announce = announce;
  ar_loop_expect(h.loop, 1);
  return h;
}

static void close_house(house *h) {
  ar_door_close(h->door);
  ar_door_drop(h->door);
  CHECK_EQ(ar_loop_free(h->loop), 0);
}

TEST("a door that is sealed has heard who was let in, and lets nobody in") {
  house h = open_house();
  ar_call *early = ar_call_new(), *late = ar_call_new(), *got;
  ar_door_knock(h.door, early);
  CHECK_EQ(ar_list_length(&h.door->arrived), 0); /* on its way */
  ar_door_seal(h.door);
  ar_door_knock(h.door, late);
  CHECK_EQ(ar_call_state_of(late), AR_CALL_REFUSED);
  got = ar_door_take_call(h.door);
  CHECK(got == early);
  CHECK_EQ(ar_call_state_of(early), AR_CALL_WAITING);
  ar_call_drop(got);
  ar_door_seal(h.door); /* it stays so */
  ar_loop_poll(h.loop);
  CHECK(ar_door_take_call(h.door) == NULL);
  close_house(&h);
  ar_call_drop(early);
  ar_call_drop(late);
}

TEST("a door that is closed unsealed refuses who was let in") {
  house h = open_house();
  ar_call *call = ar_call_new(), *late = ar_call_new();
  ar_door *door = h.door;
  ar_shared_take(&door->shared);
  ar_door_knock(door, call);
  close_house(&h);
  CHECK_EQ(ar_call_state_of(call), AR_CALL_REFUSED);
  ar_door_knock(door, late);
  CHECK_EQ(ar_call_state_of(late), AR_CALL_REFUSED);
  ar_door_drop(door);
  ar_call_drop(call);
  ar_call_drop(late);
}

/* ---- loops that stand still ---- */

TEST("who would close a circle of blocked threads must not block") {
  house a = open_house(), b = open_house();
  ar_call *to_a = ar_call_new(), *to_b = ar_call_new();
  CHECK(ar_door_block(a.door, to_b, b.door, false));
  CHECK(!ar_door_block(b.door, to_a, a.door, false));
  CHECK(b.door->block.call == NULL);
  CHECK(ar_call_finish(to_b, AR_CALL_ANSWERED, NULL)); /* a wakes soon */
  CHECK(ar_door_block(b.door, to_a, a.door, false));
  ar_door_unblock(a.door);
  ar_door_unblock(b.door);
  ar_call_drop(to_a);
  ar_call_drop(to_b);
  close_house(&a);
  close_house(&b);
}

TEST("who waits for a beginning only is let go instead") {
  house a = open_house(), b = open_house();
  ar_call *to_a = ar_call_new(), *to_b = ar_call_new();
  CHECK(ar_door_block(a.door, to_b, b.door, true));
  CHECK(ar_door_block(b.door, to_a, a.door, false));
  ar_call_join_begun(to_b); /* nobody has */
  CHECK_EQ(ar_call_state_of(to_b), AR_CALL_WAITING);
  ar_door_unblock(a.door);
  ar_door_unblock(b.door);
  ar_call_drop(to_a);
  ar_call_drop(to_b);
  close_house(&a);
  close_house(&b);
}

/* ---- many at once ------------------------------------------------------- */

#define N_KNOCKERS 4
#define N_ROUNDS 100
#define MANY 1000

typedef struct {
  pthread_t thread;
  ar_door *door; /* counted */
  size_t n_let_in;
} knocker;

static atomic_size_t n_begun;

/* Brings calls until one is refused, or there were many. */
static void *knock(void *arg) {
  knocker *k = arg;
  bool open;
  atomic_fetch_add(&n_begun, 1);
  do {
    ar_call *call = ar_call_new();
    ar_door_knock(k->door, call);
    open = ar_call_state_of(call) != AR_CALL_REFUSED;
    k->n_let_in += open;
    ar_call_drop(call);
  } while (open && k->n_let_in < MANY);
  ar_door_drop(k->door);
  return NULL;
}

static size_t take_all(ar_door *door) {
  size_t n = 0;
  ar_call *call;
  while ((call = ar_door_take_call(door)) != NULL) {
    ar_call_drop(call);
    n++;
  }
  return n;
}

/* A run that ends while others come as fast as they can. */
static void storm(size_t n_turns) {
  house h = open_house();
  knocker k[N_KNOCKERS];
  size_t n_taken = 0, n_let_in = 0;
  atomic_store(&n_begun, 0);
  for (int i = 0; i < N_KNOCKERS; i++) {
    ar_shared_take(&h.door->shared);
    k[i].door = h.door;
    k[i].n_let_in = 0;
    CHECK_EQ(pthread_create(&k[i].thread, NULL, knock, &k[i]), 0);
  }
  while (atomic_load(&n_begun) == 0)
    continue;
  for (size_t i = 0; i < n_turns; i++) {
    ar_loop_poll(h.loop);
    n_taken += take_all(h.door);
  }
  ar_door_seal(h.door);
  n_taken += take_all(h.door);
  ar_loop_poll(h.loop);
  CHECK(ar_door_take_call(h.door) == NULL);
  for (int i = 0; i < N_KNOCKERS; i++) {
    CHECK_EQ(pthread_join(k[i].thread, NULL), 0);
    n_let_in += k[i].n_let_in;
  }
  CHECK_EQ(n_taken, n_let_in);
  close_house(&h);
}

TEST("of those who come while a door is sealed each is heard or refused") {
  for (size_t i = 0; i < N_ROUNDS; i++)
    storm(i % 5);
}
