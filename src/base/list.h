/*
 * Intrusive doubly linked list: the links live in the elements, so that
 * putting something into a list never allocates and never fails.
 *
 * ar_list_init and ar_link_init come before anything else. A link that is
 * in no list points to itself; ar_list_remove leaves it so, hence removing
 * twice is harmless and ar_link_is_linked can be asked at any time. The
 * list is a ring through its own head: no operation has a special case for
 * the ends. A list with elements may not be moved or copied in memory.
 *
 * Walking while the list changes: take elements away with ar_list_pop, or
 * move them to a list of your own first (ar_list_move_all) and pop there.
 */

#ifndef ar_list_h
#define ar_list_h

#include "base/base.h"

typedef struct ar_link ar_link;
typedef struct ar_list ar_list;

struct ar_link {
  ar_link *prev; /* borrowed; the link itself when in no list */
  ar_link *next; /* borrowed; same */
};

struct ar_list {
  ar_link head; /* head.next is the first, head.prev the last element */
};

static inline void ar_link_init(ar_link *n) {
  n->prev = n;
  n->next = n;
}

static inline bool ar_link_is_linked(const ar_link *n) {
  return n->next != n;
}

static inline void ar_list_init(ar_list *l) {
  ar_link_init(&l->head);
}

static inline bool ar_list_is_empty(const ar_list *l) {
  return l->head.next == &l->head;
}

/* For the functions below: put the unlinked n right after `at`. */
static inline void ar_link_insert_after(ar_link *at, ar_link *n) {
  AR_ASSERT(!ar_link_is_linked(n));
  n->prev = at;
  n->next = at->next;
  at->next->prev = n;
  at->next = n;
}

/* Append n, which must be in no list. */
static inline void ar_list_push(ar_list *l, ar_link *n) {
  ar_link_insert_after(l->head.prev, n);
}

/* Put n, which must be in no list, before all others. */
static inline void ar_list_push_front(ar_list *l, ar_link *n) {
  ar_link_insert_after(&l->head, n);
}

/* Take n out of the list it is in, if any. */
static inline void ar_list_remove(ar_link *n) {
  n->prev->next = n->next;
  n->next->prev = n->prev;
  ar_link_init(n);
}

/* The first element, NULL if there is none. */
static inline ar_link *ar_list_first(const ar_list *l) {
  return ar_list_is_empty(l) ? NULL : l->head.next;
}

/* The last element, NULL if there is none. */
static inline ar_link *ar_list_last(const ar_list *l) {
  return ar_list_is_empty(l) ? NULL : l->head.prev;
}

/* The element after n, which is in l; NULL if n is the last. */
static inline ar_link *ar_list_next(const ar_list *l, const ar_link *n) {
  return n->next == &l->head ? NULL : n->next;
}

/* The element before n, which is in l; NULL if n is the first. */
static inline ar_link *ar_list_prev(const ar_list *l, const ar_link *n) {
  return n->prev == &l->head ? NULL : n->prev;
}

/* Take out and return the first element, NULL if there is none. */
static inline ar_link *ar_list_pop(ar_list *l) {
  ar_link *n = ar_list_first(l);
  if (n != NULL)
    ar_list_remove(n);
  return n;
}

/* Take out and return the last element, NULL if there is none. */
static inline ar_link *ar_list_pop_last(ar_list *l) {
  ar_link *n = ar_list_last(l);
  if (n != NULL)
    ar_list_remove(n);
  return n;
}

/* Append all of src to dst, in order; src is empty afterwards. O(1). */
static inline void ar_list_splice(ar_list *dst, ar_list *src) {
  AR_ASSERT(dst != src);
  if (ar_list_is_empty(src))
    return;
  src->head.next->prev = dst->head.prev;
  dst->head.prev->next = src->head.next;
  src->head.prev->next = &dst->head;
  dst->head.prev = src->head.prev;
  ar_list_init(src);
}

/* As ar_list_splice, for a dst that must be empty. */
static inline void ar_list_move_all(ar_list *dst, ar_list *src) {
  AR_ASSERT(ar_list_is_empty(dst));
  ar_list_splice(dst, src);
}

/* Turn the order round. O(n). */
static inline void ar_list_reverse(ar_list *l) {
  ar_link *n = &l->head;
  do {
    ar_link *next = n->next;
    n->next = n->prev;
    n->prev = next;
    n = next;
  } while (n != &l->head);
}

/* Number of elements, counted. O(n). */
static inline size_t ar_list_length(const ar_list *l) {
  size_t count = 0;
  for (const ar_link *n = l->head.next; n != &l->head; n = n->next)
    count++;
  return count;
}

#endif
