/*
 * Small blocks; see slab.h for the why of its shape.
 */

#include "base/slab.h"

#include <string.h>

#include "base/list.h"
#include "base/mem.h"

enum {
  STEP = 16, /* sizes are multiples of it, which malloc aligns to as well */
  N_SIZES = AR_SLAB_MAX / STEP,
  SLAB_BYTES = 16 * 1024,
  REGION_BYTES = 2 * 1024 * 1024,
  N_SLABS = REGION_BYTES / SLAB_BYTES, /* the first holds the region itself */
  FEW_REGIONS = 2 /* from here on huge pages are worth it */
};

typedef struct slab slab;
typedef struct region region;

/* At the beginning of its 16 KiB. */
struct slab {
  void *freed;   /* a chain of blocks that were given back */
  char *fresh;   /* from here to `end` no block was ever given */
  char *end;     /* as far as whole blocks fit */
  size_t size;   /* of a block */
  unsigned live; /* blocks that are in use */
  unsigned at;   /* which of the sizes it is: size / STEP - 1 */
  ar_link link;  /* place among those with room, or the region's empty ones */
};

/* At the beginning of its 2 MiB. */
struct region {
  ar_link link;   /* place in `regions`: those with slabs left come first */
  ar_list empty;  /* slabs that were used and are no more */
  unsigned fresh; /* from this one on no slab was ever used */
  unsigned live;  /* slabs that are in use */
};

struct ar_slabs {
  slab *current[N_SIZES]; /* borrowed from its region: where blocks are got */
  ar_list roomy[N_SIZES]; /* other slabs that are not full */
  ar_list regions;
  size_t n_regions;
  size_t n_idle;    /* of these: without a slab in use */
  size_t n_misfits; /* blocks of malloc that shrank and could not move */
};

/* Blocks behind the slab's head start at a multiple of STEP. */
#define HEAD_BYTES ((sizeof(slab) + STEP - 1) / STEP * STEP)

static inline slab *slab_of(void *block) {
  return (slab *)((uintptr_t)block & ~(uintptr_t)(SLAB_BYTES - 1));
}

static inline region *region_of(void *p) {
  return (region *)((uintptr_t)p & ~(uintptr_t)(REGION_BYTES - 1));
}

/* ---- regions ------------------------------------------------------------ */

static bool has_room(const region *r) {
  return r->fresh < N_SLABS || !ar_list_is_empty(&r->empty);
}

static region *new_region(ar_slabs *s) {
  region *r = ar_mem_region_new(REGION_BYTES, s->n_regions >= FEW_REGIONS);
  if (r == NULL)
    return NULL;
  ar_link_init(&r->link);
  ar_list_init(&r->empty);
  r->fresh = 1;
  r->live = 0;
  ar_list_push_front(&s->regions, &r->link);
  s->n_regions++;
  s->n_idle++;
  return r;
}

static void free_region(ar_slabs *s, region *r) {
  ar_list_remove(&r->link);
  s->n_regions--;
  ar_mem_region_free(r, REGION_BYTES);
}

/* A slab for blocks of this size; NULL if there is no memory. */
static slab *new_slab(ar_slabs *s, unsigned at) {
  ar_link *first = ar_list_first(&s->regions);
  region *r = first != NULL ? ar_container_of(first, region, link) : NULL;
  slab *b;
  if (r == NULL || !has_room(r))
    r = new_region(s);
  if (r == NULL)
    return NULL;
  first = ar_list_pop(&r->empty);
  if (first != NULL)
    b = ar_container_of(first, slab, link);
  else
    b = (slab *)(void *)((char *)r + (size_t)r->fresh++ * SLAB_BYTES);
  s->n_idle -= r->live == 0;
  r->live++;
  if (!has_room(r)) { /* behind those that have some */
    ar_list_remove(&r->link);
    ar_list_push(&s->regions, &r->link);
  }
  b->size = ((size_t)at + 1) * STEP;
  b->freed = NULL;
  b->fresh = (char *)b + HEAD_BYTES;
  b->end = b->fresh + (SLAB_BYTES - HEAD_BYTES) / b->size * b->size;
  b->live = 0;
  b->at = at;
  ar_link_init(&b->link);
  return b;
}

/* The last of its blocks was given back. */
static void retire(ar_slabs *s, slab *b) {
  region *r = region_of(b);
  ar_list_remove(&b->link);
  ar_list_push_front(&r->empty, &b->link);
  r->live--;
  ar_list_remove(&r->link);
  ar_list_push_front(&s->regions, &r->link);
  if (r->live > 0)
    return;
  if (s->n_idle > 0)
    free_region(s, r);
  else
    s->n_idle++;
}

/* ---- small blocks ------------------------------------------------------- */

static inline bool is_full(const slab *b) {
  return b->freed == NULL && b->fresh == b->end;
}

