/*
 * xoshiro256** by Blackman and Vigna, seeded through splitmix64 as its
 * authors advise: neighbouring seeds give unrelated streams, and no seed
 * gives the all-zero state, which would never leave zero.
 */

#include "base/rand.h"

#include <unistd.h>

static uint64_t rotate_left(uint64_t x, unsigned bits) {
  return (x << bits) | (x >> (64 - bits));
}

static uint64_t splitmix(uint64_t *x) {
  uint64_t z = *x += UINT64_C(0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

void ar_rand_seed(ar_rand *r, uint64_t seed) {
  for (size_t i = 0; i < ar_countof(r->state); i++)
    r->state[i] = splitmix(&seed);
}

uint64_t ar_rand_next(ar_rand *r) {
  uint64_t *s = r->state;
  uint64_t result = rotate_left(s[1] * 5, 7) * 9;
  uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate_left(s[3], 45);
  return result;
}

uint64_t ar_rand_below(ar_rand *r, uint64_t n) {
  uint64_t skip;
  uint64_t x;
  AR_ASSERT(n > 0);
  /* 2^64 is no multiple of n: the first 2^64 mod n numbers would give the
     low results one chance more than the others, so they are drawn anew. */
  skip = (UINT64_MAX - n + 1) % n;
  do {
    x = ar_rand_next(r);
  } while (x < skip);
  return x % n;
}

double ar_rand_double(ar_rand *r) {
  return (double)(ar_rand_next(r) >> 11) * 0x1p-53;
}

uint64_t ar_rand_entropy(void) {
  uint64_t x = 0;
  /* Fails only on a kernel without the call. There is no clock in this
     room, so what is left is where the loader put the stack: poor, but
     different from run to run, and nothing here is a secret. */
  if (getentropy(&x, sizeof(x)) != 0) {
    uint64_t place = (uint64_t)(uintptr_t)&x ^ (uint64_t)getpid();
    x = splitmix(&place);
  }
  return x;
}
