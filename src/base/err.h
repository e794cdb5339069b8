/*
 * Error codes: 0 or negative, the numbers libuv uses on Linux, which are
 * the system's errno values negated, and libuv's own below -3000.
 *
 * One row each in err.def; nothing else need be touched for a new one.
 */

#ifndef ar_err_h
#define ar_err_h

#include "base/base.h"

enum {
  AR_OK = 0,
#define AR_ERR_ROW(name, text, number) AR_##name = (number),
#include "base/err.def"
#undef AR_ERR_ROW
};

/* "ECONNREFUSED"; "OK" for 0; "UNKNOWN" for a number without a row. */
const char *ar_err_name(ar_err e);

/* "Connection refused"; "Success" for 0; "Unknown error" without a row. */
const char *ar_err_text(ar_err e);

/* The code called `name` ("ECONNREFUSED"); 0 if there is none. */
ar_err ar_err_by_name(const char *name);

/* -errno or a libuv code is an ar_err already; this only names the step. */
static inline ar_err ar_err_from_errno(int number) {
  return number > 0 ? -number : number;
}

#endif
