/*
 * io.read, io.lines, and the same of a file, in a task.
 *
 * What the file has read ahead is given at once. Where that is not enough, the
 * task waits until the system has more, reads that, and looks again: so it
 * never waits for what it has, nor reads what nobody asked for, and what it
 * has taken is put back if it is cancelled. Files on a disk, which nothing can
 * wait for, are stock Lua's.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "bind/numeral.h"
#include "bind/stockformat.h"
#include "bind/stocklib.h"
#include "host/interrupt.h"

/* The formats of a call stand from `first` on; the file, then the gate, are
 * behind them. */
typedef struct {
  int first;
  int count; /* of formats that are given */
  bool step; /* of an iterator */
} call;

#define STEP 8 /* in a context, added to `first` */

static call call_of(lua_State *L, lua_KContext ctx) {
  call r;
  r.first = (int)(ctx & 7);
  r.count = lua_gettop(L) - 1 - r.first;
  r.step = (ctx & STEP) != 0;
  return r;
}

static ar_format format_of(lua_State *L, const call *r, int i, size_t *size) {
  *size = 0;
  return r->count == 0 ? AR_FORMAT_LINE : ar_format_at(L, r->first + i, size);
}

/* ---- what is there already ---------------------------------------------- */

#define SHORT 1024 /* what is longer takes the long way */

/* [-0, +1] A line, or bytes, that were read ahead as a whole. */
static bool push_short(lua_State *L, FILE *f, ar_format k, size_t size) {
  char text[SHORT];
  ar_cfile_ahead a;
  const char *end;
  size_t n = 0;
  flockfile(f);
  a = ar_cfile_look(f);
  if (k == AR_FORMAT_BYTES) {
    n = size <= a.n && size <= SHORT ? size : 0;
  } else {
    end = a.n > 0 ? memchr(a.at, '\n', a.n < SHORT ? a.n : SHORT) : NULL;
    n = end != NULL ? (size_t)(end - a.at) + 1 : 0;
  }
  if (n > 0)
    ar_cfile_take(f, text, n);
  funlockfile(f);
  if (n == 0)
    return false;
  lua_pushlstring(L, text, k == AR_FORMAT_LINE ? n - 1 : n);
  return true;
}

/* Will stock Lua find what it looks for without a call of the system? */
static bool is_at_hand(FILE *f, ar_format k, size_t size) {
  ar_cfile_ahead a = ar_cfile_look(f);
  switch (k) {
    case AR_FORMAT_LINE:
    case AR_FORMAT_KEPT: return a.n > 0 && memchr(a.at, '\n', a.n) != NULL;
    case AR_FORMAT_BYTES: return a.n >= size;
    case AR_FORMAT_MORE: return a.n > 0;
    case AR_FORMAT_NUMBER:
      return a.n - ar_format_blanks(a.at, a.n) > AR_NUMERAL_MAX;
    case AR_FORMAT_ALL:
    case AR_FORMAT_WRONG: return false;
  }
  return false;
}

/* ---- taking ------------------------------------------------------------- */

/* What was to be read last is taken: was there anything? */
static bool was_found(lua_State *L, const ar_gate *g, ar_format k) {
  size_t n = g->n - g->start;
  switch (k) {
    case AR_FORMAT_LINE:
    case AR_FORMAT_KEPT:
    case AR_FORMAT_BYTES: return n > 0;
    case AR_FORMAT_MORE: return !g->ended;
    case AR_FORMAT_NUMBER:
      return n > 0 && ar_format_is_number(L, g->taken + g->start, n);
    case AR_FORMAT_ALL: return true;
    case AR_FORMAT_WRONG: return false;
  }
  return false;
}

/* Take what belongs to the current format. True: it is whole, or there is no
 * memory. */
static bool take_share(ar_gate *g, ar_format k, size_t size) {
  FILE *f = g->stream->f;
  for (;;) {
    ar_cfile_ahead a = ar_cfile_look(f);
    const char *had = g->n > 0 ? g->taken + g->start : "";
    bool whole;
    size_t n =
        ar_format_share(k, size, had, g->n - g->start, a.at, a.n, &whole);
    char *to = n > 0 ? ar_gate_room(g, n) : NULL;
    if (n > 0 && to == NULL) {
      g->error = AR_ENOMEM;
      return true;
    }
    if (n > 0)
      ar_cfile_take(f, to, n);
    g->n += n;
    if (whole || !a.more)
      return whole;
    g->error = ar_cfile_fill(f); /* no call of the system: see `more` */
    if (g->error != 0)
      return true;
  }
}

