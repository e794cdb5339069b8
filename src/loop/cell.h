/*
 * A cell: a parcel that several threads share, and look at one at a time.
 */

#ifndef ar_cell_h
#define ar_cell_h

#include <pthread.h>

#include "base/parcel.h"

typedef struct ar_cell ar_cell;

struct ar_cell {
  ar_shared shared; /* first */
  pthread_mutex_t mutex;
  ar_parcel *values; /* owned, under the mutex; NULL: none */
};

extern const ar_shared_class ar_cell_class;

/* NULL: no memory. */
AR_MUST_CHECK ar_cell *ar_cell_new(void);

void ar_cell_lock(ar_cell *cell);
void ar_cell_unlock(ar_cell *cell);

#endif
