/* The heap of deadlines. */

#include "base/heap.h"

#include "base/err.h"
#include "base/rand.h"
#include "ctest.h"

enum {
  MANY = 100000
};

typedef struct timer {
  ar_heap_node node;
  ar_time key;  /* what the heap should say */
  uint64_t seq; /* when it got that key */
} timer;

static timer *timer_of(ar_heap_node *node) {
  return node == NULL ? NULL : ar_container_of(node, timer, node);
}

static void insert(ar_heap *h, timer *t, ar_time key, uint64_t seq) {
  t->key = key;
  t->seq = seq;
  CHECK_EQ(ar_heap_insert(h, &t->node, key), 0);
}

/* Nodes know their places, and no child is due before its parent. */
static void check_heap(const ar_heap *h) {
  for (size_t i = 0; i < h->size; i++) {
    const ar_heap_entry *e = &h->entries[i];
    CHECK_EQ(e->node->pos, i + 1);
    CHECK_EQ(e->key, timer_of(e->node)->key);
    if (i > 0) {
      const ar_heap_entry *parent = &h->entries[(i - 1) / 4];
      CHECK(parent->key < e->key ||
            (parent->key == e->key && parent->seq < e->seq));
    }
  }
}

/* Take all out; each must be due after the one before. */
static size_t drain(ar_heap *h) {
  const timer *last = NULL;
  size_t count = 0;
  while (ar_heap_size(h) > 0) {
    timer *t = timer_of(ar_heap_min(h));
    CHECK_EQ(ar_heap_min_key(h), t->key);
    if (last != NULL)
      CHECK(last->key < t->key || (last->key == t->key && last->seq < t->seq));
    ar_heap_remove(h, &t->node);
    CHECK(!ar_heap_is_in(&t->node));
    last = t;
    count++;
  }
  return count;
}

TEST("an empty heap has no first node and is due never") {
  ar_heap h;
  ar_heap_init(&h);
  CHECK_EQ(ar_heap_size(&h), 0);
  CHECK_EQ(ar_heap_min(&h), NULL);
  CHECK_EQ(ar_heap_min_key(&h), AR_TIME_MAX);
  ar_heap_close(&h);
}

TEST("the smallest key comes first") {
  ar_heap h;
  timer t[3] = {0};
  ar_heap_init(&h);
  insert(&h, &t[0], 30, 0);
  insert(&h, &t[1], 10, 1);
  insert(&h, &t[2], 20, 2);
  CHECK_EQ(ar_heap_min(&h), &t[1].node);
  CHECK_EQ(ar_heap_min_key(&h), 10);
  CHECK_EQ(ar_heap_key(&h, &t[2].node), 20);
  CHECK_EQ(drain(&h), 3);
  ar_heap_close(&h);
}

TEST("equal keys come out in the order they were put in") {
  ar_heap h;
  timer t[50] = {0};
  ar_heap_init(&h);
  for (size_t i = 0; i < ar_countof(t); i++)
    insert(&h, &t[i], 5, i);
  for (size_t i = 0; i < ar_countof(t); i++) {
    CHECK_EQ(ar_heap_min(&h), &t[i].node);
    ar_heap_remove(&h, &t[i].node);
  }
  ar_heap_close(&h);
}

TEST("negative and endless keys are keys like others") {
  ar_heap h;
  timer t[4] = {0};
  ar_heap_init(&h);
  insert(&h, &t[0], AR_TIME_MAX, 0);
  insert(&h, &t[1], 0, 1);
  insert(&h, &t[2], AR_TIME_MIN, 2);
  insert(&h, &t[3], -1, 3);
  CHECK_EQ(ar_heap_min_key(&h), AR_TIME_MIN);
  CHECK_EQ(drain(&h), 4);
  ar_heap_close(&h);
}

TEST("a node that is in no heap can be removed all the same") {
  ar_heap h;
  timer t[2] = {0};
  ar_heap_init(&h);
  ar_heap_remove(&h, &t[0].node);
  insert(&h, &t[1], 1, 0);
  ar_heap_remove(&h, &t[0].node);
  ar_heap_remove(&h, &t[1].node);
  ar_heap_remove(&h, &t[1].node);
  CHECK_EQ(ar_heap_size(&h), 0);
  ar_heap_close(&h);
}

TEST("a removed node can be put in again") {
  ar_heap h;
  timer t[1] = {0};
  ar_heap_init(&h);
  insert(&h, &t[0], 1, 0);
  ar_heap_remove(&h, &t[0].node);
  insert(&h, &t[0], 2, 1);
  CHECK_EQ(ar_heap_min_key(&h), 2);
  CHECK_EQ(drain(&h), 1);
  ar_heap_close(&h);
}

TEST("any node can be removed, whatever its place") {
  enum {
    COUNT = 40
  };
  for (size_t gone = 0; gone < COUNT; gone++) {
    ar_heap h;
    timer t[COUNT] = {0};
    ar_heap_init(&h);
    for (size_t i = 0; i < COUNT; i++)
      insert(&h, &t[i], (ar_time)((i * 17) % COUNT), i);
    ar_heap_remove(&h, &t[gone].node);
    CHECK(!ar_heap_is_in(&t[gone].node));
    check_heap(&h);
    CHECK_EQ(drain(&h), COUNT - 1);
    ar_heap_close(&h);
  }
}

