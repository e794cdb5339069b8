/*
 * The formats of Lua's io.read, over bytes that are there.
 */

#ifndef ar_stockformat_h
#define ar_stockformat_h

#include <lua.h>

#include "base/base.h"

typedef enum {
  AR_FORMAT_LINE, /* "l" */
  AR_FORMAT_KEPT, /* "L": with its end */
  AR_FORMAT_BYTES,
  AR_FORMAT_MORE, /* 0: is there more? */
  AR_FORMAT_NUMBER,
  AR_FORMAT_ALL,
  AR_FORMAT_WRONG
} ar_format;

/* The format at idx, and how many bytes that is. */
ar_format ar_format_at(lua_State *L, int idx, size_t *size);

/* How many of the n bytes at p belong to what is being read, of which n_had
 * bytes were taken; is it whole then? */
size_t ar_format_share(ar_format k, size_t size, const char *had, size_t n_had,
                       const char *p, size_t n, bool *whole);

/* Do the n bytes at p, which are its whole share, hold a number? */
bool ar_format_is_number(lua_State *L, const char *p, size_t n);

/* How many of the bytes at p are blanks. */
size_t ar_format_blanks(const char *p, size_t n);

/* [-0, +1] The next of the n bytes at p: what was asked for as k. Returns how
 * many it was. `ended`: behind them is the end of the file. */
size_t ar_format_push(lua_State *L, ar_format k, size_t size, const char *p,
                      size_t n, bool ended, bool *found);

#endif
