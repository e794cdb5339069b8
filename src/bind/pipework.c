/*
 * Reading and writing that may block, in a thread: of a standard stream that
 * is a file.
 *
 * What was begun is waited for, also by a task that is cancelled: bytes that
 * were taken from a file or written to one are not lost on the way, nor done
 * twice. The next wait then raises the cancellation.
 */

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/await.h"
#include "bind/pipe.h"
#include "host/raise.h"

typedef struct {
  ar_work work; /* first */
  ar_endpoint at;
  ssize_t done; /* bytes */
  ar_side side;
  size_t size;
  char bytes[];
} transfer;

static void discard(ar_work *work) {
  transfer *t = ar_container_of(work, transfer, work);
  ar_mem_free(t, sizeof *t + t->size);
}

static void read_some(ar_work *work) {
  transfer *t = ar_container_of(work, transfer, work);
  t->done = ar_endpoint_read(&t->at, t->bytes, t->size);
  work->result = t->done < 0 ? (ar_err)t->done : 0;
}

static void write_all(ar_work *work) {
  transfer *t = ar_container_of(work, transfer, work);
  while ((size_t)t->done < t->size) {
    ssize_t put = ar_endpoint_write(&t->at, t->bytes + t->done,
                                    t->size - (size_t)t->done);
    if (put < 0) {
      work->result = (ar_err)put;
      return;
    }
    t->done += put;
  }
  work->result = 0;
}

static transfer *new_transfer(lua_State *L, const ar_pipe *p, size_t size,
                              ar_side side) {
  transfer *t = ar_mem_alloc(sizeof *t + size);
  if (t == NULL) {
    luaL_error(L, "not enough memory");
    AR_UNREACHABLE();
  }
  ar_work_init(&t->work, side == AR_SIDE_READ ? read_some : write_all, discard);
  t->side = side;
  t->at = p->at;
  t->done = 0;
  t->size = size;
  return t;
}

/* [-0, +1] What was read; nil: nothing, it is the end. */
static void push_read(lua_State *L, const transfer *t) {
  if (t->side == AR_SIDE_READ && t->done > 0)
    lua_pushlstring(L, t->bytes, (size_t)t->done);
  else
    lua_pushnil(L);
}

void ar_pipe_drop_kept(ar_pipe *p) {
  if (p->kept != NULL)
    discard(p->kept);
  p->kept = NULL;
}

/* [-0, +1] The same, with t the pipe's as long as that may raise: the next
 * read gives it then. */
static void push_kept(lua_State *L, ar_pipe *p, transfer *t) {
  if (t->side == AR_SIDE_READ && t->done > 0)
    p->kept = &t->work;
  push_read(L, t);
  p->kept = NULL;
  discard(&t->work);
}

/* ctx: the transfer. */
static int endk(lua_State *L, int status, lua_KContext ctx) {
  transfer *t = (transfer *)ctx;
  ar_pipe *p = lua_touserdata(L, 1);
  const ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  ar_err err = t->work.op.result;
  (void)status;
  p->busy[t->side] = false;
  push_kept(L, p, t);
  if (c->task.woken != 0 && !lua_isnil(L, -1)) {
    /* asyncio's cancel() came between the end and this step */
    lua_setiuservalue(L, 1, AR_UV_UNREAD);
    p->has_unread = true;
  }
  (void)ar_awaited(L);
  if (err != 0)
    ar_pipe_raise(L, err);
  return 1;
}

static int begin(lua_State *L, ar_pipe *p, transfer *t) {
  ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  ar_pool *pool = ar_check_pool(L);
  ar_err err = ar_pool_start(pool, c->task.sched->loop, &t->work);
  if (err != 0) {
    discard(&t->work);
    ar_pipe_raise(L, err);
  }
  p->busy[t->side] = true;
  return ar_await(L, c, &t->work.op, AR_AWAIT_UNDOES,
                  t->side == AR_SIDE_READ ? "data" : "a write", endk,
                  (lua_KContext)t);
}

int ar_pipe_read_in_thread(lua_State *L, ar_pipe *p, size_t max) {
  if (p->kept != NULL) {
    push_kept(L, p, ar_container_of(p->kept, transfer, work));
    return 1;
  }
  (void)ar_check_pool(L); /* raises before anything is made */
  return begin(L, p, new_transfer(L, p, max, AR_SIDE_READ));
}

int ar_pipe_write_in_thread(lua_State *L, ar_pipe *p) {
  size_t size;
  const char *data = lua_tolstring(L, 2, &size);
  transfer *t;
  (void)ar_check_pool(L);
  t = new_transfer(L, p, size, AR_SIDE_WRITE);
  memcpy(t->bytes, data, size);
  return begin(L, p, t);
}

/* ---- at once ------------------------------------------------------------ */

/* read_now(pipe, max) -> up to max bytes; nil: nothing is there; empty: it is
 * the end */
int ar_pipe_read_now(lua_State *L) {
  char chunk[AR_PIPE_CHUNK];
  const ar_pipe *p = ar_check_pipe(L, 1);
  lua_Integer max = luaL_checkinteger(L, 2);
  ssize_t got = ar_endpoint_read(
      &p->at, chunk, max < AR_PIPE_CHUNK ? (size_t)max : AR_PIPE_CHUNK);
  if (got == AR_EAGAIN)
    return 0;
  if (got < 0 && got != AR_EIO)
    ar_raise_oserror(L, (ar_err)got, "cannot read from a pipe");
  lua_pushlstring(L, chunk, got < 0 ? 0 : (size_t)got);
  return 1;
}

/* write_now(pipe, data, from) -> how many bytes of data, without its first
 * `from`, were taken */
int ar_pipe_write_now(lua_State *L) {
  const ar_pipe *p = ar_check_pipe(L, 1);
  size_t size;
  const char *data = luaL_checklstring(L, 2, &size);
  lua_Integer from = luaL_checkinteger(L, 3);
  ssize_t put;
  luaL_argcheck(L, from >= 0 && (size_t)from <= size, 3, "out of range");
  put = ar_endpoint_write(&p->at, data + from, size - (size_t)from);
  if (put < 0 && put != AR_EAGAIN)
    ar_raise_oserror(L, (ar_err)put, "cannot write to a pipe");
  lua_pushinteger(L, put < 0 ? 0 : put);
  return 1;
}
