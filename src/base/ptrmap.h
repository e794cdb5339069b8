/*
 * A map from addresses to small numbers, for objects met on a walk.
 *
 * Order of calls: ar_ptrmap_init; ar_ptrmap_put as often as wanted;
 * ar_ptrmap_clear before the next walk; ar_ptrmap_close. Open addressing, the
 * table never more than half full. Memory is kept for the next walk, unless
 * there is very much of it.
 */

#ifndef ar_ptrmap_h
#define ar_ptrmap_h

#include "base/base.h"

typedef struct ar_ptrmap ar_ptrmap;
typedef struct ar_ptrmap_slot ar_ptrmap_slot;

struct ar_ptrmap_slot {
  const void *key; /* NULL: free */
  uint32_t value;
};

struct ar_ptrmap {
  ar_ptrmap_slot *slots; /* owned; NULL while capacity is 0 */
  size_t capacity;       /* 0 or a power of two */
  size_t used;
};

/* What ar_ptrmap_get says of an address that is not there. */
#define AR_PTRMAP_NONE UINT32_MAX

void ar_ptrmap_init(ar_ptrmap *map);
void ar_ptrmap_close(ar_ptrmap *map);

/* Forget all. */
void ar_ptrmap_clear(ar_ptrmap *map);

/* The number of an address, AR_PTRMAP_NONE if it has none. */
uint32_t ar_ptrmap_get(const ar_ptrmap *map, const void *key);

/*
 * The number of an address; one that has none gets `value`. The answer equals
 * `value` then, and is AR_PTRMAP_NONE where there is no memory. `key` is not
 * NULL, `value` not AR_PTRMAP_NONE.
 */
uint32_t ar_ptrmap_put(ar_ptrmap *map, const void *key, uint32_t value);

#endif
