/*
 * The only door to malloc.
 *
 * Who frees says the size, as Lua's allocators do: the debug build checks
 * it against what was asked for, fills memory that is given back, counts
 * what lives, and can make the n-th allocation fail. Blocks are aligned as
 * malloc's are. All functions may be called from any thread.
 */

#ifndef ar_mem_h
#define ar_mem_h

#include "base/base.h"

typedef struct ar_mem_stat ar_mem_stat;

/* All zero in a release build. */
struct ar_mem_stat {
  size_t live_bytes;
  size_t live_blocks;
  uint64_t calls; /* how often memory was asked for, failures included */
};

/* `size` bytes, contents undefined; NULL if there is no memory. A size of
   0 gives a block that must be freed, too. */
AR_MUST_CHECK void *ar_mem_alloc(size_t size);

/* As ar_mem_alloc, all zero. */
AR_MUST_CHECK void *ar_mem_zalloc(size_t size);

/*
 * Make the block of `old_size` bytes one of `new_size`; p may be NULL (and
 * old_size 0). NULL if there is no memory: then p is as it was.
 */
AR_MUST_CHECK void *ar_mem_realloc(void *p, size_t old_size, size_t new_size);

/* Give back a block of `size` bytes; p may be NULL. */
void ar_mem_free(void *p, size_t size);

/*
 * A lua_Alloc without Lua's header: nsize 0 frees, a NULL ptr allocates
 * (osize is then a type tag and ignored), else the block is resized. `ud`
 * is not used. Shrinking never fails, as Lua demands.
 */
void *ar_mem_lua_alloc(void *ud, void *ptr, size_t osize, size_t nsize);

/*
 * `size` bytes of the system's own, all zero, at an address that is a
 * multiple of the size, which is a power of two and at least a page; NULL if
 * there is no memory. `huge`: with huge pages, where the system has them.
 */
AR_MUST_CHECK void *ar_mem_region_new(size_t size, bool huge);

void ar_mem_region_free(void *p, size_t size);

/*
 * Have malloc keep what is given back, up to 16 MiB of it, for the next who
 * asks: chunks of data come and go, and each would be mapped and cleared anew.
 */
void ar_mem_keep(void);

ar_mem_stat ar_mem_stats(void);

/*
 * Make the n-th request for memory from now on fail, once (1 = the next);
 * 0 takes it back. Does nothing in a release build.
 */
void ar_mem_fail_at(uint64_t n);

/*
 * The same for the n-th and those that follow it, `times` in all. Lua asks a
 * second time, after a collection: only two failures are an error there.
 */
void ar_mem_fail_from(uint64_t n, uint64_t times);

#endif
