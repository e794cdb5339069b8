/*
 * Converts text between UTF-8 and another encoding, piece by piece: iconv(3).
 *
 * open, then run and finish as often as needed, then close.
 */

#ifndef ar_charset_h
#define ar_charset_h

#include "base/base.h"
#include "base/err.h"

typedef struct ar_charset ar_charset;
typedef struct ar_charset_text ar_charset_text;

struct ar_charset {
  void *cd;    /* owned: iconv's; NULL: closed */
  size_t unit; /* bytes of the smallest piece of the other encoding */
  bool marks;  /* the other encoding begins with a mark of its byte order */
};

/* What is still to be converted, and where the result goes; both move on. */
struct ar_charset_text {
  const char *in; /* borrowed */
  size_t in_left;
  char *out; /* borrowed */
  size_t out_left;
};

/* An encoding's name may be spelled as iconv knows it, or with `_`, `-` or
 * neither. AR_EINVAL: iconv knows no such encoding; AR_ENOMEM and others as
 * iconv_open(3). */
AR_MUST_CHECK ar_err ar_charset_open_decoder(ar_charset *c, const char *name);
AR_MUST_CHECK ar_err ar_charset_open_encoder(ar_charset *c, const char *name);

/* Convert until the input is used up: 0. AR_E2BIG: no room for more;
 * AR_EILSEQ: what comes next cannot be converted; AR_EINVAL: what is left is
 * the beginning of a character. */
AR_MUST_CHECK ar_err ar_charset_run(ar_charset *c, ar_charset_text *text);

/* After a piece that must be understood without the next: whatever takes a
 * stateful encoding back to its initial state. 0 or AR_E2BIG. */
AR_MUST_CHECK ar_err ar_charset_finish(ar_charset *c, ar_charset_text *text);

/* Back to the initial state; what would have to be written is not. */
void ar_charset_reset(ar_charset *c);

/* How many bytes to leave out where nothing can be converted. */
size_t ar_charset_skip(const ar_charset *c, const ar_charset_text *text);

/* Harmless when closed already, or all zero. */
void ar_charset_close(ar_charset *c);

#endif
