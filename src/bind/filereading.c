/*
 * AsyncFile: reading.
 */

#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "bind/block.h"
#include "bind/filelib.h"
#include "bind/fslib.h"
#include "bind/numeral.h"
#include "host/raise.h"

#define SIZE 2 /* place of how much is wanted */

static ar_lfile *check_readable(lua_State *L) {
  ar_lfile *lf = ar_check_file(L);
  ar_check_open_file(L, lf);
  if (AR_UNLIKELY(!lf->file->readable))
    ar_raise(L, "OSError", "the file is not open for reading");
  return lf;
}

/* Bytes that can be taken: none while there is something to be written. */
static size_t available(const ar_lfile *lf) {
  return ar_file_available(lf->file);
}

/* Nothing more comes: that was found out just now. */
static bool ended(const ar_lfile *lf) {
  return lf->phase > 0 && lf->file->ended;
}

static bool fill(ar_lfile *lf, size_t want) {
  lf->file->order.want = want;
  lf->act = ar_file_fill;
  return false;
}

/* ---- so many bytes ------------------------------------------------------ */

/* Absent or negative: all. */
static size_t size_wanted(lua_State *L) {
  lua_Integer n = lua_isnil(L, SIZE) ? -1 : lua_tointeger(L, SIZE);
  return n < 0 ? SIZE_MAX : (size_t)n;
}

static void take(lua_State *L, ar_lfile *lf, size_t n) {
  ar_file *f = lf->file;
  char *block = n == available(lf) ? ar_file_give(f, &n) : NULL;
  if (block != NULL) {
    ar_push_block(L, block, f->head, n);
    return;
  }
  if (n == 0) {
    lua_pushliteral(L, "");
    return;
  }
  lua_pushlstring(L, ar_file_data(lf->file), n);
  ar_file_take(lf->file, n);
}

static bool read_ready(lua_State *L, ar_lfile *lf) {
  size_t want = size_wanted(L);
  if (want == 0)
    want = 1; /* is there more? */
  if (available(lf) >= want || ended(lf))
    return true;
  return fill(lf, want);
}

static int read_finish(lua_State *L, ar_lfile *lf) {
  size_t want = size_wanted(L), have = available(lf);
  if (have == 0 && want != SIZE_MAX)
    return luaL_pushfail(L), 1;
  take(L, lf, have < want ? have : want);
  return 1;
}

static const ar_file_op read_op = {read_ready, read_finish};

/* What is there, or what one read brings. */
static bool some_ready(lua_State *L, ar_lfile *lf) {
  (void)L;
  if (available(lf) > 0 || ended(lf))
    return true;
  return fill(lf, 1);
}

static int some_finish(lua_State *L, ar_lfile *lf) {
  size_t want = size_wanted(L), have = available(lf);
  if (have == 0)
    return luaL_pushfail(L), 1;
  take(L, lf, have < want ? have : want);
  return 1;
}

static const ar_file_op some_op = {some_ready, some_finish};

/* ---- lines -------------------------------------------------------------- */

#define KEEPS 3 /* place of whether the end of the line is kept */

static size_t line_length(lua_State *L, ar_lfile *lf) {
  size_t want = size_wanted(L), length = ar_file_line(lf->file);
  if (length == 0 && (ended(lf) || available(lf) >= want))
    length = available(lf);
  return length < want ? length : want;
}

static bool line_ready(lua_State *L, ar_lfile *lf) {
  if (line_length(L, lf) > 0 || ended(lf) || size_wanted(L) == 0)
    return true;
  lf->file->order.want = size_wanted(L);
  lf->act = ar_file_fill_line;
  return false;
}

static size_t end_length(const ar_file *f, const char *line, size_t n) {
  if (f->line_end == AR_LINE_CR)
    return n > 0 && line[n - 1] == '\r';
  if (n == 0 || (line[n - 1] != '\n' &&
                 (f->line_end != AR_LINE_ANY || line[n - 1] != '\r')))
    return 0;
  if (f->line_end == AR_LINE_LF || line[n - 1] == '\r')
    return 1;
  if (n > 1 && line[n - 2] == '\r')
    return 2;
  return f->line_end == AR_LINE_ANY;
}