/* From a slab that is not full. */
static inline void *take(slab *b) {
  void *block = b->freed;
  if (block != NULL) {
    b->freed = *(void **)block;
  } else {
    block = b->fresh;
    b->fresh += b->size;
  }
  b->live++;
  return block;
}

/* The current slab is full, or there is none. */
static void *take_elsewhere(ar_slabs *s, unsigned at) {
  ar_link *link = ar_list_pop(&s->roomy[at]);
  slab *b = link != NULL ? ar_container_of(link, slab, link) : new_slab(s, at);
  if (b == NULL)
    return NULL;
  s->current[at] = b;
  return take(b);
}

static inline void *get(ar_slabs *s, size_t size) {
  unsigned at = (unsigned)((size - 1) / STEP);
  slab *b = s->current[at];
  if (AR_LIKELY(b != NULL && !is_full(b)))
    return take(b);
  return take_elsewhere(s, at);
}

static inline void put(ar_slabs *s, void *block) {
  slab *b = slab_of(block);
  bool was_full = is_full(b);
  *(void **)block = b->freed;
  b->freed = block;
  b->live--;
  if (AR_LIKELY(b == s->current[b->at]))
    return;
  if (b->live == 0)
    retire(s, b);
  else if (was_full)
    ar_list_push_front(&s->roomy[b->at], &b->link);
}

/* ---- the allocator ------------------------------------------------------ */

static bool is_in_a_region(const ar_slabs *s, void *p) {
  const region *r = region_of(p);
  const ar_link *link = ar_list_first(&s->regions);
  for (; link != NULL; link = ar_list_next(&s->regions, link))
    if (ar_container_of(link, region, link) == r)
      return true;
  return false;
}

/* The size tells, but for misfits, of which there are none. */
static inline bool is_small(const ar_slabs *s, void *p, size_t size) {
  return size <= AR_SLAB_MAX &&
         (AR_LIKELY(s->n_misfits == 0) || is_in_a_region(s, p));
}

static void release(ar_slabs *s, void *p, size_t size) {
  if (AR_LIKELY(is_small(s, p, size))) {
    put(s, p);
    return;
  }
  s->n_misfits -= size <= AR_SLAB_MAX;
  ar_mem_free(p, size);
}

static void *obtain(ar_slabs *s, size_t size) {
  return AR_LIKELY(size <= AR_SLAB_MAX) ? get(s, size) : ar_mem_alloc(size);
}

/* A block of malloc's becomes smaller than any of these should be. Moving it
 * may fail, shrinking may not: then it stays where it is. */
static void *shrink_to_small(ar_slabs *s, void *p, size_t osize, size_t nsize) {
  void *moved = get(s, nsize);
  if (moved != NULL) {
    memcpy(moved, p, nsize);
    ar_mem_free(p, osize);
    return moved;
  }
  s->n_misfits++;
  return ar_mem_lua_alloc(NULL, p, osize, nsize);
}

static void *resize(ar_slabs *s, void *p, size_t osize, size_t nsize) {
  bool was_small = is_small(s, p, osize);
  void *moved;
  if (!was_small && osize <= AR_SLAB_MAX) { /* a misfit */
    moved = ar_mem_lua_alloc(NULL, p, osize, nsize);
    s->n_misfits -= moved != NULL && nsize > AR_SLAB_MAX;
    return moved;
  }
  if (!was_small && nsize > AR_SLAB_MAX)
    return ar_mem_lua_alloc(NULL, p, osize, nsize);
  if (!was_small)
    return shrink_to_small(s, p, osize, nsize);
  if (nsize <= AR_SLAB_MAX && (nsize - 1) / STEP == (osize - 1) / STEP)
    return p;
  moved = obtain(s, nsize);
  if (moved == NULL)
    return nsize <= osize ? p : NULL; /* its slab knows how large it is */
  memcpy(moved, p, osize < nsize ? osize : nsize);
  put(s, p);
  return moved;
}

void *ar_slabs_lua_alloc(void *ud, void *ptr, size_t osize, size_t nsize) {
  ar_slabs *s = ud;
  if (ptr == NULL)
    return nsize > 0 ? obtain(s, nsize) : NULL;
  if (nsize > 0)
    return resize(s, ptr, osize, nsize);
  release(s, ptr, osize);
  return NULL;
}

/* ---- making and ending -------------------------------------------------- */

ar_slabs *ar_slabs_new(void) {
  ar_slabs *s = ar_mem_zalloc(sizeof *s);
  if (s == NULL)
    return NULL;
  for (size_t i = 0; i < N_SIZES; i++)
    ar_list_init(&s->roomy[i]);
  ar_list_init(&s->regions);
  return s;
}

void ar_slabs_free(ar_slabs *s) {
  ar_link *link;
  if (s == NULL)
    return;
  while ((link = ar_list_first(&s->regions)) != NULL)
    free_region(s, ar_container_of(link, region, link));
  ar_mem_free(s, sizeof *s);
}

size_t ar_slabs_regions(const ar_slabs *s) {
  return s->n_regions;
}
