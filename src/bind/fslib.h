/*
 * What the two modules of files share: _anyrun.fs and _anyrun.file.
 */

#ifndef ar_fslib_h
#define ar_fslib_h

#include <lauxlib.h>

#include "host/coro.h"

/* A cancellation that is pending, before anything is begun: is it? Then
 * `return ar_raise_pending(L, c)`. */
static inline bool ar_is_cancelled(const ar_coro *c) {
  return AR_UNLIKELY(ar_task_pending(&c->task) != AR_CAUSE_NONE);
}
int ar_raise_pending(lua_State *L, ar_coro *c);

/* A string without zero bytes; raises. */
const char *ar_check_path(lua_State *L, int idx);

/* Flags of open(2) for a mode such as "r", "w+", "xb"; raises. */
int ar_check_open_mode(lua_State *L, int idx);

/* Raise an OSError about a path, or two (`other` may be NULL): `filename` and
 * `filename2` of the error. */
AR_NORETURN void ar_raise_path_error(lua_State *L, ar_err err, const char *path,
                                     const char *other);

#endif
