/*
 * Is it UTF-8? As Unicode defines it: no surrogates, nothing longer than it
 * must be, nothing beyond U+10FFFF.
 */

#ifndef ar_utf8_h
#define ar_utf8_h

#include "base/base.h"

typedef enum {
  AR_UTF8_END,  /* all of it is valid */
  AR_UTF8_CUT,  /* then comes the beginning of a character, and no more */
  AR_UTF8_WRONG /* then comes what begins no character */
} ar_utf8_stop;

typedef struct ar_utf8_span ar_utf8_span;

struct ar_utf8_span {
  size_t valid;      /* bytes of whole, valid characters */
  size_t wrong;      /* WRONG, CUT: bytes after them that belong together */
  ar_utf8_stop stop; /* what comes after them */
};

/* How far the n bytes at `text` are valid. */
ar_utf8_span ar_utf8_check(const char *text, size_t n);

#endif
