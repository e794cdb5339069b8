/*
 * A parcel: bytes, and shared objects that travel with them.
 *
 * The bytes refer to the objects by their number in the parcel, so that they
 * stay plain. Order of calls: ar_parcel_new; ar_parcel_reserve and writing
 * through `bytes`, ar_parcel_attach; then it is handed on and read; then
 * ar_parcel_free, by whoever has it last.
 */

#ifndef ar_parcel_h
#define ar_parcel_h

#include <string.h>

#include "base/shared.h"

typedef struct ar_parcel ar_parcel;

struct ar_parcel {
  unsigned char *bytes; /* owned */
  size_t size;
  size_t capacity;
  ar_shared **attached; /* owned; each element holds a count */
  size_t n_attached;
  size_t attached_capacity;
};

/* NULL if there is no memory. */
AR_MUST_CHECK ar_parcel *ar_parcel_new(void);

/* m may be NULL. */
void ar_parcel_free(ar_parcel *m);

/* Let go of what is in it; the memory stays for the next. */
void ar_parcel_clear(ar_parcel *m);

/* Let go of what is in it, and of its memory. */
void ar_parcel_empty(ar_parcel *m);

/* Room for `more` bytes behind those that are there. */
AR_MUST_CHECK ar_err ar_parcel_grow(ar_parcel *m, size_t more);

/* Take one more count of the object; its number is in *number. */
AR_MUST_CHECK ar_err ar_parcel_attach(ar_parcel *m, ar_shared *shared,
                                      size_t *number);

static inline ar_err ar_parcel_reserve(ar_parcel *m, size_t more) {
  return AR_LIKELY(m->capacity - m->size >= more) ? 0 : ar_parcel_grow(m, more);
}

#endif
