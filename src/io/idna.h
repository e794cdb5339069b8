/*
 * International host names as ASCII: IDNA 2008.
 *
 * The tables for that are long, and libidn2 has them. It is loaded by the
 * first name that needs it: a system without it can do without such names.
 */

#ifndef ar_idna_h
#define ar_idna_h

#include "base/base.h"

#define AR_IDNA_MAX 256

/* Write the ASCII form of a name in UTF-8 to `out`, mapped as UTS 46 says.
 * Else *why is a constant text: AR_ENOSYS, there is no libidn2; AR_EINVAL,
 * the name breaks a rule. */
AR_MUST_CHECK ar_err ar_idna_to_ascii(const char *name, char out[AR_IDNA_MAX],
                                      const char **why);

#endif
