/*
 * A cell: a parcel that several threads share.
 */

#include "loop/cell.h"

#include "base/mem.h"

static void free_cell(ar_shared *shared) {
  ar_cell *cell = (ar_cell *)(void *)shared;
  ar_parcel_free(cell->values);
  (void)pthread_mutex_destroy(&cell->mutex);
  ar_mem_free(cell, sizeof *cell);
}

const ar_shared_class ar_cell_class = {"Cell", "_anyrun.thread", free_cell};

ar_cell *ar_cell_new(void) {
  ar_cell *cell = ar_mem_zalloc(sizeof *cell);
  if (cell == NULL)
    return NULL;
  ar_shared_init(&cell->shared, &ar_cell_class);
  (void)pthread_mutex_init(&cell->mutex, NULL); /* cannot fail here */
  return cell;
}

void ar_cell_lock(ar_cell *cell) {
  (void)pthread_mutex_lock(&cell->mutex);
}

void ar_cell_unlock(ar_cell *cell) {
  (void)pthread_mutex_unlock(&cell->mutex);
}
