/*
 * Small blocks, quickly got and given back: what a Lua state lives on.
 *
 * Memory comes in regions of 2 MiB, which are cut into slabs of 16 KiB; all
 * blocks of a slab have one size, a multiple of 16. Which slab a block is of
 * is told by its address. A block that is freed is the next one its slab
 * gives, so that what is made and dropped in turn stays in the cache; an
 * empty slab serves any other size, and a region without blocks goes back to
 * the system (but for one, kept against going back and forth). Once there is
 * much memory in use, the system is asked for huge pages: a first touch of
 * 4 KiB costs as much as making ten tasks.
 *
 * What is larger than AR_SLAB_MAX goes to malloc.
 *
 * One user at a time: nothing here is locked. Order of calls: ar_slabs_new,
 * ar_slabs_lua_alloc as often as wanted, ar_slabs_free.
 */

#ifndef ar_slab_h
#define ar_slab_h

#include "base/base.h"

typedef struct ar_slabs ar_slabs;

#define AR_SLAB_MAX 1088 /* bytes of the largest: a string of 1 KiB fits in */

/* NULL if there is no memory. */
AR_MUST_CHECK ar_slabs *ar_slabs_new(void);

/* Every small block is gone with it; large ones must have been freed. */
void ar_slabs_free(ar_slabs *s);

/* A lua_Alloc, without Lua's header: see ar_mem_lua_alloc. ud is the
 * ar_slabs. */
void *ar_slabs_lua_alloc(void *ud, void *ptr, size_t osize, size_t nsize);

/* Regions that are held from the system. */
size_t ar_slabs_regions(const ar_slabs *s);

#endif
