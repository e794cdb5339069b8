/*
 * A descriptor of a run, as a Lua object or the first part of one.
 *
 * Order of calls: the userdata is made and gets its class, ar_lfd_init; then
 * ar_lfd_open; ar_lfd_close. The run closes what is still open when it ends,
 * and __gc what nobody refers to: both say so, as a warning.
 *
 * Waiting: ar_check_lfd_open, ar_lfd_wait (which may raise), then ar_await on
 * its op; the continuation calls ar_awaited, then ar_check_lfd_open again: it
 * may have been closed meanwhile, and then its op is gone.
 */

#ifndef ar_lfd_h
#define ar_lfd_h

#include <lauxlib.h>

#include "bind/await.h"
#include "host/lrun.h"
#include "io/fd.h"

typedef struct ar_lfd ar_lfd;

struct ar_lfd {
  ar_fd *fd;    /* owned; NULL: not open, or closed */
  ar_lrun *run; /* borrowed: closes it at its end; NULL like fd */
  ar_loose loose;
};

void ar_lfd_init(ar_lfd *d);

/* [-0, +0] The userdata on top, the one that d is in, has descriptor `fd` from
 * now on. With `owned` it is d's to close, also where this raises. */
void ar_lfd_open(lua_State *L, ar_lfd *d, ar_lrun *run, int fd, bool owned);

/* [-0, +0] Wakes who waits for it. Never raises; false: it was not open. */
bool ar_lfd_close(lua_State *L, ar_lfd *d);

/* [-0, +0] For __gc: closes it with a warning that calls it `what`. */
void ar_lfd_collect(lua_State *L, ar_lfd *d);

/* [-0, +1] The object that has this descriptor of the system, or nil. */
bool ar_lfd_find(lua_State *L, int fd);

/* Raise what ar_check_lfd_open found. */
AR_NORETURN void ar_lfd_refuse(lua_State *L, const ar_lfd *d);

/* Raises ClosedResourceError when it is not open; RuntimeError when it belongs
 * to another run than the current one. */
static inline ar_fd *ar_check_lfd_open(lua_State *L, const ar_lfd *d) {
  if (AR_UNLIKELY(d->fd == NULL || d->run != ar_host_of(L)->run))
    ar_lfd_refuse(L, d);
  return d->fd;
}

/* Raise BusyResourceError when somebody waits for this side. */
void ar_check_lfd_free(lua_State *L, const ar_lfd *d, ar_side side);

/* Begin to wait for a side; raises BusyResourceError when somebody waits for
 * it already. NULL: it is always ready. */
ar_op *ar_lfd_wait(lua_State *L, ar_lfd *d, ar_side side);

/* [-0, +0] Raise BusyResourceError. */
AR_NORETURN void ar_raise_busy(lua_State *L, const char *action);

#endif
