/*
 * What sessions are made of: certificates, roots, rules.
 *
 * Functions that answer false leave the reason where ar_tls_lib_failure finds
 * it.
 */

#ifndef ar_tlsctx_h
#define ar_tlsctx_h

#include "base/base.h"

typedef struct ar_tls_ctx ar_tls_ctx;
typedef struct ar_tls_lib ar_tls_lib;

typedef enum {
  AR_TLS_ANY,
  AR_TLS_CLIENT,
  AR_TLS_SERVER
} ar_tls_side;

/* Numbers are OpenSSL's own: flags are passed on as they are. */
typedef enum {
  AR_TLS_VERIFY_NONE = 0,
  AR_TLS_VERIFY_OPTIONAL = 1,
  AR_TLS_VERIFY_REQUIRED = 3
} ar_tls_verify;

AR_MUST_CHECK ar_err ar_tls_ctx_new(ar_tls_ctx **out, ar_tls_lib *lib,
                                    ar_tls_side side);
/* Its sessions may go on; NULL is fine. */
void ar_tls_ctx_free(ar_tls_ctx *c);

ar_tls_lib *ar_tls_ctx_lib(const ar_tls_ctx *c);

void ar_tls_ctx_verify(ar_tls_ctx *c, ar_tls_verify mode);

/* Versions are those on the wire (0x0303 is TLS 1.2); 0: any. */
bool ar_tls_ctx_versions(ar_tls_ctx *c, int least, int most);

uint64_t ar_tls_ctx_options(const ar_tls_ctx *c);
void ar_tls_ctx_set_options(ar_tls_ctx *c, uint64_t options);
unsigned long ar_tls_ctx_flags(const ar_tls_ctx *c);
bool ar_tls_ctx_set_flags(ar_tls_ctx *c, unsigned long flags);

/* Can the file, or the folder, be read at all? OpenSSL's own complaint says
 * little. */
AR_MUST_CHECK ar_err ar_tls_readable(const char *path, bool folder);

/* The longest password of a key, in bytes. */
#define AR_TLS_PASSWORD 1024

/* PEM files. *asked says whether a password was needed, whatever came of it;
 * `password` has `size` bytes and is NULL where there is none. */
AR_MUST_CHECK bool ar_tls_ctx_chain(ar_tls_ctx *c, const char *cert,
                                    const char *key, const char *password,
                                    size_t size, bool *asked);

AR_MUST_CHECK bool ar_tls_ctx_roots_file(ar_tls_ctx *c, const char *file);
AR_MUST_CHECK bool ar_tls_ctx_roots_dir(ar_tls_ctx *c, const char *dir);
/* PEM or DER; *n is how many certificates it held. */
AR_MUST_CHECK bool ar_tls_ctx_roots_data(ar_tls_ctx *c, const char *data,
                                         size_t size, size_t *n);
AR_MUST_CHECK bool ar_tls_ctx_roots_default(ar_tls_ctx *c);

AR_MUST_CHECK bool ar_tls_ctx_ciphers(ar_tls_ctx *c, const char *list);
AR_MUST_CHECK bool ar_tls_ctx_ciphersuites(ar_tls_ctx *c, const char *list);
bool ar_tls_ctx_tickets(ar_tls_ctx *c, size_t n);

/* Protocols as they are sent: each with its length in front. */
AR_MUST_CHECK ar_err ar_tls_ctx_alpn(ar_tls_ctx *c, const char *protocols,
                                     size_t size);

/* Append the keys of sessions to a file; NULL: no longer. */
AR_MUST_CHECK ar_err ar_tls_ctx_keylog(ar_tls_ctx *c, const char *file);

/* Its sessions stop at the name the client asks for. */
void ar_tls_ctx_ask(ar_tls_ctx *c, bool ask);

/* The i-th cipher, by preference; NULL: there are no more. */
const char *ar_tls_ctx_cipher(const ar_tls_ctx *c, size_t i,
                              const char **version, int *bits);

#endif
