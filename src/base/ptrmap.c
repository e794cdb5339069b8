/*
 * A map from addresses to small numbers.
 */

#include "base/ptrmap.h"

#include <string.h>

#include "base/mem.h"

enum {
  LEAST = 32, /* slots of the first table */
  KEPT = 4096 /* a larger table goes back when it is cleared */
};

void ar_ptrmap_init(ar_ptrmap *map) {
  map->slots = NULL;
  map->capacity = 0;
  map->used = 0;
}

void ar_ptrmap_close(ar_ptrmap *map) {
  ar_mem_free(map->slots, map->capacity * sizeof *map->slots);
  ar_ptrmap_init(map);
}

void ar_ptrmap_clear(ar_ptrmap *map) {
  if (map->capacity > KEPT)
    ar_ptrmap_close(map);
  else if (map->used > 0)
    memset(map->slots, 0, map->capacity * sizeof *map->slots);
  map->used = 0;
}

/* Objects stand at multiples of 8 or 16: the low bits say nothing. */
static size_t place_of(const ar_ptrmap *map, const void *key) {
  uint64_t hash = (uint64_t)(uintptr_t)key * UINT64_C(0x9e3779b97f4a7c15);
  return (size_t)(hash >> 32) & (map->capacity - 1);
}

/* Where the key stands, or the free slot where it would. */
static ar_ptrmap_slot *find(const ar_ptrmap *map, const void *key) {
  size_t i = place_of(map, key);
  while (map->slots[i].key != NULL && map->slots[i].key != key)
    i = (i + 1) & (map->capacity - 1);
  return &map->slots[i];
}

uint32_t ar_ptrmap_get(const ar_ptrmap *map, const void *key) {
  const ar_ptrmap_slot *slot;
  if (map->capacity == 0)
    return AR_PTRMAP_NONE;
  slot = find(map, key);
  return slot->key != NULL ? slot->value : AR_PTRMAP_NONE;
}

static bool grow(ar_ptrmap *map) {
  ar_ptrmap bigger;
  bigger.capacity = map->capacity == 0 ? LEAST : map->capacity * 2;
  bigger.used = map->used;
  bigger.slots = ar_mem_zalloc(bigger.capacity * sizeof *bigger.slots);
  if (bigger.slots == NULL)
    return false;
  for (size_t i = 0; i < map->capacity; i++)
    if (map->slots[i].key != NULL)
      *find(&bigger, map->slots[i].key) = map->slots[i];
  ar_mem_free(map->slots, map->capacity * sizeof *map->slots);
  *map = bigger;
  return true;
}

uint32_t ar_ptrmap_put(ar_ptrmap *map, const void *key, uint32_t value) {
  ar_ptrmap_slot *slot;
  if (map->used >= map->capacity / 2 && !grow(map))
    return AR_PTRMAP_NONE;
  slot = find(map, key);
  if (slot->key != NULL)
    return slot->value;
  slot->key = key;
  slot->value = value;
  map->used++;
  return value;
}
