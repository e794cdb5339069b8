/* The check of UTF-8. */

#include "base/utf8.h"

#include <string.h>

#include "ctest.h"

static ar_utf8_span check(const char *text) {
  return ar_utf8_check(text, strlen(text));
}

static bool is(const char *text, size_t valid, ar_utf8_stop stop,
               size_t wrong) {
  ar_utf8_span span = check(text);
  return span.valid == valid && span.stop == stop && span.wrong == wrong;
}

/* Encode without asking whether one may. */
static size_t encode(uint32_t c, char *to) {
  if (c < 0x80) {
    to[0] = (char)c;
    return 1;
  }
  if (c < 0x800) {
    to[0] = (char)(0xc0 | c >> 6);
    to[1] = (char)(0x80 | (c & 0x3f));
    return 2;
  }
  if (c < 0x10000) {
    to[0] = (char)(0xe0 | c >> 12);
    to[1] = (char)(0x80 | (c >> 6 & 0x3f));
    to[2] = (char)(0x80 | (c & 0x3f));
    return 3;
  }
  to[0] = (char)(0xf0 | c >> 18);
  to[1] = (char)(0x80 | (c >> 12 & 0x3f));
  to[2] = (char)(0x80 | (c >> 6 & 0x3f));
  to[3] = (char)(0x80 | (c & 0x3f));
  return 4;
}

TEST("every character is valid, every surrogate and what is beyond is not") {
  char text[4];
  for (uint32_t c = 0; c < 0x110100; c++) {
    size_t n = encode(c, text);
    ar_utf8_span span = ar_utf8_check(text, n);
    bool valid = (c < 0xd800 || c > 0xdfff) && c < 0x110000;
    if (valid)
      CHECK(span.stop == AR_UTF8_END && span.valid == n);
    else
      CHECK(span.stop == AR_UTF8_WRONG && span.valid == 0);
  }
}

TEST("a character that ends too early is cut, at each of its bytes") {
  static const uint32_t some[] = {0x80,   0x7ff,  0x800,   0xd7ff,
                                  0xe000, 0xffff, 0x10000, 0x10ffff};
  char text[8];
  for (size_t i = 0; i < ar_countof(some); i++) {
    size_t n = encode(some[i], text + 1);
    text[0] = 'a';
    for (size_t cut = 1; cut < n; cut++) {
      ar_utf8_span span = ar_utf8_check(text, 1 + cut);
      CHECK_EQ(span.valid, 1);
      CHECK_EQ(span.stop, AR_UTF8_CUT);
      CHECK_EQ(span.wrong, cut);
    }
  }
}

TEST("what is wrong is the longest beginning, or one byte") {
  CHECK(is("ab\x80", 2, AR_UTF8_WRONG, 1));
  CHECK(is("\xff", 0, AR_UTF8_WRONG, 1));
  CHECK(is("\xc0\xaf", 0, AR_UTF8_WRONG, 1));         /* too long */
  CHECK(is("\xe0\x80\xaf", 0, AR_UTF8_WRONG, 1));     /* too long */
  CHECK(is("\xf0\x80\x80\xaf", 0, AR_UTF8_WRONG, 1)); /* too long */
  CHECK(is("\xed\xa0\x80", 0, AR_UTF8_WRONG, 1));     /* surrogate */
  CHECK(is("\xf4\x90\x80\x80", 0, AR_UTF8_WRONG, 1)); /* beyond */
  CHECK(is("\xe1\x80\x41", 0, AR_UTF8_WRONG, 2));
  CHECK(is("\xf1\x80\x80\x41", 0, AR_UTF8_WRONG, 3));
}
