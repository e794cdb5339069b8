/* Small blocks of a Lua state. */

#include "base/slab.h"

#include "base/rand.h"
#include "ctest.h"

enum {
  REGION = 2 * 1024 * 1024,
  MANY = 3000,
  ROUNDS = 60000
};

/* A block that is filled with what it is told by. */
typedef struct {
  unsigned char *at;
  size_t size;
  unsigned char mark;
} block;

static void *get(ar_slabs *s, size_t size) {
  void *p = ar_slabs_lua_alloc(s, NULL, 5 /* a type tag */, size);
  CHECK(p != NULL);
  CHECK_EQ((uintptr_t)p % _Alignof(max_align_t), 0);
  return p;
}

static void put(ar_slabs *s, void *p, size_t size) {
  CHECK_EQ(ar_slabs_lua_alloc(s, p, size, 0), NULL);
}

static void check_filled(const block *b, size_t n) {
  for (size_t i = 0; i < n; i++)
    CHECK_EQ(b->at[i], b->mark);
}

TEST("nothing is given for no bytes, and nothing can be given back") {
  ar_slabs *s = ar_slabs_new();
  CHECK_EQ(ar_slabs_lua_alloc(s, NULL, 5, 0), NULL);
  CHECK_EQ(ar_slabs_regions(s), 0);
  ar_slabs_free(s);
  ar_slabs_free(NULL);
}

TEST("what was given back last is given first") {
  ar_slabs *s = ar_slabs_new();
  void *a = get(s, 40), *b = get(s, 40);
  put(s, a, 40);
  put(s, b, 40);
  CHECK_EQ(get(s, 33), b);
  CHECK_EQ(get(s, 48), a);
  ar_slabs_free(s);
}

TEST("a block that keeps its size class stays where it is") {
  ar_slabs *s = ar_slabs_new();
  void *p = get(s, 33);
  CHECK_EQ(ar_slabs_lua_alloc(s, p, 33, 48), p);
  CHECK(ar_slabs_lua_alloc(s, p, 48, 49) != p);
  ar_slabs_free(s);
}

TEST("blocks of all sizes keep what was written to them") {
  static block blocks[MANY];
  ar_slabs *s = ar_slabs_new();
  ar_rand rand;
  ar_rand_seed(&rand, 1);
  memset(blocks, 0, sizeof blocks);
  for (int round = 0; round < ROUNDS; round++) {
    block *b = &blocks[ar_rand_below(&rand, MANY)];
    /* Small ones mostly; some on both sides of the limit; none. */
    size_t size = (size_t)ar_rand_below(&rand, 8) == 0
                      ? (size_t)ar_rand_below(&rand, 3000)
                      : (size_t)ar_rand_below(&rand, 400);
    void *p = ar_slabs_lua_alloc(s, b->at, b->at != NULL ? b->size : 5, size);
    CHECK_EQ(p == NULL, size == 0);
    if (b->at != NULL && p != NULL) {
      b->at = p;
      check_filled(b, b->size < size ? b->size : size);
    }
    b->at = p;
    b->size = size;
    b->mark = (unsigned char)round;
    if (p != NULL)
      memset(p, b->mark, size);
  }
  for (int i = 0; i < MANY; i++) {
    check_filled(&blocks[i], blocks[i].at != NULL ? blocks[i].size : 0);
    (void)ar_slabs_lua_alloc(s, blocks[i].at, blocks[i].size, 0);
  }
  CHECK(ar_slabs_regions(s) <= 2);
  ar_slabs_free(s);
}

TEST("regions go back to the system, and serve another size") {
  enum {
    SIZE = 1000,
    N = 20 * (REGION / SIZE)
  };
  static void *p[N];
  ar_slabs *s = ar_slabs_new();
  size_t most;
  for (int i = 0; i < N; i++)
    p[i] = get(s, SIZE);
  most = ar_slabs_regions(s);
  CHECK(most >= 20 && most <= 22);
  for (int i = N - 1; i >= 0; i--)
    put(s, p[i], SIZE);
  CHECK(ar_slabs_regions(s) <= 2);
  for (int i = 0; i < N; i++)
    p[i] = get(s, SIZE / 2);
  CHECK(ar_slabs_regions(s) <= most / 2 + 2);
  ar_slabs_free(s);
}

