/* The random numbers. */

#include "base/rand.h"

#include "ctest.h"

TEST("the same seed gives the same numbers") {
  ar_rand a, b;
  ar_rand_seed(&a, 7);
  ar_rand_seed(&b, 7);
  for (int i = 0; i < 100; i++)
    CHECK_EQ(ar_rand_next(&a), ar_rand_next(&b));
}

TEST("the numbers of a seed are the same on every machine") {
  /* splitmix64's published first outputs, which are the seeded state */
  ar_rand r;
  ar_rand_seed(&r, 0);
  CHECK_EQ(r.state[0], UINT64_C(0xe220a8397b1dcdaf));
  CHECK_EQ(r.state[1], UINT64_C(0x6e789e6aa1b965f4));
  /* the generator by hand, from the state {1, 2, 3, 4} */
  r.state[0] = 1;
  r.state[1] = 2;
  r.state[2] = 3;
  r.state[3] = 4;
  CHECK_EQ(ar_rand_next(&r), 11520);
  CHECK_EQ(ar_rand_next(&r), 0);
  CHECK_EQ(ar_rand_next(&r), 1509978240);
}

TEST("neighbouring seeds give other numbers") {
  ar_rand a, b;
  int same = 0;
  ar_rand_seed(&a, 1);
  ar_rand_seed(&b, 2);
  for (int i = 0; i < 100; i++)
    same += ar_rand_next(&a) == ar_rand_next(&b);
  CHECK_EQ(same, 0);
}

TEST("a number below n is below n, and every one of them comes") {
  ar_rand r;
  int seen[10] = {0};
  ar_rand_seed(&r, 3);
  for (int i = 0; i < 10000; i++) {
    uint64_t x = ar_rand_below(&r, 10);
    CHECK(x < 10);
    seen[x]++;
  }
  for (size_t i = 0; i < ar_countof(seen); i++)
    CHECK(seen[i] > 800 && seen[i] < 1200);
}

TEST("below one there is only zero") {
  ar_rand r;
  ar_rand_seed(&r, 4);
  for (int i = 0; i < 10; i++)
    CHECK_EQ(ar_rand_below(&r, 1), 0);
}

TEST("large ranges are not biased") {
  /* By a plain remainder the lower half would come twice as often. */
  ar_rand r;
  uint64_t n = UINT64_C(3) << 62;
  int low = 0;
  ar_rand_seed(&r, 5);
  for (int i = 0; i < 10000; i++) {
    uint64_t x = ar_rand_below(&r, n);
    CHECK(x < n);
    low += x < n / 3;
  }
  CHECK(low > 3133 && low < 3533);
}

TEST("a number below zero cannot be asked for") {
  ar_rand r;
  ar_rand_seed(&r, 6);
  CHECK_ABORTS("n > 0", ar_rand_below(&r, 0));
}

TEST("doubles are from zero up to but not including one") {
  ar_rand r;
  double sum = 0;
  ar_rand_seed(&r, 8);
  for (int i = 0; i < 10000; i++) {
    double x = ar_rand_double(&r);
    CHECK(x >= 0 && x < 1);
    sum += x;
  }
  CHECK_NEAR(sum / 10000, 0.5, 0.02);
}

TEST("the system's numbers differ from call to call") {
  CHECK(ar_rand_entropy() != ar_rand_entropy());
}
