/*
 * A small seedable generator: the order of batches, and tests.
 *
 * The same seed gives the same numbers on every machine. Fast and well
 * mixed (xoshiro256**), but predictable: nothing secret may come from it.
 */

#ifndef ar_rand_h
#define ar_rand_h

#include "base/base.h"

typedef struct ar_rand ar_rand;

struct ar_rand {
  uint64_t state[4]; /* never all zero once seeded */
};

/* Any seed will do, 0 included. */
void ar_rand_seed(ar_rand *r, uint64_t seed);

/* 64 random bits. */
uint64_t ar_rand_next(ar_rand *r);

/* A number from 0 to n - 1, each as likely as the others; n > 0. */
uint64_t ar_rand_below(ar_rand *r, uint64_t n);

/* A number in [0, 1), in steps of 2^-53. */
double ar_rand_double(ar_rand *r);

/* 64 bits from the system, for a seed nobody chose. */
uint64_t ar_rand_entropy(void);

#endif