static int line_finish(lua_State *L, ar_lfile *lf) {
  size_t length = line_length(L, lf), kept = length;
  if (size_wanted(L) == 0)
    return lua_pushliteral(L, ""), 1;
  if (length == 0)
    return luaL_pushfail(L), 1;
  if (!lua_toboolean(L, KEEPS))
    kept -= end_length(lf->file, ar_file_data(lf->file), length);
  lua_pushlstring(L, ar_file_data(lf->file), kept);
  ar_file_take(lf->file, length);
  return 1;
}

static const ar_file_op line_op = {line_ready, line_finish};

/* ---- numbers ------------------------------------------------------------ */

static void skip_blanks(ar_lfile *lf) {
  size_t n = 0, have = available(lf);
  while (n < have && isspace((unsigned char)ar_file_data(lf->file)[n]))
    n++;
  if (n > 0)
    ar_file_take(lf->file, n);
}

static bool number_ready(lua_State *L, ar_lfile *lf) {
  (void)L;
  skip_blanks(lf);
  if (available(lf) > AR_NUMERAL_MAX || ended(lf))
    return true;
  return fill(lf, AR_NUMERAL_MAX + 1);
}

static int number_finish(lua_State *L, ar_lfile *lf) {
  size_t have = available(lf), n;
  char text[AR_NUMERAL_MAX + 1];
  if (have == 0)
    return luaL_pushfail(L), 1;
  n = ar_numeral_length(ar_file_data(lf->file),
                        have < AR_NUMERAL_MAX ? have : AR_NUMERAL_MAX);
  memcpy(text, ar_file_data(lf->file), n);
  text[n] = '\0';
  if (n > 0)
    ar_file_take(lf->file, n); /* as Lua does: what was looked at is read */
  if (lua_stringtonumber(L, text) == 0)
    luaL_pushfail(L);
  return 1;
}

static const ar_file_op number_op = {number_ready, number_finish};

/* ---- methods ------------------------------------------------------------ */

static void check_size(lua_State *L) {
  if (!lua_isnoneornil(L, SIZE))
    (void)luaL_checkinteger(L, SIZE);
}

/* read(file, n): n bytes, all of them when n is absent or negative */
static int file_read_bytes(lua_State *L) {
  ar_lfile *lf = check_readable(L);
  check_size(L);
  lua_settop(L, SIZE);
  return ar_file_do(L, lf, &read_op);
}

static int file_read1(lua_State *L) {
  ar_lfile *lf = check_readable(L);
  check_size(L);
  lua_settop(L, SIZE);
  return ar_file_do(L, lf, &some_op);
}

static int file_readline(lua_State *L) {
  ar_lfile *lf = check_readable(L);
  check_size(L);
  lua_settop(L, SIZE);
  lua_pushboolean(L, 1); /* KEEPS */
  return ar_file_do(L, lf, &line_op);
}

/* A step of `for line in file do`. */
static int file_next(lua_State *L) {
  ar_lfile *lf = check_readable(L);
  lua_settop(L, 1);
  lua_pushnil(L);
  lua_pushboolean(L, 1);
  return ar_file_do(L, lf, &line_op);
}

/* read(file, ...): a size, or Lua's formats */
static int file_read(lua_State *L) {
  ar_lfile *lf = check_readable(L);
  const char *format;
  if (lua_gettop(L) > 2)
    return ar_file_do_many(L, "_read_many");
  if (lua_type(L, 2) != LUA_TSTRING)
    return file_read_bytes(L);
  format = lua_tostring(L, 2);
  if (*format == '*')
    format++; /* as in Lua 5.1 */
  lua_settop(L, 1);
  lua_pushnil(L);
  switch (*format) {
    case 'a': return ar_file_do(L, lf, &read_op);
    case 'n': return ar_file_do(L, lf, &number_op);
    case 'l':
    case 'L':
      lua_pushboolean(L, *format == 'L');
      return ar_file_do(L, lf, &line_op);
    default: return luaL_argerror(L, 1, "invalid format");
  }
}

const luaL_Reg ar_file_reading[] = {{"read", file_read},
                                    {"read1", file_read1},
                                    {"readline", file_readline},
                                    {"__call", file_next},
                                    {NULL, NULL}};
