/*
 * Objects that several threads hold, each by a count of its own.
 *
 * An object is made with a count of one. Whoever wants to keep it takes one
 * more, and gives it back when done; the last one to do so frees it. The count
 * may be changed by any thread; what else an object needs to be used by many
 * is its own matter.
 */

#ifndef ar_shared_h
#define ar_shared_h

#include <stdatomic.h>

#include "base/base.h"

typedef struct ar_shared ar_shared;
typedef struct ar_shared_class ar_shared_class;

struct ar_shared_class {
  const char *name;   /* what scripts see: a metatable of that name */
  const char *module; /* the native module that makes the metatable */
  void (*free)(ar_shared *shared); /* by whichever thread was the last */
};

struct ar_shared {
  const ar_shared_class *class; /* borrowed: constant */
  atomic_uint count;
};

static inline void ar_shared_init(ar_shared *s, const ar_shared_class *class) {
  s->class = class;
  atomic_init(&s->count, 1);
}

static inline void ar_shared_take(ar_shared *s) {
  (void)atomic_fetch_add_explicit(&s->count, 1, memory_order_relaxed);
}

/* The object may be gone after this. */
static inline void ar_shared_drop(ar_shared *s) {
  if (s != NULL &&
      atomic_fetch_sub_explicit(&s->count, 1, memory_order_acq_rel) == 1)
    s->class->free(s);
}

#endif
