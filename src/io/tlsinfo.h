/*
 * What a session has become: version, cipher, protocol, keys to resume it.
 *
 * Before the handshake there is nothing to tell: NULL, 0.
 */

#ifndef ar_tlsinfo_h
#define ar_tlsinfo_h

#include "base/base.h"

typedef struct ar_tls ar_tls;
typedef struct ar_tls_lib ar_tls_lib;
typedef struct ar_tls_ticket ar_tls_ticket;

/* "TLSv1.3" */
const char *ar_tls_version(const ar_tls *s);

/* The cipher's name, the version it first came with, bits of its key. */
const char *ar_tls_cipher(const ar_tls *s, const char **version, int *bits);

/* The i-th cipher that both ends know, on the server; NULL: there are no
 * more. */
const char *ar_tls_shared_cipher(const ar_tls *s, size_t i,
                                 const char **version, int *bits);

/* The protocol agreed on by ALPN; NULL: none. */
const char *ar_tls_protocol(const ar_tls *s, size_t *size);

/* The name the client asked for, seen from either end; NULL: none. */
const char *ar_tls_server_name(const ar_tls *s);

/* The channel binding "tls-unique": its size, 0 if there is none. */
size_t ar_tls_binding(const ar_tls *s, bool server, char *buf, size_t size);

/* How the peer's certificate was to be checked: AR_TLS_VERIFY_x. */
int ar_tls_verify_mode(const ar_tls *s);

/* Plaintext that has come and was not read. */
size_t ar_tls_pending(const ar_tls *s);

bool ar_tls_reused(const ar_tls *s);

/* What a later session can be resumed from; NULL: nothing (yet). The caller
 * frees it. */
ar_tls_ticket *ar_tls_ticket_of(const ar_tls *s);
void ar_tls_ticket_free(ar_tls_lib *lib, ar_tls_ticket *ticket);

/* Resume from it: before the handshake, on a client. */
AR_MUST_CHECK ar_err ar_tls_ticket_use(ar_tls *s, ar_tls_ticket *ticket);

/* Its name (bytes), when it was made (seconds since 1970), for how many
 * seconds it is good. */
const char *ar_tls_ticket_id(const ar_tls_lib *lib, const ar_tls_ticket *ticket,
                             size_t *size);
long ar_tls_ticket_time(const ar_tls_lib *lib, const ar_tls_ticket *ticket);
long ar_tls_ticket_lifetime(const ar_tls_lib *lib, const ar_tls_ticket *ticket);
bool ar_tls_ticket_has_ticket(const ar_tls_lib *lib,
                              const ar_tls_ticket *ticket);

#endif
