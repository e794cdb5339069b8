/*
 * Module _anyrun.text: text in UTF-8 from bytes and back.
 *
 * A converter knows an encoding and what to do where something cannot be
 * converted. UTF-8 is only checked; the others are iconv's.
 */

#include <string.h>
#include <strings.h>

#include "base/charset.h"
#include "base/utf8.h"
#include "bind/libs.h"
#include "bind/luax.h"
#include "host/raise.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
#define MAX_CHAR 4                 /* bytes of a character in UTF-8 */

typedef enum {
  STRICT,
  REPLACE,
  IGNORE
} mode;

typedef enum {
  USED_UP,
  CUT,  /* what is left is the beginning of a character */
  WRONG /* the next in->wrong bytes cannot be converted */
} outcome;

typedef struct {
  ar_charset charset; /* closed: the encoding is UTF-8 */
  bool is_utf8;
  bool encodes;
  mode mode;
} converter;

typedef struct {
  const char *at;
  size_t left;
  size_t wrong;
} input;

static void skip(input *in, size_t n) {
  in->at += n;
  in->left -= n;
}

/* ---- one stretch -------------------------------------------------------- */

static outcome copy_utf8(luaL_Buffer *b, input *in) {
  ar_utf8_span span = ar_utf8_check(in->at, in->left);
  luaL_addlstring(b, in->at, span.valid);
  skip(in, span.valid);
  in->wrong = span.wrong;
  if (span.stop == AR_UTF8_END)
    return USED_UP;
  return span.stop == AR_UTF8_CUT ? CUT : WRONG;
}

/* How many bytes of UTF-8 iconv stumbled over. */
static size_t length_of_char(const input *in) {
  size_t n = in->left < MAX_CHAR ? in->left : MAX_CHAR;
  size_t length = 1;
  ar_utf8_span span = ar_utf8_check(in->at, n);
  if (span.valid == 0)
    return span.wrong;
  while (length < span.valid && (in->at[length] & 0xc0) == 0x80)
    length++;
  return length;
}

static outcome run(luaL_Buffer *b, converter *c, input *in) {
  ar_err err;
  do {
    ar_charset_text text = {in->at, in->left, NULL, in->left + 64};
    size_t room = text.out_left;
    text.out = luaL_prepbuffsize(b, room);
    err = ar_charset_run(&c->charset, &text);
    luaL_addsize(b, room - text.out_left);
    skip(in, in->left - text.in_left);
    if (err == AR_EILSEQ)
      in->wrong =
          c->encodes ? length_of_char(in) : ar_charset_skip(&c->charset, &text);
  } while (err == AR_E2BIG);
  if (err == 0)
    return USED_UP;
  if (err == AR_EINVAL && c->encodes)
    in->wrong = in->left;
  return err == AR_EINVAL ? CUT : WRONG;
}

static void finish(luaL_Buffer *b, converter *c) {
  ar_err err;
  do {
    size_t room = 64;
    ar_charset_text text = {NULL, 0, luaL_prepbuffsize(b, room), room};
    err = ar_charset_finish(&c->charset, &text);
    luaL_addsize(b, room - text.out_left);
  } while (err == AR_E2BIG);
}

/* ---- all of it ---------------------------------------------------------- */

/* What stands for what could not be converted. */
static void replace(luaL_Buffer *b, converter *c) {
  input mark = {"?", 1, 0};
  if (!c->encodes)
    luaL_addstring(b, REPLACEMENT);
  else if (c->is_utf8)
    luaL_addchar(b, '?');
  else
    (void)run(b, c, &mark);
}

static outcome convert(luaL_Buffer *b, converter *c, input *in) {
  while (true) {
    outcome end = c->is_utf8 ? copy_utf8(b, in) : run(b, c, in);
    if (end == CUT && c->encodes)
      end = WRONG; /* nothing comes after it */
    if (end != WRONG || c->mode == STRICT)
      return end;
    if (c->mode == REPLACE)
      replace(b, c);
    skip(in, in->wrong);
  }
}

static int stopped(lua_State *L, size_t at, size_t wrong) {
  lua_pushinteger(L, (lua_Integer)at + 1);
  lua_pushinteger(L, (lua_Integer)wrong);
  return 3;
}

/* convert(text) -> text[, at, wrong]: where it stopped, and how many bytes
 * there are wrong; 0: they are the beginning of a character. What was encoded
 * until then is of no use: the encoder is as it was before. */
static int text_convert(lua_State *L) {
  converter *c = luaL_checkudata(L, 1, "TextConverter");
  input in = {NULL, 0, 0};
  const char *start;
  luaL_Buffer b;
  ar_utf8_span span = {0, 0, AR_UTF8_END};
  outcome end;
  start = in.at = luaL_checklstring(L, 2, &in.left);
  lua_settop(L, 2);
  if (c->is_utf8 || c->encodes)
    span = ar_utf8_check(in.at, in.left);
  if (span.stop == AR_UTF8_END && c->is_utf8)
    return 1;
  if (span.stop != AR_UTF8_END && c->encodes && c->mode == STRICT)
    return stopped(L, span.valid, span.wrong);
  luaL_buffinit(L, &b);
  end = convert(&b, c, &in);
  if (!c->is_utf8 && c->encodes && end == USED_UP)
    finish(&b, c);
  else if (!c->is_utf8 && c->encodes)
    ar_charset_reset(&c->charset);
  luaL_pushresult(&b);
  if (end == USED_UP)
    return 1;
  return stopped(L, (size_t)(in.at - start), end == CUT ? 0 : in.wrong);
}

/* ---- converters --------------------------------------------------------- */

static int text_gc(lua_State *L) {
  converter *c = lua_touserdata(L, 1);
  ar_charset_close(&c->charset);
  return 0;
}

static bool names_utf8(const char *name) {
  return strcasecmp(name, "utf-8") == 0 || strcasecmp(name, "utf8") == 0 ||
         strcasecmp(name, "utf_8") == 0;
}

static int new_converter(lua_State *L, bool encodes) {
  static const char *const modes[] = {"strict", "replace", "ignore", NULL};
  const char *name = luaL_checkstring(L, 1);
  mode how = (mode)luaL_checkoption(L, 2, "strict", modes);
  converter *c = lua_newuserdatauv(L, sizeof *c, 0);
  ar_err err = 0;
  memset(c, 0, sizeof *c);
  luaL_setmetatable(L, "TextConverter");
  c->encodes = encodes;
  c->mode = how;
  c->is_utf8 = names_utf8(name);
  if (!c->is_utf8)
    err = encodes ? ar_charset_open_encoder(&c->charset, name)
                  : ar_charset_open_decoder(&c->charset, name);
  if (err == AR_EINVAL)
    ar_raise(L, "LookupError", "unknown encoding: %s", name);
  if (err != 0)
    ar_raise_oserror(L, err, name);
  return 1;
}

/* decoder(encoding, errors) */
static int text_decoder(lua_State *L) {
  return new_converter(L, false);
}

/* encoder(encoding, errors) */
static int text_encoder(lua_State *L) {
  return new_converter(L, true);
}

static const luaL_Reg methods[] = {
    {"convert", text_convert}, {"__gc", text_gc}, {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"decoder", text_decoder}, {"encoder", text_encoder}, {NULL, NULL}};

int luaopen_anyrun_text(lua_State *L) {
  ar_class_open(L, "TextConverter");
  luaL_getmetatable(L, "TextConverter");
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
