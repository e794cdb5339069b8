/*
 * Intrusive min-heap by time: what is due first is found at once.
 *
 * The array holds key and sequence number beside the pointer, so that
 * sifting compares neighbours in memory and touches a node only to tell it
 * its new place; four children a node make the heap half as deep as two
 * would, for the same cache lines. That is why nodes know their place and
 * not their key.
 *
 * ar_heap_init first, ar_heap_close last; a node is all zero or has been
 * through ar_heap_node_init before it is used. Only ar_heap_insert and
 * ar_heap_reserve allocate. A node may not move in memory while it is in.
 */

#ifndef ar_heap_h
#define ar_heap_h

#include "base/base.h"

typedef struct ar_heap ar_heap;
typedef struct ar_heap_node ar_heap_node;
typedef struct ar_heap_entry ar_heap_entry;

struct ar_heap_node {
  size_t pos; /* 1-based place in the array; 0 = in no heap */
};

struct ar_heap_entry {
  ar_time key;
  uint64_t seq;       /* breaks ties: who got this key first goes first */
  ar_heap_node *node; /* borrowed (removed before its owner dies) */
};

struct ar_heap {
  ar_heap_entry *entries; /* owned; NULL while capacity is 0 */
  size_t size;            /* entries[i].node->pos == i + 1 for i < size */
  size_t capacity;
  uint64_t next_seq; /* above every seq in the heap */
};

void ar_heap_init(ar_heap *h);

/* Gives the array back; what is still in the heap is taken out. */
void ar_heap_close(ar_heap *h);

/* Room for n nodes in all, so that n inserts cannot fail. */
AR_MUST_CHECK ar_err ar_heap_reserve(ar_heap *h, size_t n);

/*
 * Put in a node that is in no heap. Among equal keys those put in first
 * come out first. AR_ENOMEM: nothing was changed.
 */
AR_MUST_CHECK ar_err ar_heap_insert(ar_heap *h, ar_heap_node *node,
                                    ar_time key);

/* Take the node out; nothing happens if it is in no heap. Never fails. */
void ar_heap_remove(ar_heap *h, ar_heap_node *node);

/*
 * Give a node that is in the heap another key; it goes behind those that
 * already have that key, as if removed and inserted. Never fails.
 */
void ar_heap_update(ar_heap *h, ar_heap_node *node, ar_time key);

static inline void ar_heap_node_init(ar_heap_node *node) {
  node->pos = 0;
}

static inline bool ar_heap_is_in(const ar_heap_node *node) {
  return node->pos != 0;
}

static inline size_t ar_heap_size(const ar_heap *h) {
  return h->size;
}

/* The node that is due first, NULL if the heap is empty. */
static inline ar_heap_node *ar_heap_min(const ar_heap *h) {
  return h->size == 0 ? NULL : h->entries[0].node;
}

/* Its key; AR_TIME_MAX if the heap is empty. */
static inline ar_time ar_heap_min_key(const ar_heap *h) {
  return h->size == 0 ? AR_TIME_MAX : h->entries[0].key;
}

/* The key of a node that is in the heap. */
static inline ar_time ar_heap_key(const ar_heap *h, const ar_heap_node *node) {
  AR_ASSERT(node->pos != 0 && node->pos <= h->size);
  return h->entries[node->pos - 1].key;
}

#endif
