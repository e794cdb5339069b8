/* Clocks, and seconds as scripts write them. */

#include "loop/clock.h"

#include <math.h>

#include "ctest.h"

TEST("the monotonic clock never goes back") {
  ar_time last = ar_clock_monotonic();
  for (int i = 0; i < 1000; i++) {
    ar_time now = ar_clock_monotonic();
    CHECK(now >= last);
    last = now;
  }
}

TEST("the system's clock is the monotonic one, as much later as it was told") {
  ar_clock plain, shifted;
  ar_time offset = ar_time_of_seconds(1000);
  ar_time before, between, after;
  ar_clock_init_system(&plain, 0);
  ar_clock_init_system(&shifted, offset);
  before = ar_clock_monotonic();
  between = ar_clock_now(&plain);
  after = ar_clock_monotonic();
  CHECK(before <= between && between <= after);
  CHECK(ar_clock_now(&shifted) >= after + offset);
}

TEST("time to sleep is what is left until the deadline, never less than none") {
  ar_clock clock;
  ar_time left;
  ar_clock_init_system(&clock, 5000);
  left = clock.to_sleep(&clock, ar_clock_now(&clock) + 1000000000);
  CHECK(left > 900000000 && left <= 1000000000);
  CHECK(clock.to_sleep(&clock, ar_clock_now(&clock) - 1000) <= 0);
}

TEST("seconds become nanoseconds, rounded nowhere near a millisecond") {
  CHECK_EQ(ar_time_of_seconds(0), 0);
  CHECK_EQ(ar_time_of_seconds(1), 1000000000);
  CHECK_EQ(ar_time_of_seconds(-1.5), -1500000000);
  CHECK_EQ(ar_time_of_seconds(1e-9), 1);
  CHECK_NEAR(ar_time_to_seconds(1500000000), 1.5, 0);
  CHECK_NEAR(ar_time_to_seconds(ar_time_of_seconds(0.1)), 0.1, 1e-9);
}

TEST("what is too far away saturates; infinity stays infinity") {
  CHECK_EQ(ar_time_of_seconds(1e300), AR_TIME_MAX);
  CHECK_EQ(ar_time_of_seconds((double)INFINITY), AR_TIME_MAX);
  CHECK_EQ(ar_time_of_seconds((double)NAN), AR_TIME_MAX);
  CHECK(ar_time_of_seconds(-1e300) <= -AR_TIME_MAX);
  CHECK(ar_time_of_seconds(-(double)INFINITY) <= -AR_TIME_MAX);
  CHECK(isinf(ar_time_to_seconds(AR_TIME_MAX)));
  CHECK(isinf(ar_time_to_seconds(-AR_TIME_MAX)));
  CHECK(ar_time_to_seconds(-AR_TIME_MAX) < 0);
}

TEST("sums of times stop at the ends") {
  CHECK_EQ(ar_time_add(1, 2), 3);
  CHECK_EQ(ar_time_add(AR_TIME_MAX, -5), AR_TIME_MAX);
  CHECK_EQ(ar_time_add(5, AR_TIME_MAX), AR_TIME_MAX);
  CHECK_EQ(ar_time_add(AR_TIME_MAX - 1, 2), AR_TIME_MAX);
  CHECK_EQ(ar_time_add(AR_TIME_MIN + 1, -2), AR_TIME_MIN);
}

TEST("until forever it is forever") {
  ar_clock clock;
  ar_clock_init_system(&clock, 0);
  CHECK_EQ(clock.to_sleep(&clock, AR_TIME_MAX), AR_TIME_MAX);
}

TEST("what is near is not far off, with any offset") {
  static const ar_time offsets[] = {0, 12345678901234, -5};
  for (size_t i = 0; i < ar_countof(offsets); i++) {
    ar_clock clock;
    ar_time now;
    ar_clock_init_system(&clock, offsets[i]);
    now = ar_clock_now(&clock);
    CHECK(!ar_clock_is_far(&clock, now - 1000000000));
    CHECK(!ar_clock_is_far(&clock, now));
    CHECK(!ar_clock_is_far(&clock, now + 1000000));
    CHECK(ar_clock_is_far(&clock, now + 3600 * (ar_time)1000000000) ||
          clock.is_far == NULL);
  }
}