TEST("a hole anywhere is used before more memory is asked for") {
  enum {
    SIZE = 512,
    N = 3 * (REGION / SIZE)
  };
  static void *p[N];
  ar_slabs *s = ar_slabs_new();
  size_t most;
  for (int i = 0; i < N; i++)
    p[i] = get(s, SIZE);
  most = ar_slabs_regions(s);
  for (int round = 0; round < 3; round++) {
    for (int i = round; i < N; i += 2)
      put(s, p[i], SIZE);
    for (int i = round; i < N; i += 2)
      p[i] = get(s, SIZE);
  }
  CHECK_EQ(ar_slabs_regions(s), most);
  ar_slabs_free(s);
}

#ifdef AR_DEBUG

TEST("all memory goes back with the slabs") {
  size_t before = ar_mem_stats().live_bytes;
  ar_slabs *s = ar_slabs_new();
  for (size_t size = 1; size <= AR_SLAB_MAX; size++)
    (void)get(s, size);
  CHECK(ar_mem_stats().live_bytes - before > REGION);
  ar_slabs_free(s);
  CHECK_EQ(ar_mem_stats().live_bytes, before);
}

TEST("without memory there are no slabs, and no block") {
  ar_slabs *s;
  ar_mem_fail_at(1);
  CHECK_EQ(ar_slabs_new(), NULL);
  s = ar_slabs_new();
  ar_mem_fail_at(1);
  CHECK_EQ(ar_slabs_lua_alloc(s, NULL, 5, 10), NULL);
  CHECK_EQ(ar_slabs_regions(s), 0);
  ar_slabs_free(s);
}

TEST("a block that cannot grow is as it was; one that cannot move stays") {
  ar_slabs *s = ar_slabs_new();
  char *p = get(s, 100);
  memcpy(p, "hello", 6);
  ar_mem_fail_at(1);
  CHECK_EQ(ar_slabs_lua_alloc(s, p, 100, 5000), NULL);
  ar_mem_fail_at(0);
  CHECK_STR(p, "hello");
  put(s, p, 100);
  ar_slabs_free(s);
}

/* The regions are full of blocks of one size: there is no slab for another. */
static void use_up(ar_slabs *s) {
  void *p;
  do {
    ar_mem_fail_at(1);
    p = ar_slabs_lua_alloc(s, NULL, 5, 1000);
  } while (p != NULL);
}

TEST("shrinking never fails, whatever becomes of the block then") {
  ar_slabs *s = ar_slabs_new();
  char *p = get(s, 5000), *q = get(s, 5000);
  (void)get(s, 1000);
  use_up(s);
  memcpy(p, "hello", 6);
  memcpy(q, "world", 6);
  ar_mem_fail_at(1);
  p = ar_slabs_lua_alloc(s, p, 5000, 10);
  CHECK_STR(p, "hello");
  ar_mem_fail_at(1);
  q = ar_slabs_lua_alloc(s, q, 5000, 10);
  CHECK_STR(q, "world");
  /* Both are blocks of malloc that are as small as a slab's. */
  p = ar_slabs_lua_alloc(s, p, 10, 6);
  CHECK_STR(p, "hello");
  q = ar_slabs_lua_alloc(s, q, 10, 4000);
  CHECK_STR(q, "world");
  put(s, p, 6);
  put(s, q, 4000);
  p = get(s, 64);
  put(s, p, 64);
  ar_slabs_free(s);
}

TEST("a small block that shrinks without memory stays in its slab") {
  ar_slabs *s = ar_slabs_new();
  char *p = get(s, 1000), *again;
  use_up(s);
  memcpy(p, "hello", 6);
  ar_mem_fail_at(1);
  again = ar_slabs_lua_alloc(s, p, 1000, 30);
  ar_mem_fail_at(0);
  CHECK_EQ(again, p);
  CHECK_STR(again, "hello");
  put(s, again, 30);
  CHECK_EQ(get(s, 1000), p);
  ar_slabs_free(s);
}

#endif
