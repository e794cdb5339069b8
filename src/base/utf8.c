/*
 * Checks UTF-8.
 *
 * A wrong stretch is the longest beginning of a character that could have
 * been one, or a single byte: one replacement character stands for each, as
 * Unicode recommends ("maximal subparts").
 */

#include "base/utf8.h"

typedef unsigned char byte;

/* What may follow a first byte: how many bytes, and the range of the next. */
typedef struct {
  byte more;
  byte from, to;
} lead;

static lead lead_of(byte c) {
  lead none = {0, 0, 0}, two = {1, 0x80, 0xbf};
  lead three = {2, 0x80, 0xbf}, four = {3, 0x80, 0xbf};
  if (c < 0xc2 || c > 0xf4)
    return none;
  if (c < 0xe0)
    return two;
  if (c < 0xf0) {
    if (c == 0xe0)
      three.from = 0xa0;
    if (c == 0xed)
      three.to = 0x9f;
    return three;
  }
  if (c == 0xf0)
    four.from = 0x90;
  if (c == 0xf4)
    four.to = 0x8f;
  return four;
}

/* One character that is not ASCII: how many bytes of it are there, and what
 * comes of it (END: it is whole). */
static size_t check_one(const byte *p, size_t n, ar_utf8_stop *stop) {
  lead l = lead_of(p[0]);
  size_t i = 1;
  *stop = AR_UTF8_WRONG;
  if (l.more == 0)
    return 1;
  for (; i <= l.more; i++) {
    byte from = i == 1 ? l.from : 0x80, to = i == 1 ? l.to : 0xbf;
    if (i == n) {
      *stop = AR_UTF8_CUT;
      return i;
    }
    if (p[i] < from || p[i] > to)
      return i;
  }
  *stop = AR_UTF8_END;
  return i;
}

ar_utf8_span ar_utf8_check(const char *text, size_t n) {
  const byte *p = (const byte *)text;
  ar_utf8_span span = {0, 0, AR_UTF8_END};
  while (span.valid < n) {
    size_t length = 1;
    if (p[span.valid] >= 0x80)
      length = check_one(p + span.valid, n - span.valid, &span.stop);
    if (span.stop != AR_UTF8_END) {
      span.wrong = length;
      break;
    }
    span.valid += length;
  }
  return span;
}
