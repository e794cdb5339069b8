/*
 * The header every other one starts from: assertion, attributes, error
 * type, time type.
 *
 * Knows nothing of anyrun. AR_DEBUG (a -D of the debug build) turns
 * assertions on; without it they cost nothing, but their expression is
 * still compiled, so that it cannot rot and its variables count as used.
 * AR_COVER turns them off in a debug build that counts branches: a branch
 * that only a bug in anyrun could take is none that a test can reach.
 */

#ifndef ar_base_h
#define ar_base_h

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define AR_MUST_CHECK __attribute__((warn_unused_result))
#define AR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define AR_NORETURN __attribute__((noreturn))
#define AR_LIKELY(x) __builtin_expect(!!(x), 1)
#define AR_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ar_unreachable_hint() __builtin_unreachable()
#else
#define AR_MUST_CHECK
#define AR_PRINTF(fmt, args)
#define AR_NORETURN
#define AR_LIKELY(x) (x)
#define AR_UNLIKELY(x) (x)
#define ar_unreachable_hint() ((void)0)
#endif

/*
 * 0 or a negative code out of base/err.def (libuv's numbers, which are
 * the negated errno of the system).
 */
typedef int ar_err;

/* Nanoseconds, of a clock or between two moments. */
typedef int64_t ar_time;

#define AR_TIME_MAX INT64_MAX /* forever; a deadline that never comes */
#define AR_TIME_MIN INT64_MIN /* before everything */

/*
 * Says on stderr what was wrong and where, prints the trace ring, aborts.
 * Defined in trace.c; for the macros below.
 */
AR_NORETURN void ar_assert_failed(const char *file, int line,
                                  const char *expression);

/*
 * A bug in anyrun, never a fault of the user or the system. The
 * expression must be free of side effects.
 */
#if defined(AR_DEBUG) && !defined(AR_COVER)
#define AR_ASSERT(x) \
  (AR_LIKELY(x) ? (void)0 : ar_assert_failed(__FILE__, __LINE__, #x))
#define AR_UNREACHABLE() ar_assert_failed(__FILE__, __LINE__, "unreachable")
#else
#define AR_ASSERT(x) ((void)sizeof((x) ? 1 : 0))
#define AR_UNREACHABLE() ar_unreachable_hint()
#endif

/* The object whose field `member` is what `ptr` points to. */
#define ar_container_of(ptr, type, member) \
  ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Number of elements of a true array (not of a pointer). */
#define ar_countof(a) (sizeof(a) / sizeof((a)[0]))

/*
 * Sum that stops at the ends instead of wrapping. Forever stays forever,
 * whatever is added, and so does the beginning of time.
 */
static inline ar_time ar_time_add(ar_time a, ar_time b) {
  if (a == AR_TIME_MAX || b == AR_TIME_MAX)
    return AR_TIME_MAX;
  if (b > 0 && a > AR_TIME_MAX - b)
    return AR_TIME_MAX;
  if (b < 0 && a < AR_TIME_MIN - b)
    return AR_TIME_MIN;
  return a + b;
}

#endif
