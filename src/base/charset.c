/*
 * Converts text through iconv(3).
 */

#include "base/charset.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

#define CLOSED ((iconv_t)-1)
#define NAME_SIZE 64 /* no encoding has a longer name */

/* Copy a name: without what stands in `drop`, and with `-` for `_`. */
static void respell(char *to, const char *name, const char *drop) {
  for (; *name != '\0'; name++)
    if (strchr(drop, *name) == NULL)
      *to++ = (char)(*name == '_' ? '-' : *name);
  *to = '\0';
}

/* A name that means what it says: iconv takes "" for the locale's encoding,
 * and what follows a slash for an option. */
static bool is_plain(const char *name) {
  size_t n = strlen(name);
  return n > 0 && n < NAME_SIZE && strchr(name, '/') == NULL;
}

static iconv_t open_named(const char *name, bool decodes) {
  return decodes ? iconv_open("UTF-8", name) : iconv_open(name, "UTF-8");
}

static ar_err open_any(iconv_t *cd, const char *name, bool decodes) {
  static const char *const drops[] = {"", "-_"};
  char spelled[NAME_SIZE];
  if (!is_plain(name))
    return AR_EINVAL;
  *cd = open_named(name, decodes);
  for (size_t i = 0; *cd == CLOSED && i < ar_countof(drops); i++) {
    if (errno != EINVAL)
      return ar_err_from_errno(errno);
    respell(spelled, name, drops[i]);
    *cd = open_named(spelled, decodes);
  }
  return *cd != CLOSED ? 0 : ar_err_from_errno(errno);
}

/* How many bytes one more letter takes. */
static size_t width_of(iconv_t cd) {
  char letter[] = "A", bytes[32];
  char *in = letter, *out = bytes;
  size_t in_left = 1, out_left = sizeof bytes;
  (void)iconv(cd, &in, &in_left, &out, &out_left);
  return sizeof bytes - out_left;
}

/* What is told by the bytes of the first letter and of the second. */
static void probe(ar_charset *c, iconv_t encoder) {
  size_t first = width_of(encoder), second = width_of(encoder);
  c->unit = second > 0 ? second : 1;
  c->marks = first > second;
  (void)iconv(encoder, NULL, NULL, NULL, NULL);
}

ar_err ar_charset_open_encoder(ar_charset *c, const char *name) {
  iconv_t cd = CLOSED;
  ar_err err = open_any(&cd, name, false);
  c->cd = NULL;
  if (err != 0)
    return err;
  probe(c, cd);
  c->cd = cd;
  return 0;
}

ar_err ar_charset_open_decoder(ar_charset *c, const char *name) {
  iconv_t cd = CLOSED, encoder = CLOSED;
  ar_err err = open_any(&cd, name, true);
  c->cd = NULL;
  if (err != 0)
    return err;
  c->unit = 1;
  c->marks = false;
  if (open_any(&encoder, name, false) == 0) { /* else it can only be read */
    probe(c, encoder);
    (void)iconv_close(encoder);
  }
  c->cd = cd;
  return 0;
}

static ar_err result_of(size_t answer) {
  return answer != (size_t)-1 ? 0 : ar_err_from_errno(errno);
}

ar_err ar_charset_run(ar_charset *c, ar_charset_text *text) {
  char *in = (char *)text->in; /* iconv's prototype; it only reads */
  size_t answer =
      iconv(c->cd, &in, &text->in_left, &text->out, &text->out_left);
  text->in = in;
  return result_of(answer);
}

/* With a mark in front there is no state to come back from; but the mark would
 * come again. */
ar_err ar_charset_finish(ar_charset *c, ar_charset_text *text) {
  if (c->marks)
    return 0;
  return result_of(iconv(c->cd, NULL, NULL, &text->out, &text->out_left));
}

void ar_charset_reset(ar_charset *c) {
  (void)iconv(c->cd, NULL, NULL, NULL, NULL);
}

size_t ar_charset_skip(const ar_charset *c, const ar_charset_text *text) {
  return c->unit < text->in_left ? c->unit : text->in_left;
}

void ar_charset_close(ar_charset *c) {
  if (c->cd != NULL)
    (void)iconv_close(c->cd);
  c->cd = NULL;
}
