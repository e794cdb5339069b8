/*
 * io.read, io.lines, and the same of a file, in a task.
 *
 * What the file has read ahead is given at once. Where that is not enough, the
 * task waits until the system has more, reads that, and looks again: so it
 * never waits for what it has, nor reads what nobody asked for, and what it
 * has taken is put back if it is cancelled. Files on a disk, which nothing can
 * wait for, are stock Lua's.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "bind/numeral.h"
#include "bind/stocklib.h"

typedef enum {
  FORMAT_LINE, /* "l" */
  FORMAT_KEPT, /* "L": with its end */
  FORMAT_BYTES,
  FORMAT_MORE, /* 0: is there more? */
  FORMAT_NUMBER,
  FORMAT_ALL,
  FORMAT_WRONG
} format;

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

static format format_named(const char *name) {
  if (*name == '*')
    name++; /* as in Lua 5.1 */
  switch (*name) {
    case 'l': return FORMAT_LINE;
    case 'L': return FORMAT_KEPT;
    case 'n': return FORMAT_NUMBER;
    case 'a': return FORMAT_ALL;
    default: return FORMAT_WRONG;
  }
}

/* The format at idx, and how many bytes that is. */
static format format_at(lua_State *L, int idx, size_t *size) {
  int is_integer;
  lua_Integer n;
  *size = 0;
  if (lua_type(L, idx) == LUA_TSTRING)
    return format_named(lua_tostring(L, idx));
  if (lua_type(L, idx) != LUA_TNUMBER)
    return FORMAT_WRONG;
  n = lua_tointegerx(L, idx, &is_integer);
  if (!is_integer || n < 0)
    return FORMAT_WRONG;
  *size = (size_t)n;
  return n == 0 ? FORMAT_MORE : FORMAT_BYTES;
}

static format format_of(lua_State *L, const call *r, int i, size_t *size) {
  *size = 0;
  return r->count == 0 ? FORMAT_LINE : format_at(L, r->first + i, size);
}

/* ---- what is there already ---------------------------------------------- */

static size_t blanks(const char *p, size_t n) {
  size_t i = 0;
  while (i < n && isspace((unsigned char)p[i]))
    i++;
  return i;
}

#define SHORT 1024 /* what is longer takes the long way */

