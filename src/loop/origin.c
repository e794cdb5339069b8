/*
 * References from other threads to values that only their owner may touch.
 */

#include "loop/origin.h"

#include <pthread.h>
#include <stdio.h>

#include "base/mem.h"

struct ar_origin {
  ar_shared shared; /* first */
  pthread_mutex_t mutex;
  ar_list dropped; /* ar_ref */
  atomic_bool has_dropped;
  bool closed; /* nobody will look at the list any more */
};

/* ---- origins ------------------------------------------------------------ */

static void free_origin(ar_shared *shared) {
  ar_origin *o = (ar_origin *)(void *)shared;
  (void)pthread_mutex_destroy(&o->mutex);
  ar_mem_free(o, sizeof *o);
}

static const ar_shared_class origin_class = {"Origin", NULL, free_origin};

ar_origin *ar_origin_new(void) {
  ar_origin *o = ar_mem_zalloc(sizeof *o);
  if (o == NULL)
    return NULL;
  ar_shared_init(&o->shared, &origin_class);
  (void)pthread_mutex_init(&o->mutex, NULL);
  ar_list_init(&o->dropped);
  return o;
}

ar_ref *ar_origin_next_dropped(ar_origin *origin) {
  ar_link *link;
  (void)pthread_mutex_lock(&origin->mutex);
  link = ar_list_pop(&origin->dropped);
  if (link == NULL)
    atomic_store(&origin->has_dropped, false);
  (void)pthread_mutex_unlock(&origin->mutex);
  return link != NULL ? ar_container_of(link, ar_ref, dropped) : NULL;
}

bool ar_origin_has_dropped(const ar_origin *origin) {
  return atomic_load_explicit(&origin->has_dropped, memory_order_relaxed);
}

void ar_origin_close(ar_origin *origin) {
  ar_ref *ref;
  (void)pthread_mutex_lock(&origin->mutex);
  origin->closed = true;
  (void)pthread_mutex_unlock(&origin->mutex);
  while ((ref = ar_origin_next_dropped(origin)) != NULL)
    ar_ref_free(ref);
  ar_shared_drop(&origin->shared);
}

/* ---- references --------------------------------------------------------- */

/* Nobody has it: by any thread. */
static void drop_ref(ar_shared *shared) {
  ar_ref *ref = (ar_ref *)(void *)shared;
  ar_origin *o = ref->origin;
  bool closed;
  (void)pthread_mutex_lock(&o->mutex);
  closed = o->closed;
  if (!closed) {
    ar_list_push(&o->dropped, &ref->dropped);
    atomic_store(&o->has_dropped, true);
  }
  (void)pthread_mutex_unlock(&o->mutex);
  if (closed)
    ar_ref_free(ref);
}

static const ar_shared_class ref_class = {"Reference", NULL, drop_ref};

ar_ref *ar_ref_new(ar_origin *origin, uint64_t state, int slot,
                   const char *what) {
  ar_ref *ref = ar_mem_zalloc(sizeof *ref);
  if (ref == NULL)
    return NULL;
  ar_shared_init(&ref->shared, &ref_class);
  ar_shared_take(&origin->shared);
  ref->origin = origin;
  ref->state = state;
  ref->slot = slot;
  (void)snprintf(ref->what, sizeof ref->what, "%s", what);
  ar_link_init(&ref->dropped);
  return ref;
}

void ar_ref_free(ar_ref *ref) {
  ar_shared_drop(&ref->origin->shared);
  ar_mem_free(ref, sizeof *ref);
}
