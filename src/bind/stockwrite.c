/*
 * io.write, io.flush, and the same of a file, in a task: where the file is a
 * pipe that is full.
 *
 * A pipe that is ready takes AR_CFILE_SURE bytes without blocking. So what is
 * written goes to the C library in pieces of which none makes it write more.
 * Standard output and error are stock Lua's: print, which writes to them too,
 * must find whole lines there.
 */

#include <errno.h>
#include <stdio.h>

#include "base/err.h"
#include "bind/stocklib.h"

#define NUMBER 64 /* bytes that the text of a number has at most */

/* The pieces of a call stand from `first` on; the file, then the gate, are
 * behind them. */
typedef struct {
  int first;
  int count;
  bool flush;
} call;

#define FLUSH 8 /* in a context, added to `first` */

static call call_of(lua_State *L, lua_KContext ctx) {
  call w;
  w.first = (int)(ctx & 7);
  w.count = lua_gettop(L) - 1 - w.first;
  w.flush = (ctx & FLUSH) != 0;
  return w;
}

/* The piece at idx, the text of a number in `text`; NULL: it is none. */
static const char *piece_at(lua_State *L, int idx, char *text, size_t *n) {
  if (lua_type(L, idx) == LUA_TSTRING)
    return lua_tolstring(L, idx, n);
  if (lua_type(L, idx) != LUA_TNUMBER)
    return NULL;
  if (lua_isinteger(L, idx))
    *n = (size_t)snprintf(text, NUMBER, LUA_INTEGER_FMT, lua_tointeger(L, idx));
  else
    *n = (size_t)snprintf(text, NUMBER, LUA_NUMBER_FMT, lua_tonumber(L, idx));
  return text;
}

/* ---- writing ------------------------------------------------------------ */

typedef enum {
  PUT_ALL,
  PUT_FAILED, /* errno says why */
  PUT_WAITS
} put;

/* Hand over what is left of a piece. `ready`: the pipe is, once. */
static put put_piece(ar_gate *g, const char *p, size_t n, bool *ready) {
  FILE *f = g->stream->f;
  while (g->written < n) {
    size_t pending = ar_cfile_pending(f), size = n - g->written;
    size_t sure = pending < AR_CFILE_SURE ? AR_CFILE_SURE - pending : 0;
    if (size > sure)
      size = sure;
    if (size == 0 || !ar_cfile_has_room(f, size)) {
      if (!*ready)
        return PUT_WAITS;
      *ready = false;
    }
    if (size == 0 ? fflush(f) != 0 : fwrite(p + g->written, 1, size, f) < size)
      return PUT_FAILED;
    g->written += size;
  }
  return PUT_ALL;
}

static put put_flush(const ar_gate *g, bool *ready) {
  FILE *f = g->stream->f;
  if (ar_cfile_pending(f) == 0)
    return PUT_ALL;
  if (!*ready)
    return PUT_WAITS;
  *ready = false;
  return fflush(f) == 0 ? PUT_ALL : PUT_FAILED;
}

static put put_pieces(lua_State *L, ar_gate *g, const call *w, bool *ready) {
  char text[NUMBER];
  while (g->turns[AR_SIDE_WRITE].arg < w->count) {
    size_t n;
    const char *p =
        piece_at(L, w->first + g->turns[AR_SIDE_WRITE].arg, text, &n);
    put done = p != NULL ? put_piece(g, p, n, ready) : PUT_ALL;
    if (p == NULL || done != PUT_ALL)
      return done;
    g->turns[AR_SIDE_WRITE].arg++;
    g->written = 0;
  }
  return w->flush ? put_flush(g, ready) : PUT_ALL;
}

/* ---- the call ----------------------------------------------------------- */

static int roomk(lua_State *L, int status, lua_KContext ctx);

static int go_on(lua_State *L, ar_gate *g, ar_coro *c, lua_KContext ctx,
                 bool ready) {
  call w = call_of(L, ctx);
  put done = put_pieces(L, g, &w, &ready);
  int number = errno, wrong = g->turns[AR_SIDE_WRITE].arg < w.count
                                  ? w.first + g->turns[AR_SIDE_WRITE].arg
                                  : 0;
  if (done == PUT_WAITS)
    return ar_gate_wait(L, g, AR_SIDE_WRITE, c, roomk, ctx);
  ar_gate_leave(g, AR_SIDE_WRITE);
  errno = number;
  if (done == PUT_FAILED || w.flush)
    return luaL_fileresult(L, done == PUT_ALL, NULL);
  if (wrong != 0)
    (void)luaL_checkstring(L, wrong);
  lua_pop(L, 1); /* the gate: the file is the result */
  return 1;
}

static int roomk(lua_State *L, int status, lua_KContext ctx) {
  ar_gate *g = ar_gate_top(L);
  ar_coro *c = ar_gate_waited(L, g, AR_SIDE_WRITE);
  (void)status;
  return go_on(L, g, c, ctx, ar_cfile_is_ready(g->stream->f, true));
}

static int enteredk(lua_State *L, int status, lua_KContext ctx) {
  ar_gate *g = ar_gate_top(L);
  ar_coro *c = ar_gate_entered(L, g, AR_SIDE_WRITE);
  (void)status;
  return go_on(L, g, c, ctx, false);
}

/* Is there a wait ahead that is ours? The file is on top, the pieces stand
 * from `first` on. */
static bool must_wait(lua_State *L, const luaL_Stream *s, int first,
                      bool flush) {
  size_t size = 0;
  if (s->f == stdout || s->f == stderr || !ar_coro_is_suspendable(L))
    return false;
  for (int i = first; i < lua_gettop(L); i++)
    size += lua_type(L, i) == LUA_TSTRING ? lua_rawlen(L, i) : NUMBER;
  if (ar_gate_find(L, ar_stock_shared(L), -1, AR_SIDE_WRITE) == NULL &&
      (flush ? ar_cfile_pending(s->f) == 0 : ar_cfile_has_room(s->f, size)))
    return false;
  return ar_cfile_is_pipe(s->f);
}

static int write_file(lua_State *L, const luaL_Stream *s, int first,
                      bool flush) {
  ar_coro *c;
  if (!must_wait(L, s, first, flush)) {
    lua_pop(L, 1);
    return ar_stock_call(L);
  }
  c = ar_coro_check(L);
  return ar_gate_enter(L, ar_gate_push(L, ar_stock_shared(L), -1),
                       AR_SIDE_WRITE, c, enteredk,
                       flush ? first | FLUSH : first);
}

static int write_default(lua_State *L, bool flush) {
  const luaL_Stream *s;
  lua_getfield(L, LUA_REGISTRYINDEX, AR_STOCK_OUTPUT);
  s = ar_to_stream(L, -1);
  if (s != NULL)
    return write_file(L, s, 1, flush);
  lua_pop(L, 1);
  return ar_stock_call(L);
}

int ar_stock_io_write(lua_State *L) {
  return write_default(L, false);
}

int ar_stock_io_flush(lua_State *L) {
  lua_settop(L, 0);
  return write_default(L, true);
}

int ar_stock_file_write(lua_State *L) {
  const luaL_Stream *s = ar_to_stream(L, 1);
  if (s == NULL)
    return ar_stock_call(L);
  lua_pushvalue(L, 1);
  return write_file(L, s, 2, false);
}

int ar_stock_file_flush(lua_State *L) {
  const luaL_Stream *s = ar_to_stream(L, 1);
  if (s == NULL)
    return ar_stock_call(L);
  lua_settop(L, 1);
  lua_pushvalue(L, 1);
  return write_file(L, s, 2, true);
}