/* [-0, +1] A line, or bytes, that were read ahead as a whole. */
static bool push_short(lua_State *L, FILE *f, format k, size_t size) {
  char text[SHORT];
  ar_cfile_ahead a;
  const char *end;
  size_t n = 0;
  flockfile(f);
  a = ar_cfile_look(f);
  if (k == FORMAT_BYTES) {
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
  lua_pushlstring(L, text, k == FORMAT_LINE ? n - 1 : n);
  return true;
}

/* Will stock Lua find what it looks for without a call of the system? */
static bool is_at_hand(FILE *f, format k, size_t size) {
  ar_cfile_ahead a = ar_cfile_look(f);
  switch (k) {
    case FORMAT_LINE:
    case FORMAT_KEPT: return a.n > 0 && memchr(a.at, '\n', a.n) != NULL;
    case FORMAT_BYTES: return a.n >= size;
    case FORMAT_MORE: return a.n > 0;
    case FORMAT_NUMBER: return a.n - blanks(a.at, a.n) > AR_NUMERAL_MAX;
    case FORMAT_ALL:
    case FORMAT_WRONG: return false;
  }
  return false;
}

/* ---- taking ------------------------------------------------------------- */

/* The numeral of which `had` was taken and p may hold more: how many bytes of
 * p belong to it. */
static size_t share_of_number(const char *had, size_t n_had, const char *p,
                              size_t n, bool *whole) {
  char text[AR_NUMERAL_MAX + 1];
  size_t skipped = blanks(had, n_had), prefix = n_had - skipped, size, length;
  skipped = prefix == 0 ? blanks(p, n) : 0;
  if (skipped == n)
    return n;
  size = n - skipped;
  if (size > sizeof text - prefix)
    size = sizeof text - prefix;
  memcpy(text, had + n_had - prefix, prefix);
  memcpy(text + prefix, p + skipped, size);
  size += prefix;
  length = ar_numeral_length(text, size);
  *whole = length < size || size == sizeof text;
  if (length > AR_NUMERAL_MAX)
    length = AR_NUMERAL_MAX;
  return skipped + length - prefix;
}

/* How many of the n bytes at p belong to what is being read; is it whole
 * then? */
static size_t share_of(const ar_gate *g, format k, size_t size, const char *p,
                       size_t n, bool *whole) {
  size_t had = g->n - g->start;
  const char *end;
  *whole = false;
  switch (k) {
    case FORMAT_LINE:
    case FORMAT_KEPT:
      end = n > 0 ? memchr(p, '\n', n) : NULL;
      *whole = end != NULL;
      return end != NULL ? (size_t)(end - p) + 1 : n;
    case FORMAT_BYTES: *whole = n >= size - had; return *whole ? size - had : n;
    case FORMAT_MORE: *whole = n > 0; return 0;
    case FORMAT_NUMBER:
      if (n == 0)
        return 0;
      return share_of_number(had > 0 ? g->taken + g->start : "", had, p, n,
                             whole);
    case FORMAT_ALL:
    case FORMAT_WRONG: return n;
  }
  return 0;
}

/* [-0, +1] The number in the first n bytes at p; nil: it is none. */
static bool push_number(lua_State *L, const char *p, size_t n) {
  char text[AR_NUMERAL_MAX + 1];
  if (n <= AR_NUMERAL_MAX) {
    memcpy(text, p, n);
    text[n] = '\0';
    if (lua_stringtonumber(L, text) != 0)
      return true;
  }
  lua_pushnil(L);
  return false;
}

static size_t length_of_number(const char *p, size_t n, size_t *skipped) {
  *skipped = blanks(p, n);
  n -= *skipped;
  if (n > AR_NUMERAL_MAX + 1)
    n = AR_NUMERAL_MAX + 1; /* one more: then it is too long */
  return ar_numeral_length(p + *skipped, n);
}

static bool is_number(lua_State *L, const char *p, size_t n) {
  size_t skipped, length = length_of_number(p, n, &skipped);
  bool is = push_number(L, p + skipped, length);
  lua_pop(L, 1);
  return is;
}

/* What was to be read last is taken: was there anything? */
static bool was_found(lua_State *L, const ar_gate *g, format k) {
  size_t n = g->n - g->start;
  switch (k) {
    case FORMAT_LINE:
    case FORMAT_KEPT:
    case FORMAT_BYTES: return n > 0;
    case FORMAT_MORE: return !g->ended;
    case FORMAT_NUMBER: return n > 0 && is_number(L, g->taken + g->start, n);
    case FORMAT_ALL: return true;
    case FORMAT_WRONG: return false;
  }
  return false;
}

/* Take what belongs to the current format. True: it is whole, or there is no
 * memory. */
static bool take_share(ar_gate *g, format k, size_t size) {
  FILE *f = g->stream->f;
  for (;;) {
    ar_cfile_ahead a = ar_cfile_look(f);
    bool whole;
    size_t n = share_of(g, k, size, a.at, a.n, &whole);
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
    format k = format_of(L, r, g->turns[AR_SIDE_READ].arg, &size);
    if (k == FORMAT_WRONG)
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

/* [-0, +1] The next of the n bytes at p: what was asked for as k. Returns how
 * many it was. */
static size_t push_share(lua_State *L, const ar_gate *g, format k, size_t size,
                         const char *p, size_t n, bool *found) {
  const char *end;
  size_t skipped = 0;
  *found = n > 0;
  switch (k) {
    case FORMAT_LINE:
    case FORMAT_KEPT:
      end = n > 0 ? memchr(p, '\n', n) : NULL;
      if (end != NULL)
        n = (size_t)(end - p) + 1;
      lua_pushlstring(L, p, end != NULL && k == FORMAT_LINE ? n - 1 : n);
      return n;
    case FORMAT_BYTES:
      n = n < size ? n : size;
      lua_pushlstring(L, p, n);
      return n;
    case FORMAT_MORE:
      lua_pushliteral(L, "");
      *found = n > 0 || !g->ended;
      return 0;
    case FORMAT_NUMBER:
      size = length_of_number(p, n, &skipped);
      *found = push_number(L, p + skipped, size);
      return skipped + size;
    case FORMAT_ALL:
      lua_pushlstring(L, p, n);
      *found = true;
      return n;
    case FORMAT_WRONG: break;
  }
  lua_pushnil(L);
  return 0;
}

/* [-0, +n] All results: as many as formats, up to one that found nothing. */
static int push_results(lua_State *L, const ar_gate *g, const call *r) {
  int count = r->count > 0 ? r->count : 1;
  size_t at = 0;
  for (int i = 0; i < count; i++) {
    size_t size;
    bool found;
    format k = format_of(L, r, i, &size);
    at += push_share(L, g, k, size, g->n > 0 ? g->taken + at : "", g->n - at,
                     &found);
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
      format_of(L, r, g->turns[AR_SIDE_READ].arg, &size) == FORMAT_WRONG;
  int arg = r->first + g->turns[AR_SIDE_READ].arg;
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

/* The file is on top, the formats stand from `first` on. */
static way find_way(lua_State *L, luaL_Stream *s, int first) {
  ar_gate *busy = ar_gate_find(L, ar_stock_shared(L), -1, AR_SIDE_READ);
  call r = {first, lua_gettop(L) - first, false};
  size_t size;
  format k = format_of(L, &r, 0, &size);
  if (busy == NULL && r.count <= 1) {
    if (k <= FORMAT_BYTES && push_short(L, s->f, k, size))
      return WAY_GIVEN;
    if (is_at_hand(s->f, k, size))
      return WAY_STOCK;
  }
  if (ar_coro_is_suspendable(L) && ar_cfile_can_wait(s->f))
    return WAY_WAIT;
  if (busy != NULL)
    ar_gate_put_back(busy); /* its task begins anew */
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
