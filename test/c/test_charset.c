/* Conversion through iconv. */

#include "base/charset.h"

#include <string.h>

#include "ctest.h"

static size_t encode(ar_charset *c, const char *in, char *to, size_t room) {
  ar_charset_text text = {in, strlen(in), to, room};
  CHECK_EQ(ar_charset_run(c, &text), 0);
  CHECK_EQ(ar_charset_finish(c, &text), 0);
  return room - text.out_left;
}

TEST("names are known in several spellings, and nothing else is a name") {
  static const char *const good[] = {"latin-1", "ISO_8859-1", "utf_16_le",
                                     "UTF-16",  "shift_jis",  "euc_jp"};
  static const char *const bad[] = {
      "",
      "no-such",
      "ascii//TRANSLIT",
      "/",
      "UTF-16/",
      "a-name-that-is-longer-than-any-encoding-of-this-world-has-ever-had"};
  ar_charset c = {NULL, 0, false};
  for (size_t i = 0; i < ar_countof(good); i++) {
    CHECK_EQ(ar_charset_open_decoder(&c, good[i]), 0);
    ar_charset_close(&c);
    ar_charset_close(&c);
  }
  for (size_t i = 0; i < ar_countof(bad); i++) {
    CHECK_EQ(ar_charset_open_encoder(&c, bad[i]), AR_EINVAL);
    CHECK_EQ(ar_charset_open_decoder(&c, bad[i]), AR_EINVAL);
    CHECK(c.cd == NULL);
  }
}

TEST("a mark of the byte order comes once") {
  ar_charset c;
  char bytes[16];
  CHECK_EQ(ar_charset_open_encoder(&c, "UTF-16"), 0);
  CHECK(c.marks);
  CHECK_EQ(c.unit, 2);
  CHECK_EQ(encode(&c, "a", bytes, sizeof bytes), 4);
  CHECK_EQ(encode(&c, "b", bytes, sizeof bytes), 2);
  ar_charset_close(&c);
}

TEST("a stateful encoding comes back to its initial state") {
  ar_charset c;
  char bytes[32];
  CHECK_EQ(ar_charset_open_encoder(&c, "ISO-2022-JP"), 0);
  for (int i = 0; i < 2; i++) {
    size_t n = encode(&c, "\xe3\x81\x82", bytes, sizeof bytes);
    CHECK(n > 3 && memcmp(bytes + n - 3, "\x1b(B", 3) == 0);
  }
  ar_charset_close(&c);
}

TEST("what stops it: no room, what cannot be converted, what is cut") {
  ar_charset c;
  char out[4];
  ar_charset_text text = {"abcde", 5, out, 4};
  CHECK_EQ(ar_charset_open_encoder(&c, "ascii"), 0);
  CHECK_EQ(ar_charset_run(&c, &text), AR_E2BIG);
  CHECK_EQ(text.in_left, 1);
  text.in = "a\xc3\xa9";
  text.in_left = 3;
  text.out = out;
  text.out_left = 4;
  CHECK_EQ(ar_charset_run(&c, &text), AR_EILSEQ);
  CHECK_EQ(text.in_left, 2);
  ar_charset_close(&c);
  CHECK_EQ(ar_charset_open_decoder(&c, "UTF-16LE"), 0);
  text.in = "a\0b";
  text.in_left = 3;
  text.out = out;
  text.out_left = 4;
  CHECK_EQ(ar_charset_run(&c, &text), AR_EINVAL);
  CHECK_EQ(text.in_left, 1);
  CHECK_EQ(ar_charset_skip(&c, &text), 1);
  text.in_left = 5;
  CHECK_EQ(ar_charset_skip(&c, &text), 2);
  ar_charset_close(&c);
}
