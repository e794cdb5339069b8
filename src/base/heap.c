/*
 * Intrusive min-heap by time; see heap.h for the why of its shape.
 *
 * Places are 0-based here and 1-based in the nodes. Both sifts carry the
 * moving entry in a local and shift the others into the hole it leaves,
 * which is half the writes of swapping.
 */

#include "base/heap.h"

#include "base/err.h"
#include "base/mem.h"

enum {
  ARITY = 4,
  FIRST_CAPACITY = 16
};

static bool is_before(const ar_heap_entry *a, const ar_heap_entry *b) {
  return a->key < b->key || (a->key == b->key && a->seq < b->seq);
}

static void put(ar_heap *h, size_t at, ar_heap_entry e) {
  h->entries[at] = e;
  e.node->pos = at + 1;
}

/* Put e into the hole `at`, or as far above it as it belongs. */
static void sift_up(ar_heap *h, size_t at, ar_heap_entry e) {
  while (at > 0) {
    size_t parent = (at - 1) / ARITY;
    if (!is_before(&e, &h->entries[parent]))
      break;
    put(h, at, h->entries[parent]);
    at = parent;
  }
  put(h, at, e);
}

/* The child of `at` that is due first; h->size or more if it has none. */
static size_t first_child(const ar_heap *h, size_t at) {
  size_t child = at * ARITY + 1;
  size_t end = child + ARITY < h->size ? child + ARITY : h->size;
  size_t best = child;
  for (child++; child < end; child++) {
    if (is_before(&h->entries[child], &h->entries[best]))
      best = child;
  }
  return best;
}

/* Put e into the hole `at`, or as far below it as it belongs. */
static void sift_down(ar_heap *h, size_t at, ar_heap_entry e) {
  for (;;) {
    size_t child = first_child(h, at);
    if (child >= h->size || !is_before(&h->entries[child], &e))
      break;
    put(h, at, h->entries[child]);
    at = child;
  }
  put(h, at, e);
}

/* Put e into the hole `at`, or wherever above or below it belongs. */
static void sift(ar_heap *h, size_t at, ar_heap_entry e) {
  if (at > 0 && is_before(&e, &h->entries[(at - 1) / ARITY]))
    sift_up(h, at, e);
  else
    sift_down(h, at, e);
}

void ar_heap_init(ar_heap *h) {
  h->entries = NULL;
  h->size = 0;
  h->capacity = 0;
  h->next_seq = 0;
}

void ar_heap_close(ar_heap *h) {
  for (size_t i = 0; i < h->size; i++)
    h->entries[i].node->pos = 0;
  ar_mem_free(h->entries, h->capacity * sizeof(ar_heap_entry));
  ar_heap_init(h);
}

ar_err ar_heap_reserve(ar_heap *h, size_t n) {
  size_t capacity = h->capacity > 0 ? h->capacity : FIRST_CAPACITY;
  ar_heap_entry *grown;
  if (n <= h->capacity)
    return 0;
  if (n > SIZE_MAX / 2 / sizeof(ar_heap_entry))
    return AR_ENOMEM;
  while (capacity < n)
    capacity *= 2; /* ends below 2 * n, so its bytes fit into a size_t */
  grown = ar_mem_realloc(h->entries, h->capacity * sizeof(ar_heap_entry),
                         capacity * sizeof(ar_heap_entry));
  if (grown == NULL)
    return AR_ENOMEM;
  h->entries = grown;
  h->capacity = capacity;
  return 0;
}

ar_err ar_heap_insert(ar_heap *h, ar_heap_node *node, ar_time key) {
  AR_ASSERT(node->pos == 0);
  if (AR_UNLIKELY(h->size == h->capacity)) {
    ar_err e = ar_heap_reserve(h, h->size + 1);
    if (e < 0)
      return e;
  }
  ar_heap_entry entry = {key, h->next_seq++, node};
  h->size++;
  sift_up(h, h->size - 1, entry);
  return 0;
}

void ar_heap_remove(ar_heap *h, ar_heap_node *node) {
  size_t at;
  if (node->pos == 0)
    return;
  at = node->pos - 1;
  AR_ASSERT(at < h->size && h->entries[at].node == node);
  node->pos = 0;
  h->size--;
  if (at < h->size)
    sift(h, at, h->entries[h->size]);
}

void ar_heap_update(ar_heap *h, ar_heap_node *node, ar_time key) {
  AR_ASSERT(node->pos != 0 && node->pos <= h->size);
  AR_ASSERT(h->entries[node->pos - 1].node == node);
  ar_heap_entry entry = {key, h->next_seq++, node};
  sift(h, node->pos - 1, entry);
}