/* Take what is there. True: the call is over. Does not raise. */
static bool advance(lua_State *L, ar_gate *g, const call *r) {
  FILE *f = g->stream->f;
  int count = r->count > 0 ? r->count : 1;
  bool over = false;
  flockfile(f);
  while (!over && g->turns[AR_SIDE_READ].arg < count) {
    size_t size;
    ar_format k = format_of(L, r, g->turns[AR_SIDE_READ].arg, &size);
    if (k == AR_FORMAT_WRONG)
      break;
    if (!take_share(g, k, size) && !g->ended) {
      funlockfile(f);
      return false;
    }
    over = g->error != 0 || !was_found(L, g, k);
    if (!over) {
      g->turns[AR_SIDE_READ].arg++;
      g->start = g->n;
    }
  }
  funlockfile(f);
  return true;
}

/* ---- giving ------------------------------------------------------------- */

/* [-0, +n] All results: as many as formats, up to one that found nothing. */
static int push_results(lua_State *L, const ar_gate *g, const call *r) {
  int count = r->count > 0 ? r->count : 1;
  size_t at = 0;
  for (int i = 0; i < count; i++) {
    size_t size;
    bool found;
    ar_format k = format_of(L, r, i, &size);
    at += ar_format_push(L, k, size, g->n > 0 ? g->taken + at : "", g->n - at,
                         g->ended, &found);
    if (!found) {
      lua_pop(L, 1);
      luaL_pushfail(L);
      return i + 1;
    }
  }
  return count;
}

/* As stock Lua does where a format is none. */
AR_NORETURN static void refuse_format(lua_State *L, int idx) {
  if (lua_type(L, idx) == LUA_TNUMBER) {
    if (luaL_checkinteger(L, idx) < 0)
      luaL_error(L, "buffer too large");
  } else {
    (void)luaL_checkstring(L, idx);
  }
  luaL_argerror(L, idx, "invalid format");
  AR_UNREACHABLE();
}

/* The step of an iterator has its n results, nothing or an error included. */
static int end_step(lua_State *L, int n) {
  if (lua_toboolean(L, -n))
    return n;
  if (n > 1)
    return luaL_error(L, "%s", lua_tostring(L, -n + 1));
  if (lua_toboolean(L, lua_upvalueindex(5))) { /* it opened the file */
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(3));
    lua_getfield(L, 1, "close");
    lua_insert(L, 1);
    lua_call(L, 1, 0);
  }
  return 0;
}

/* Whoever is next gets the turn, but does not run before this is through. */
static int give(lua_State *L, ar_gate *g, const call *r) {
  ar_err err = g->error;
  int count = r->count > 0 ? r->count : 1, n = 0;
  size_t size;
  bool wrong =
      err == 0 && g->turns[AR_SIDE_READ].arg < count &&
      format_of(L, r, g->turns[AR_SIDE_READ].arg, &size) == AR_FORMAT_WRONG;
  int arg = r->first + g->turns[AR_SIDE_READ].arg;
  if (err == AR_ENOMEM)
    ar_gate_put_back(g); /* the next call has it */
  ar_gate_leave(g, AR_SIDE_READ);
  if (err == AR_ENOMEM)
    return luaL_error(L, "not enough memory");
  if (wrong)
    refuse_format(L, arg);
  if (err == 0)
    n = push_results(L, g, r);
  ar_gate_done(g);
  if (err != 0) {
    errno = -err;
    n = luaL_fileresult(L, 0, NULL);
  }
  return r->step ? end_step(L, n) : n;
}

/* ---- the call ----------------------------------------------------------- */

static int morek(lua_State *L, int status, lua_KContext ctx);

static int go_on(lua_State *L, ar_gate *g, ar_coro *c, lua_KContext ctx) {
  call r = call_of(L, ctx);
  if (advance(L, g, &r))
    return give(L, g, &r);
  /* As the C library does when it reads: a prompt is to be seen. */
  ar_cfile_flush_lines(stdout);
  return ar_gate_wait(L, g, AR_SIDE_READ, c, morek, ctx);
}

static int morek(lua_State *L, int status, lua_KContext ctx) {
  ar_gate *g = ar_gate_top(L);
  ar_coro *c = ar_gate_waited(L, g, AR_SIDE_READ);
  (void)status;
  if (ar_cfile_is_ready(g->stream->f, false)) {
    ar_err err = ar_cfile_fill(g->stream->f);
    if (err != AR_EAGAIN)
      g->ended = err != 0;
    if (g->ended && err != AR_EOF)
      g->error = err;
  }
  return go_on(L, g, c, ctx);
}

static int enteredk(lua_State *L, int status, lua_KContext ctx) {
  ar_gate *g = ar_gate_top(L);
  ar_coro *c = ar_gate_entered(L, g, AR_SIDE_READ);
  (void)status;
  if (g->stream->closef == NULL) {
    ar_gate_leave(g, AR_SIDE_READ);
    return luaL_error(L, "attempt to use a closed file");
  }
  clearerr(g->stream->f);
  return go_on(L, g, c, ctx);
}

/* The file, on top, is to be waited for. */
static int wait_for(lua_State *L, lua_KContext ctx) {
  ar_coro *c = ar_coro_check(L);
  ar_gate *g = ar_gate_push(L, ar_stock_shared(L), -1);
  luaL_checkstack(L, lua_gettop(L) + LUA_MINSTACK, "too many arguments");
  return ar_gate_enter(L, g, AR_SIDE_READ, c, enteredk, ctx);
}

