/* Parcels, shared objects, the map of addresses, references. */

#include "base/err.h"
#include "base/parcel.h"
#include "base/ptrmap.h"
#include "ctest.h"
#include "loop/origin.h"

enum {
  MANY = 20000
};

TEST("a map of addresses keeps the first number of each") {
  ar_ptrmap map;
  static char objects[MANY];
  ar_ptrmap_init(&map);
  CHECK_EQ(ar_ptrmap_get(&map, objects), AR_PTRMAP_NONE);
  for (uint32_t i = 0; i < MANY; i++)
    CHECK_EQ(ar_ptrmap_put(&map, &objects[i], i), i);
  for (uint32_t i = 0; i < MANY; i++) {
    CHECK_EQ(ar_ptrmap_put(&map, &objects[i], MANY + 1), i);
    CHECK_EQ(ar_ptrmap_get(&map, &objects[i]), i);
  }
  CHECK_EQ(map.used, MANY);
  ar_ptrmap_clear(&map);
  CHECK_EQ(ar_ptrmap_get(&map, &objects[5]), AR_PTRMAP_NONE);
  CHECK_EQ(ar_ptrmap_put(&map, &objects[5], 7), 7);
  ar_ptrmap_clear(&map);
  CHECK_EQ(ar_ptrmap_get(&map, &objects[5]), AR_PTRMAP_NONE);
  ar_ptrmap_close(&map);
}

TEST("a map of addresses says when there is no memory") {
  ar_ptrmap map;
  ar_ptrmap_init(&map);
#ifdef AR_DEBUG
  ar_mem_fail_at(1);
  CHECK_EQ(ar_ptrmap_put(&map, &map, 1), AR_PTRMAP_NONE);
#endif
  CHECK_EQ(ar_ptrmap_put(&map, &map, 1), 1);
  ar_ptrmap_close(&map);
}

typedef struct {
  ar_shared shared;
  int *freed;
} thing;

static void free_thing(ar_shared *shared) {
  thing *t = (thing *)(void *)shared;
  ++*t->freed;
  ar_mem_free(t, sizeof *t);
}

static const ar_shared_class thing_class = {"Thing", "", free_thing};

static thing *new_thing(int *freed) {
  thing *t = ar_mem_alloc(sizeof *t);
  ar_shared_init(&t->shared, &thing_class);
  t->freed = freed;
  return t;
}

TEST("a parcel grows, and holds a count of what is attached") {
  ar_parcel *parcel = ar_parcel_new();
  int freed = 0;
  thing *things[10];
  size_t number;
  CHECK(parcel != NULL);
  for (int i = 0; i < 1000; i++) {
    CHECK_EQ(ar_parcel_reserve(parcel, 100), 0);
    memset(parcel->bytes + parcel->size, i & 0xff, 100);
    parcel->size += 100;
  }
  for (size_t i = 0; i < parcel->size; i++)
    CHECK_EQ(parcel->bytes[i], i / 100 % 256);
  for (size_t i = 0; i < 10; i++) {
    things[i] = new_thing(&freed);
    CHECK_EQ(ar_parcel_attach(parcel, &things[i]->shared, &number), 0);
    CHECK_EQ(number, i);
    ar_shared_drop(&things[i]->shared);
  }
  CHECK_EQ(freed, 0);
  ar_parcel_clear(parcel);
  CHECK_EQ(freed, 10);
  CHECK_EQ(parcel->size, 0);
  CHECK_EQ(ar_parcel_reserve(parcel, SIZE_MAX / 2), AR_ENOMEM);
  ar_parcel_free(parcel);
  ar_parcel_free(NULL);
}

TEST("a reference that nobody has waits for its owner") {
  ar_origin *origin = ar_origin_new();
  ar_ref *ref = ar_ref_new(origin, 1, 5, "table");
  CHECK_STR(ref->what, "table");
  CHECK(!ar_origin_has_dropped(origin));
  ar_shared_take(&ref->shared);
  ar_shared_drop(&ref->shared);
  CHECK(ar_origin_next_dropped(origin) == NULL);
  ar_shared_drop(&ref->shared);
  CHECK(ar_origin_has_dropped(origin));
  CHECK(ar_origin_next_dropped(origin) == ref);
  CHECK_EQ(ref->slot, 5);
  ar_ref_free(ref);
  CHECK(ar_origin_next_dropped(origin) == NULL);
  CHECK(!ar_origin_has_dropped(origin));
  ar_origin_close(origin);
}

TEST("a reference may outlive its owner") {
  ar_origin *origin = ar_origin_new();
  ar_ref *one = ar_ref_new(origin, 1, 1, "userdata");
  ar_ref *two = ar_ref_new(origin, 1, 2, "userdata");
  ar_shared_drop(&one->shared);
  ar_origin_close(origin); /* frees one, which was on the list */
  ar_shared_drop(&two->shared);
}
