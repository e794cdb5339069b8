/*
 * What is in a certificate.
 *
 * It is written as a list of entries, each three strings with a size of four
 * bytes, little-endian, in front: what kind of entry, a name, a value. It
 * lies in memory of the library, until the next call.
 *
 *   subject, issuer   name of the attribute; a kind that ends with + belongs
 *                     to the same part of the name as the entry before
 *   san               DNS, IP Address, email, URI, ...
 *   version serial from until ca      no name
 */

#ifndef ar_tlscert_h
#define ar_tlscert_h

#include "base/base.h"

typedef struct ar_tls ar_tls;
typedef struct ar_tls_ctx ar_tls_ctx;

typedef enum {
  AR_TLS_CERT_TEXT,
  AR_TLS_CERT_DER
} ar_tls_cert_form;

/* AR_ENOENT: there is none. */
AR_MUST_CHECK ar_err ar_tls_cert_peer(const ar_tls *s, ar_tls_cert_form form,
                                      const char **data, size_t *size);

/* The one that failed a check. */
AR_MUST_CHECK ar_err ar_tls_cert_culprit(const ar_tls *s, const char **data,
                                         size_t *size);

/* The i-th root that is loaded. */
AR_MUST_CHECK ar_err ar_tls_cert_root(const ar_tls_ctx *c, size_t i,
                                      ar_tls_cert_form form, const char **data,
                                      size_t *size);

#endif
