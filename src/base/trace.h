/*
 * What happened last: lines in a ring buffer that a failed assertion
 * prints. Each thread has a ring of its own.
 *
 * In a release build AR_TRACE is nothing: its arguments are compiled and
 * checked against the format, and never evaluated. So they must be free of
 * side effects.
 */

#ifndef ar_trace_h
#define ar_trace_h

#include <stdio.h>

#include "base/base.h"

enum {
  AR_TRACE_LINES = 128, /* how many of the last lines are kept */
  AR_TRACE_WIDTH = 120  /* longer lines are cut; counts the final NUL */
};

/* For AR_TRACE. Remembers a line; in a release build does nothing. */
void ar_trace_line(const char *file, int line, const char *fmt, ...)
    AR_PRINTF(3, 4);

/* Print the lines of this thread to `out`, oldest first. */
void ar_trace_dump(FILE *out);

/* Forget the lines of this thread. */
void ar_trace_clear(void);

#ifdef AR_DEBUG
#define AR_TRACE(...) ar_trace_line(__FILE__, __LINE__, __VA_ARGS__)
#else
#define AR_TRACE(...) \
  do { \
    if (0) \
      ar_trace_line(__FILE__, __LINE__, __VA_ARGS__); \
  } while (0)
#endif

#endif
