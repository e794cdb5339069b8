/*
 * A message: bytes, and shared objects that travel with them.
 *
 * The bytes refer to the objects by their number in the message, so that they
 * stay plain. Order of calls: ar_message_new; ar_message_reserve and writing
 * through `bytes`, ar_message_attach; then it is handed on and read; then
 * ar_message_free, by whoever has it last.
 */

#ifndef ar_message_h
#define ar_message_h

#include <string.h>

#include "base/shared.h"

typedef struct ar_message ar_message;

struct ar_message {
  unsigned char *bytes; /* owned */
  size_t size;
  size_t capacity;
  ar_shared **attached; /* owned; each element holds a count */
  size_t n_attached;
  size_t attached_capacity;
};

/* NULL if there is no memory. */
AR_MUST_CHECK ar_message *ar_message_new(void);

/* m may be NULL. */
void ar_message_free(ar_message *m);

/* Let go of what is in it; the memory stays for the next. */
void ar_message_clear(ar_message *m);

/* Room for `more` bytes behind those that are there. */
AR_MUST_CHECK ar_err ar_message_grow(ar_message *m, size_t more);

/* Take one more count of the object; its number is in *number. */
AR_MUST_CHECK ar_err ar_message_attach(ar_message *m, ar_shared *shared,
                                       size_t *number);

static inline ar_err ar_message_reserve(ar_message *m, size_t more) {
  return AR_LIKELY(m->capacity - m->size >= more) ? 0
                                                  : ar_message_grow(m, more);
}

#endif
