/*
 * A descriptor that is read or written as a stream of bytes, as a Lua object.
 */

#ifndef ar_pipe_h
#define ar_pipe_h

#include <lauxlib.h>
#include <stdio.h>

#include "host/lrun.h"
#include "io/endpoint.h"
#include "io/fd.h"
#include "io/pool.h"

#define AR_PIPE_CHUNK 65536 /* what a pipe holds, mostly */

#define AR_UV_UNREAD 1
#define AR_UV_PIPE_COUNT 1

typedef struct {
  ar_endpoint at;
  ar_fd *fd;    /* owned; NULL: plain, or closed */
  ar_lrun *run; /* borrowed: closes it when it ends; NULL: closed */
  ar_loose loose;
  bool has_unread; /* user value AR_UV_UNREAD is a string: comes first */
  FILE *buffer;    /* borrowed: Lua's file of the same descriptor; NULL: none */
  bool busy[2];    /* by ar_side: a task is at it */
  ar_work *kept;   /* owned: what a thread read and Lua had no memory for */
} ar_pipe;

/* [-0, +1] One that is closed. */
ar_pipe *ar_pipe_push(lua_State *L);

/* It is at this endpoint from now on, which is closed where this fails. */
AR_MUST_CHECK ar_err ar_pipe_open(ar_pipe *p, ar_lrun *run, ar_endpoint at);

/* The one at idx; raises if it is closed. */
ar_pipe *ar_check_pipe(lua_State *L, int idx);

/* Raise BrokenResourceError about the one at index 1. */
AR_NORETURN void ar_pipe_raise(lua_State *L, ar_err err);

/* Of one that is plain: read up to `max` bytes, write what stands at stack
 * place 2, in a thread. */
int ar_pipe_read_in_thread(lua_State *L, ar_pipe *p, size_t max);
int ar_pipe_write_in_thread(lua_State *L, ar_pipe *p);

/* [-0, +0 or 1] What Lua's file has read ahead, at most `max` bytes; false:
 * nothing. */
bool ar_pipe_push_ahead(lua_State *L, FILE *file, size_t max);

/* Give back what is kept. */
void ar_pipe_drop_kept(ar_pipe *p);

/* Methods that never wait. */
int ar_pipe_read_now(lua_State *L);
int ar_pipe_write_now(lua_State *L);
int ar_pipe_is_broken(lua_State *L);
int ar_pipe_watched(lua_State *L);

/* Functions of the module, see pipetake.c. */
int ar_pipe_kind(lua_State *L);
int ar_pipe_take(lua_State *L);

#endif
