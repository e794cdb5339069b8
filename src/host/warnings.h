/*
 * Warnings of a Lua state, on standard error.
 *
 * They are off until warn("@on"), as in lua, but for errors in finalizers:
 * nobody else could ever hear of those.
 */

#ifndef ar_warnings_h
#define ar_warnings_h

#include "base/base.h"

typedef struct ar_warnings ar_warnings;

/* Where a state's warnings are: must outlive it. Starts as zeros. */
struct ar_warnings {
  bool on;
  bool inside; /* in the middle of a message */
  bool shown;  /* this message is printed */
};

/* A lua_WarnFunction; ud is the ar_warnings. */
void ar_warnings_print(void *ud, const char *piece, int to_be_continued);

#endif
