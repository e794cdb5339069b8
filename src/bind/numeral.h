/*
 * Where a numeral ends that is read from a file, as Lua's io library has it.
 */

#ifndef ar_numeral_h
#define ar_numeral_h

#include <stddef.h>

#define AR_NUMERAL_MAX 200 /* no numeral is longer: Lua's own limit */

/* Length of the longest beginning that a numeral can begin with. */
size_t ar_numeral_length(const char *p, size_t n);

#endif
