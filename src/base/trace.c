/*
 * The trace ring, and the end of a failed assertion.
 *
 * The ring is writable state at file scope, under AR_DEBUG only: an
 * assertion has no object to take it from. One per thread, so that no lock
 * is needed and the lines are those that led to the failure.
 */

#include "base/trace.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#ifdef AR_DEBUG

static _Thread_local struct {
  unsigned long written; /* lines ever; the next goes to written % LINES */
  char lines[AR_TRACE_LINES][AR_TRACE_WIDTH];
} ring;

/* The path without its folders but the last: "sched/task.c". */
static const char *short_path(const char *path) {
  const char *last = strrchr(path, '/');
  while (last != NULL && last > path && last[-1] != '/')
    last--;
  return last != NULL ? last : path;
}

void ar_trace_line(const char *file, int line, const char *fmt, ...) {
  char *to = ring.lines[ring.written % AR_TRACE_LINES];
  int used = snprintf(to, AR_TRACE_WIDTH, "%s:%d: ", short_path(file), line);
  va_list args;
  ring.written++;
  if (used < 0 || used >= AR_TRACE_WIDTH)
    return;
  va_start(args, fmt);
  (void)vsnprintf(to + used, (size_t)(AR_TRACE_WIDTH - used), fmt, args);
  va_end(args);
}

void ar_trace_dump(FILE *out) {
  unsigned long i = 0;
  if (ring.written > AR_TRACE_LINES)
    i = ring.written - AR_TRACE_LINES;
  for (; i < ring.written; i++)
    (void)fprintf(out, "  trace %lu: %s\n", i, ring.lines[i % AR_TRACE_LINES]);
}

void ar_trace_clear(void) {
  ring.written = 0;
}

#else /* release */

void ar_trace_line(const char *file, int line, const char *fmt, ...) {
  (void)file;
  (void)line;
  (void)fmt;
}

void ar_trace_dump(FILE *out) {
  (void)out;
}

void ar_trace_clear(void) {
}

#endif

void ar_assert_failed(const char *file, int line, const char *expression) {
  (void)fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line,
                expression);
  ar_trace_dump(stderr);
  (void)fflush(stderr);
  abort();
}