typedef enum {
  WAY_GIVEN, /* the result is on top */
  WAY_STOCK, /* stock Lua has it, or waits for it */
  WAY_WAIT
} way;

/* Stock Lua reads, and may have to wait for the system. */
static void await_input(lua_State *L, FILE *f) {
  const ar_host *host = ar_host_of(L);
  if (host->run != NULL || !host->listens || ar_cfile_look(f).n > 0 ||
      !ar_cfile_can_wait(f))
    return;
  ar_cfile_flush_lines(stdout);
  ar_interrupt_await_input(L, fileno(f));
}

/* The file is on top, the formats stand from `first` on. */
static way find_way(lua_State *L, luaL_Stream *s, int first) {
  ar_gate *busy = ar_gate_find(L, ar_stock_shared(L), -1, AR_SIDE_READ);
  call r = {first, lua_gettop(L) - first, false};
  size_t size;
  ar_format k = format_of(L, &r, 0, &size);
  if (busy == NULL && r.count <= 1) {
    if (k <= AR_FORMAT_BYTES && push_short(L, s->f, k, size))
      return WAY_GIVEN;
    if (is_at_hand(s->f, k, size))
      return WAY_STOCK;
  }
  if (ar_coro_is_suspendable(L) && ar_cfile_can_wait(s->f))
    return WAY_WAIT;
  if (busy != NULL)
    ar_gate_put_back(busy); /* its task begins anew */
  if (k != AR_FORMAT_WRONG)
    await_input(L, s->f);
  return WAY_STOCK;
}

static int read_file(lua_State *L, luaL_Stream *s, int first) {
  switch (find_way(L, s, first)) {
    case WAY_GIVEN: return 1;
    case WAY_WAIT: return wait_for(L, first);
    case WAY_STOCK: break;
  }
  lua_pop(L, 1);
  return ar_stock_call(L);
}

int ar_stock_io_read(lua_State *L) {
  luaL_Stream *s;
  lua_getfield(L, LUA_REGISTRYINDEX, AR_STOCK_INPUT);
  s = ar_to_stream(L, -1);
  if (s != NULL)
    return read_file(L, s, 1);
  lua_pop(L, 1);
  return ar_stock_call(L);
}

int ar_stock_file_read(lua_State *L) {
  luaL_Stream *s = ar_to_stream(L, 1);
  if (s == NULL)
    return ar_stock_call(L);
  lua_pushvalue(L, 1);
  return read_file(L, s, 2);
}

/* ---- lines -------------------------------------------------------------- */

/* A step of the iterator. Upvalues: stock Lua's iterator, what is shared, and
 * then those of that iterator: the file, the number of formats, whether the
 * file is closed at the end, the formats. */
static int next_line(lua_State *L) {
  luaL_Stream *s = lua_touserdata(L, lua_upvalueindex(3));
  int n = (int)lua_tointeger(L, lua_upvalueindex(4));
  lua_settop(L, 1);
  if (s->closef != NULL) {
    luaL_checkstack(L, n + LUA_MINSTACK, "too many arguments");
    for (int i = 1; i <= n; i++)
      lua_pushvalue(L, lua_upvalueindex(5 + i));
    lua_pushvalue(L, lua_upvalueindex(3));
    switch (find_way(L, s, 2)) {
      case WAY_GIVEN: return 1;
      case WAY_WAIT: return wait_for(L, 2 | STEP);
      case WAY_STOCK: break;
    }
    lua_settop(L, 1);
  }
  lua_pushvalue(L, AR_STOCK_FUNCTION);
  lua_insert(L, 1);
  lua_call(L, 1, LUA_MULTRET);
  return lua_gettop(L);
}

/* Stock Lua's n results, of which the first is an iterator: ours in its place
 * where the file may have to be waited for. */
static int wrap_iterator(lua_State *L, int n) {
  int at = lua_gettop(L) - n + 1, ups = 0;
  const luaL_Stream *s;
  if (lua_getupvalue(L, at, 1) == NULL)
    return n;
  s = ar_to_stream(L, -1);
  lua_pop(L, 1);
  if (s == NULL || !ar_cfile_can_wait(s->f))
    return n;
  lua_pushvalue(L, at);
  lua_pushvalue(L, AR_STOCK_SHARED);
  luaL_checkstack(L, 256, "too many arguments");
  while (lua_getupvalue(L, at, ups + 1) != NULL)
    ups++;
  lua_pushcclosure(L, next_line, ups + 2);
  lua_replace(L, at);
  return n;
}

int ar_stock_io_lines(lua_State *L) {
  return wrap_iterator(L, ar_stock_call(L));
}

int ar_stock_file_lines(lua_State *L) {
  return wrap_iterator(L, ar_stock_call(L));
}
