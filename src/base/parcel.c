/*
 * A parcel: bytes, and shared objects that travel with them.
 */

#include "base/parcel.h"

#include "base/err.h"
#include "base/mem.h"

enum {
  LEAST = 240 /* bytes of the first block: most are small */
};

ar_parcel *ar_parcel_new(void) {
  return ar_mem_zalloc(sizeof(ar_parcel));
}

void ar_parcel_clear(ar_parcel *m) {
  for (size_t i = 0; i < m->n_attached; i++)
    ar_shared_drop(m->attached[i]);
  m->n_attached = 0;
  m->size = 0;
}

void ar_parcel_empty(ar_parcel *m) {
  ar_parcel_clear(m);
  ar_mem_free(m->attached, m->attached_capacity * sizeof *m->attached);
  ar_mem_free(m->bytes, m->capacity);
  m->attached = NULL;
  m->attached_capacity = 0;
  m->bytes = NULL;
  m->capacity = 0;
}

void ar_parcel_free(ar_parcel *m) {
  if (m == NULL)
    return;
  ar_parcel_empty(m);
  ar_mem_free(m, sizeof *m);
}

ar_err ar_parcel_grow(ar_parcel *m, size_t more) {
  size_t capacity = m->capacity < LEAST ? LEAST : m->capacity;
  unsigned char *bytes;
  if (more > SIZE_MAX / 4 - m->size)
    return AR_ENOMEM;
  while (capacity - m->size < more)
    capacity *= 2;
  if (capacity == m->capacity)
    return 0;
  bytes = ar_mem_realloc(m->bytes, m->capacity, capacity);
  if (bytes == NULL)
    return AR_ENOMEM;
  m->bytes = bytes;
  m->capacity = capacity;
  return 0;
}

ar_err ar_parcel_attach(ar_parcel *m, ar_shared *shared, size_t *number) {
  if (m->n_attached == m->attached_capacity) {
    size_t capacity = m->n_attached == 0 ? 4 : m->n_attached * 2;
    ar_shared **attached =
        ar_mem_realloc(m->attached, m->attached_capacity * sizeof *attached,
                       capacity * sizeof *attached);
    if (attached == NULL)
      return AR_ENOMEM;
    m->attached = attached;
    m->attached_capacity = capacity;
  }
  ar_shared_take(shared);
  *number = m->n_attached;
  m->attached[m->n_attached++] = shared;
  return 0;
}