TEST("a node with a new key moves up or down") {
  ar_heap h;
  timer t[3] = {0};
  ar_heap_init(&h);
  for (size_t i = 0; i < 3; i++)
    insert(&h, &t[i], (ar_time)(10 * (i + 1)), i);
  t[2].key = 5;
  ar_heap_update(&h, &t[2].node, 5);
  CHECK_EQ(ar_heap_min(&h), &t[2].node);
  t[2].key = 50;
  ar_heap_update(&h, &t[2].node, 50);
  CHECK_EQ(ar_heap_min(&h), &t[0].node);
  check_heap(&h);
  ar_heap_close(&h);
}

TEST("a node updated to a key goes behind those that had it") {
  ar_heap h;
  timer t[3] = {0};
  ar_heap_init(&h);
  for (size_t i = 0; i < 3; i++)
    insert(&h, &t[i], 7, i);
  ar_heap_update(&h, &t[0].node, 7);
  t[0].seq = 3;
  CHECK_EQ(ar_heap_min(&h), &t[1].node);
  CHECK_EQ(drain(&h), 3);
  ar_heap_close(&h);
}

TEST("closing takes out what is still in") {
  ar_heap h;
  timer t[1] = {0};
  ar_heap_init(&h);
  insert(&h, &t[0], 1, 0);
  ar_heap_close(&h);
  CHECK(!ar_heap_is_in(&t[0].node));
  CHECK_EQ(ar_heap_size(&h), 0);
  ar_heap_close(&h);
}

TEST("random inserts, removals and updates keep the order") {
  static timer t[500];
  ar_heap h;
  ar_rand r;
  uint64_t seq = 0;
  ar_heap_init(&h);
  ar_rand_seed(&r, 42);
  for (int step = 0; step < 20000; step++) {
    timer *one = &t[ar_rand_below(&r, ar_countof(t))];
    ar_time key = (ar_time)ar_rand_below(&r, 100);
    if (!ar_heap_is_in(&one->node)) {
      insert(&h, one, key, seq++);
    } else if (ar_rand_below(&r, 2) == 0) {
      ar_heap_remove(&h, &one->node);
    } else {
      one->key = key;
      one->seq = seq++;
      ar_heap_update(&h, &one->node, key);
    }
    if (step % 100 == 0)
      check_heap(&h);
  }
  CHECK(drain(&h) > 0);
  ar_heap_close(&h);
}

TEST("a hundred thousand nodes come out in order") {
  static timer t[MANY];
  ar_heap h;
  ar_rand r;
  ar_heap_init(&h);
  ar_rand_seed(&r, 1);
  for (size_t i = 0; i < MANY; i++)
    insert(&h, &t[i], (ar_time)ar_rand_below(&r, MANY / 2), i);
  check_heap(&h);
  CHECK_EQ(drain(&h), MANY);
  ar_heap_close(&h);
}

TEST("after a reserve so many inserts need no memory") {
  ar_heap h;
  timer t[100] = {0};
  ar_heap_init(&h);
  CHECK_EQ(ar_heap_reserve(&h, 100), 0);
  ar_mem_fail_at(1);
  for (size_t i = 0; i < 100; i++)
    insert(&h, &t[i], 1, i);
  ar_heap_close(&h);
}

TEST("reserving more than memory can hold is refused") {
  ar_heap h;
  ar_heap_init(&h);
  CHECK_EQ(ar_heap_reserve(&h, SIZE_MAX), AR_ENOMEM);
  CHECK_EQ(ar_heap_reserve(&h, SIZE_MAX / 2), AR_ENOMEM);
  ar_heap_close(&h);
}

#ifdef AR_DEBUG

TEST("an insert without memory fails and changes nothing") {
  ar_heap h;
  timer t[17] = {0};
  ar_heap_init(&h);
  for (size_t i = 0; i < 16; i++)
    insert(&h, &t[i], (ar_time)i, i);
  ar_mem_fail_at(1);
  CHECK_EQ(ar_heap_insert(&h, &t[16].node, 0), AR_ENOMEM);
  CHECK(!ar_heap_is_in(&t[16].node));
  CHECK_EQ(ar_heap_size(&h), 16);
  check_heap(&h);
  insert(&h, &t[16], 99, 16);
  CHECK_EQ(drain(&h), 17);
  ar_heap_close(&h);
}

TEST("a node cannot be put in twice, nor updated while it is out") {
  ar_heap h;
  timer t[1] = {0};
  ar_heap_init(&h);
  CHECK_ABORTS("node->pos != 0", ar_heap_update(&h, &t[0].node, 1));
  insert(&h, &t[0], 1, 0);
  CHECK_ABORTS("node->pos == 0", insert(&h, &t[0], 2, 1));
  ar_heap_close(&h);
}

#endif

TEST("room for fewer than there is room for is no work") {
  ar_heap h;
  ar_heap_init(&h);
  CHECK_EQ(ar_heap_reserve(&h, 100), 0);
  ar_heap_entry *before = h.entries;
  CHECK_EQ(ar_heap_reserve(&h, 100), 0);
  CHECK_EQ(ar_heap_reserve(&h, 1), 0);
  CHECK(h.entries == before);
  ar_heap_close(&h);
}
