/* The door to malloc. */

#include "base/mem.h"

#include "ctest.h"

TEST("zeroed memory is zero") {
  unsigned char *p = ar_mem_zalloc(100);
  CHECK(p != NULL);
  for (size_t i = 0; i < 100; i++)
    CHECK_EQ(p[i], 0);
  ar_mem_free(p, 100);
}

TEST("a block of no bytes is a block") {
  void *a = ar_mem_alloc(0);
  void *b = ar_mem_zalloc(0);
  CHECK(a != NULL && b != NULL && a != b);
  ar_mem_free(a, 0);
  ar_mem_free(b, 0);
}

TEST("freeing nothing does nothing") {
  ar_mem_free(NULL, 0);
}

TEST("blocks are aligned for every type") {
  for (size_t size = 1; size < 100; size += 7) {
    void *p = ar_mem_alloc(size);
    CHECK_EQ((uintptr_t)p % _Alignof(max_align_t), 0);
    ar_mem_free(p, size);
  }
}

TEST("a resized block keeps what fits") {
  char *p = ar_mem_realloc(NULL, 0, 6);
  CHECK(p != NULL);
  memcpy(p, "hello", 6);
  p = ar_mem_realloc(p, 6, 1000);
  CHECK_STR(p, "hello");
  p = ar_mem_realloc(p, 1000, 3);
  CHECK(memcmp(p, "hel", 3) == 0);
  ar_mem_free(p, 3);
}

TEST("Lua's allocator allocates, grows, shrinks and frees") {
  char *p = ar_mem_lua_alloc(NULL, NULL, 5 /* a type tag */, 10);
  CHECK(p != NULL);
  memcpy(p, "123456789", 10);
  p = ar_mem_lua_alloc(NULL, p, 10, 100);
  CHECK_STR(p, "123456789");
  p = ar_mem_lua_alloc(NULL, p, 100, 4);
  CHECK(memcmp(p, "1234", 4) == 0);
  CHECK_EQ(ar_mem_lua_alloc(NULL, p, 4, 0), NULL);
  CHECK_EQ(ar_mem_lua_alloc(NULL, NULL, 5, 0), NULL);
}

#ifdef AR_DEBUG

TEST("more than there can be is refused") {
  CHECK_EQ(ar_mem_alloc(SIZE_MAX - 8), NULL);
}

TEST("living bytes and blocks are counted") {
  ar_mem_stat before = ar_mem_stats();
  void *a = ar_mem_alloc(10);
  void *b = ar_mem_zalloc(20);
  CHECK_EQ(ar_mem_stats().live_bytes - before.live_bytes, 30);
  CHECK_EQ(ar_mem_stats().live_blocks - before.live_blocks, 2);
  CHECK_EQ(ar_mem_stats().calls - before.calls, 2);
  a = ar_mem_realloc(a, 10, 50);
  CHECK_EQ(ar_mem_stats().live_bytes - before.live_bytes, 70);
  a = ar_mem_lua_alloc(NULL, a, 50, 5);
  CHECK_EQ(ar_mem_stats().live_bytes - before.live_bytes, 25);
  ar_mem_free(a, 5);
  ar_mem_free(b, 20);
  CHECK_EQ(ar_mem_stats().live_bytes, before.live_bytes);
  CHECK_EQ(ar_mem_stats().live_blocks, before.live_blocks);
}

TEST("the n-th request fails, once") {
  void *p[3];
  ar_mem_fail_at(2);
  p[0] = ar_mem_alloc(1);
  p[1] = ar_mem_zalloc(1);
  p[2] = ar_mem_alloc(1);
  CHECK(p[0] != NULL);
  CHECK_EQ(p[1], NULL);
  CHECK(p[2] != NULL);
  ar_mem_free(p[0], 1);
  ar_mem_free(p[2], 1);
}

TEST("a planned failure can be taken back") {
  void *p;
  ar_mem_fail_at(1);
  ar_mem_fail_at(0);
  p = ar_mem_alloc(1);
  CHECK(p != NULL);
  ar_mem_free(p, 1);
}

TEST("a resize that fails leaves the block as it was") {
  char *p = ar_mem_alloc(3);
  memcpy(p, "ab", 3);
  ar_mem_fail_at(1);
  CHECK_EQ(ar_mem_realloc(p, 3, 100), NULL);
  CHECK_STR(p, "ab");
  ar_mem_fail_at(1);
  CHECK_EQ(ar_mem_lua_alloc(NULL, p, 3, 100), NULL);
  CHECK_STR(p, "ab");
  CHECK_EQ(ar_mem_realloc(p, 3, SIZE_MAX), NULL); /* no such size */
  CHECK_STR(p, "ab");
  CHECK_EQ(ar_mem_realloc(NULL, 0, SIZE_MAX), NULL);
  ar_mem_free(p, 3);
}

TEST("shrinking for Lua never fails") {
  char *p = ar_mem_alloc(100);
  ar_mem_fail_at(1);
  CHECK_EQ(ar_mem_lua_alloc(NULL, p, 100, 10), p);
  ar_mem_fail_at(0);
  ar_mem_free(p, 10);
}

TEST("a block freed under a wrong size is found out") {
  void *p = ar_mem_alloc(10);
  CHECK_ABORTS("h->is.size == size", ar_mem_free(p, 11));
  ar_mem_free(p, 10);
}

TEST("memory that never came from here is found out") {
  uint64_t foreign[16] = {0};
  CHECK_ABORTS("h->is.mark == MARK_LIVE", ar_mem_free(&foreign[8], 8));
}

#else

TEST("a release build counts nothing and never fails on demand") {
  void *p;
  ar_mem_fail_at(1);
  p = ar_mem_alloc(1);
  CHECK(p != NULL);
  CHECK_EQ(ar_mem_stats().live_blocks, 0);
  CHECK_EQ(ar_mem_stats().calls, 0);
  ar_mem_free(p, 1);
}

#endif
