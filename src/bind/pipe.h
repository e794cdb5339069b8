/*
 * A descriptor that is read or written as a stream of bytes, as a Lua object.
 */

#ifndef ar_pipe_h
#define ar_pipe_h

#include <lauxlib.h>

#include "host/lrun.h"
#include "io/fd.h"

typedef struct {
  ar_fd *fd;    /* owned; NULL: closed */
  ar_lrun *run; /* borrowed: closes it when it ends */
  ar_loose loose;
  bool busy[2]; /* by ar_side: a task waits for it */
} ar_pipe;

/* [-0, +1] One that is closed. */
ar_pipe *ar_pipe_push(lua_State *L);

/* It has this descriptor from now on, which is closed where this fails. */
AR_MUST_CHECK ar_err ar_pipe_open(ar_pipe *p, ar_lrun *run, int fd);

/* The one at idx; raises if it is closed. */
ar_pipe *ar_check_pipe(lua_State *L, int idx);

#endif
