/*
 * A parking lot.
 */

#include "sched/lot.h"

void ar_lot_init(ar_lot *lot, const char *kind) {
  ar_list_init(&lot->places);
  lot->n_parked = 0;
  lot->kind = kind;
}

void ar_place_init(ar_place *p, ar_task *task) {
  ar_link_init(&p->link);
  p->task = task;
  p->lot = NULL;
  p->moved = false;
  p->undone = false;
}

static void stand_in(ar_lot *lot, ar_place *p) {
  p->lot = lot;
  ar_list_push(&lot->places, &p->link);
  lot->n_parked++;
}

void ar_lot_park(ar_lot *lot, ar_place *p, ar_abort_fn *abort) {
  AR_ASSERT(p->lot == NULL);
  p->moved = false;
  p->undone = false;
  stand_in(lot, p);
  ar_task_park(p->task, lot->kind, lot, abort);
}

void ar_place_leave(ar_place *p) {
  if (p->lot == NULL)
    return;
  ar_list_remove(&p->link);
  p->lot->n_parked--;
  p->lot = NULL;
}

ar_place *ar_lot_take(ar_lot *lot) {
  ar_link *first = ar_list_first(&lot->places);
  ar_place *p;
  if (first == NULL)
    return NULL;
  p = ar_container_of(first, ar_place, link);
  ar_place_leave(p);
  return p;
}

size_t ar_lot_unpark(ar_lot *lot, size_t n, ar_err err) {
  size_t woken = 0;
  ar_place *p;
  while (woken < n && (p = ar_lot_take(lot)) != NULL) {
    ar_task_wake(p->task, err);
    woken++;
  }
  return woken;
}

/* Each goes to the front or to the back: not every order can come out, but
 * too many to rely on one, and nothing is allocated. */
void ar_lot_mix(ar_lot *lot, ar_rand *rand) {
  ar_list mixed;
  ar_link *link;
  ar_list_init(&mixed);
  while ((link = ar_list_pop(&lot->places)) != NULL) {
    if ((ar_rand_next(rand) >> 63) != 0)
      ar_list_push_front(&mixed, link);
    else
      ar_list_push(&mixed, link);
  }
  ar_list_splice(&lot->places, &mixed);
}

size_t ar_lot_repark(ar_lot *lot, ar_lot *to, size_t n) {
  size_t moved = 0;
  ar_place *p;
  while (moved < n && (p = ar_lot_take(lot)) != NULL) {
    stand_in(to, p);
    p->moved = true;
    p->task->kit->wait.kind = to->kind;
    p->task->kit->wait.object = to;
    moved++;
  }
  return moved;
}
