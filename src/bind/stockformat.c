/*
 * The formats of Lua's io.read.
 */

#include "bind/stockformat.h"

#include <ctype.h>
#include <string.h>

#include "bind/numeral.h"

static ar_format format_named(const char *name) {
  if (*name == '*')
    name++; /* as in Lua 5.1 */
  switch (*name) {
    case 'l': return AR_FORMAT_LINE;
    case 'L': return AR_FORMAT_KEPT;
    case 'n': return AR_FORMAT_NUMBER;
    case 'a': return AR_FORMAT_ALL;
    default: return AR_FORMAT_WRONG;
  }
}

ar_format ar_format_at(lua_State *L, int idx, size_t *size) {
  int is_integer;
  lua_Integer n;
  *size = 0;
  if (lua_type(L, idx) == LUA_TSTRING)
    return format_named(lua_tostring(L, idx));
  if (lua_type(L, idx) != LUA_TNUMBER)
    return AR_FORMAT_WRONG;
  n = lua_tointegerx(L, idx, &is_integer);
  if (!is_integer || n < 0)
    return AR_FORMAT_WRONG;
  *size = (size_t)n;
  return n == 0 ? AR_FORMAT_MORE : AR_FORMAT_BYTES;
}

size_t ar_format_blanks(const char *p, size_t n) {
  size_t i = 0;
  while (i < n && isspace((unsigned char)p[i]))
    i++;
  return i;
}

/* The numeral of which `had` was taken and p may hold more: how many bytes of
 * p belong to it. */
static size_t share_of_number(const char *had, size_t n_had, const char *p,
                              size_t n, bool *whole) {
  char text[AR_NUMERAL_MAX + 1];
  size_t skipped = ar_format_blanks(had, n_had), prefix = n_had - skipped, size,
         length;
  skipped = prefix == 0 ? ar_format_blanks(p, n) : 0;
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

size_t ar_format_share(ar_format k, size_t size, const char *had, size_t n_had,
                       const char *p, size_t n, bool *whole) {
  const char *end;
  *whole = false;
  switch (k) {
    case AR_FORMAT_LINE:
    case AR_FORMAT_KEPT:
      end = n > 0 ? memchr(p, '\n', n) : NULL;
      *whole = end != NULL;
      return end != NULL ? (size_t)(end - p) + 1 : n;
    case AR_FORMAT_BYTES:
      *whole = n >= size - n_had;
      return *whole ? size - n_had : n;
    case AR_FORMAT_MORE: *whole = n > 0; return 0;
    case AR_FORMAT_NUMBER:
      if (n == 0)
        return 0;
      return share_of_number(had, n_had, p, n, whole);
    case AR_FORMAT_ALL:
    case AR_FORMAT_WRONG: return n;
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
  *skipped = ar_format_blanks(p, n);
  n -= *skipped;
  if (n > AR_NUMERAL_MAX + 1)
    n = AR_NUMERAL_MAX + 1; /* one more: then it is too long */
  return ar_numeral_length(p + *skipped, n);
}

bool ar_format_is_number(lua_State *L, const char *p, size_t n) {
  size_t skipped, length = length_of_number(p, n, &skipped);
  bool is = push_number(L, p + skipped, length);
  lua_pop(L, 1);
  return is;
}

size_t ar_format_push(lua_State *L, ar_format k, size_t size, const char *p,
                      size_t n, bool ended, bool *found) {
  const char *end;
  size_t skipped = 0;
  *found = n > 0;
  switch (k) {
    case AR_FORMAT_LINE:
    case AR_FORMAT_KEPT:
      end = n > 0 ? memchr(p, '\n', n) : NULL;
      if (end != NULL)
        n = (size_t)(end - p) + 1;
      lua_pushlstring(L, p, end != NULL && k == AR_FORMAT_LINE ? n - 1 : n);
      return n;
    case AR_FORMAT_BYTES:
      n = n < size ? n : size;
      lua_pushlstring(L, p, n);
      return n;
    case AR_FORMAT_MORE:
      lua_pushliteral(L, "");
      *found = n > 0 || !ended;
      return 0;
    case AR_FORMAT_NUMBER:
      size = length_of_number(p, n, &skipped);
      *found = push_number(L, p + skipped, size);
      return skipped + size;
    case AR_FORMAT_ALL:
      lua_pushlstring(L, p, n);
      *found = true;
      return n;
    case AR_FORMAT_WRONG: break;
  }
  lua_pushnil(L);
  return 0;
}
