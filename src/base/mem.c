/*
 * The only malloc.
 *
 * Release: malloc, plainly. Debug: each block carries its size and a mark
 * in front, by which a wrong size or a second free is caught, and counters
 * are kept. Those counters are the one writable state at file scope in
 * this room beside trace.c's ring: they exist under AR_DEBUG only, must be
 * reachable from the Lua allocator of any state, and are atomic because
 * worker threads come through here too.
 */

#include "base/mem.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#ifdef AR_DEBUG

#include <stdatomic.h>

enum {
  FILL_NEW = 0xA5,  /* what fresh memory reads as */
  FILL_FREED = 0xDD /* what memory reads as after it was given back */
};

#define MARK_LIVE UINT64_C(0x616e7972756e6d65)
#define MARK_FREED UINT64_C(0x6672656564667265)

/* In front of every block; as large as its alignment, so the block is
   aligned as malloc's are. */
typedef union header {
  struct {
    uint64_t mark;
    size_t size;
  } is;
  max_align_t align;
} header;

static struct {
  _Atomic size_t live_bytes;
  _Atomic size_t live_blocks;
  _Atomic uint64_t calls;
  _Atomic uint64_t fail_at;    /* value of `calls` that fails; 0 = none */
  _Atomic uint64_t fail_times; /* so many from there on */
} debug;

/* Counts a request; true if this is one that was asked to fail. (One from
 * before `at` makes a huge difference.) */
static bool must_fail(void) {
  uint64_t call = atomic_fetch_add(&debug.calls, 1) + 1;
  uint64_t at = atomic_load(&debug.fail_at);
  return AR_UNLIKELY(at != 0 && call - at < atomic_load(&debug.fail_times));
}

static void count_in(size_t size) {
  atomic_fetch_add(&debug.live_bytes, size);
  atomic_fetch_add(&debug.live_blocks, 1);
}

static void count_out(size_t size) {
  atomic_fetch_sub(&debug.live_bytes, size);
  atomic_fetch_sub(&debug.live_blocks, 1);
}

/* A block of `size` bytes that does not count as a request. */
static void *new_block(size_t size) {
  header *h;
  if (size > SIZE_MAX - sizeof(header))
    return NULL;
  h = malloc(sizeof(header) + size);
  if (h == NULL)
    return NULL;
  h->is.mark = MARK_LIVE;
  h->is.size = size;
  count_in(size);
  memset(h + 1, FILL_NEW, size);
  return h + 1;
}

void *ar_mem_alloc(size_t size) {
  return must_fail() ? NULL : new_block(size);
}

void *ar_mem_zalloc(size_t size) {
  void *p = ar_mem_alloc(size);
  if (p != NULL)
    memset(p, 0, size);
  return p;
}

/* Always moves, so that a pointer kept across it is found out. */
void *ar_mem_realloc(void *p, size_t old_size, size_t new_size) {
  void *moved;
  AR_ASSERT(p != NULL || old_size == 0);
  if (must_fail())
    return NULL;
  moved = new_block(new_size);
  if (moved == NULL || p == NULL)
    return moved;
  memcpy(moved, p, old_size < new_size ? old_size : new_size);
  ar_mem_free(p, old_size);
  return moved;
}

void ar_mem_free(void *p, size_t size) {
  header *h;
  if (p == NULL)
    return;
  h = (header *)p - 1;
  AR_ASSERT(h->is.mark == MARK_LIVE);
  AR_ASSERT(h->is.size == size);
  count_out(size);
  h->is.mark = MARK_FREED;
  memset(p, FILL_FREED, size);
  free(h);
}

/* Lua relies on shrinking: done in place, never counted, never failed. */
static void *shrink(void *p, size_t new_size) {
  header *h = (header *)p - 1;
  AR_ASSERT(h->is.mark == MARK_LIVE && h->is.size >= new_size);
  atomic_fetch_sub(&debug.live_bytes, h->is.size - new_size);
  memset((char *)p + new_size, FILL_FREED, h->is.size - new_size);
  h->is.size = new_size;
  return p;
}

ar_mem_stat ar_mem_stats(void) {
  ar_mem_stat s;
  s.live_bytes = atomic_load(&debug.live_bytes);
  s.live_blocks = atomic_load(&debug.live_blocks);
  s.calls = atomic_load(&debug.calls);
  return s;
}

void ar_mem_fail_from(uint64_t n, uint64_t times) {
  atomic_store(&debug.fail_times, times);
  atomic_store(&debug.fail_at, n == 0 ? 0 : atomic_load(&debug.calls) + n);
}

#else /* release */

static bool must_fail(void) {
  return false;
}

static void count_in(size_t size) {
  (void)size;
}

static void count_out(size_t size) {
  (void)size;
}

/* malloc(0) may be NULL, which would look like a failure. */
void *ar_mem_alloc(size_t size) {
  return malloc(size > 0 ? size : 1);
}

void *ar_mem_zalloc(size_t size) {
  return calloc(1, size > 0 ? size : 1);
}

void *ar_mem_realloc(void *p, size_t old_size, size_t new_size) {
  (void)old_size;
  return realloc(p, new_size > 0 ? new_size : 1);
}

void ar_mem_free(void *p, size_t size) {
  (void)size;
  free(p);
}

/* realloc may refuse to shrink in theory; the block is large enough. */
static void *shrink(void *p, size_t new_size) {
  void *shrunk = realloc(p, new_size);
  return shrunk != NULL ? shrunk : p;
}

ar_mem_stat ar_mem_stats(void) {
  ar_mem_stat none = {0, 0, 0};
  return none;
}

void ar_mem_fail_from(uint64_t n, uint64_t times) {
  (void)n;
  (void)times;
}

#endif

/* Twice as much is asked for, and what is not aligned is given back. */
void *ar_mem_region_new(size_t size, bool huge) {
  char *all, *p;
  size_t before;
  if (must_fail())
    return NULL;
  all = mmap(NULL, size * 2, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (all == MAP_FAILED)
    return NULL;
  before = (size - (uintptr_t)all % size) % size;
  p = all + before;
  if (before > 0)
    (void)munmap(all, before);
  (void)munmap(p + size, size - before);
#ifdef MADV_HUGEPAGE
  if (huge)
    (void)madvise(p, size, MADV_HUGEPAGE);
#else
  (void)huge;
#endif
  count_in(size);
  return p;
}

void ar_mem_region_free(void *p, size_t size) {
  if (p == NULL)
    return;
  count_out(size);
  (void)munmap(p, size);
}

void ar_mem_fail_at(uint64_t n) {
  ar_mem_fail_from(n, 1);
}

void *ar_mem_lua_alloc(void *ud, void *ptr, size_t osize, size_t nsize) {
  (void)ud;
  if (nsize == 0) {
    ar_mem_free(ptr, ptr != NULL ? osize : 0);
    return NULL;
  }
  if (ptr == NULL)
    return ar_mem_alloc(nsize);
  if (nsize <= osize)
    return shrink(ptr, nsize);
  return ar_mem_realloc(ptr, osize, nsize);
}

void ar_mem_keep(void) {
#ifdef M_TRIM_THRESHOLD
  (void)mallopt(M_MMAP_THRESHOLD, 4 << 20); /* a chunk of 1 MiB has a head */
  (void)mallopt(M_TRIM_THRESHOLD, 16 << 20);
#endif
}
