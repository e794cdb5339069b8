/*
 * What a session has become.
 *
 * An ar_tls_ticket is OpenSSL's SSL_SESSION, which nobody else needs to see.
 */

#include "io/tlsinfo.h"

#include "base/err.h"
#include "io/tls_int.h"

const char *ar_tls_version(const ar_tls *s) {
  if (s->lib->SSL_get_current_cipher(s->ssl) == NULL)
    return NULL;
  return s->lib->SSL_get_version(s->ssl);
}

static const char *tell(const ar_tls_lib *lib, const SSL_CIPHER *cipher,
                        const char **version, int *bits) {
  *version = lib->SSL_CIPHER_get_version(cipher);
  *bits = lib->SSL_CIPHER_get_bits(cipher, NULL);
  return lib->SSL_CIPHER_get_name(cipher);
}

const char *ar_tls_cipher(const ar_tls *s, const char **version, int *bits) {
  const SSL_CIPHER *cipher = s->lib->SSL_get_current_cipher(s->ssl);
  return cipher != NULL ? tell(s->lib, cipher, version, bits) : NULL;
}

static bool has(const ar_tls_lib *lib, const OPENSSL_STACK *list,
                const SSL_CIPHER *cipher) {
  int n = lib->OPENSSL_sk_num(list);
  for (int i = 0; i < n; i++)
    if (lib->OPENSSL_sk_value(list, i) == cipher)
      return true;
  return false;
}

const char *ar_tls_shared_cipher(const ar_tls *s, size_t i,
                                 const char **version, int *bits) {
  const ar_tls_lib *lib = s->lib;
  const OPENSSL_STACK *theirs =
      (const OPENSSL_STACK *)lib->SSL_get_client_ciphers(s->ssl);
  const OPENSSL_STACK *ours =
      (const OPENSSL_STACK *)lib->SSL_get_ciphers(s->ssl);
  int n = theirs != NULL && ours != NULL ? lib->OPENSSL_sk_num(theirs) : 0;
  for (int k = 0; k < n; k++) {
    const SSL_CIPHER *cipher = lib->OPENSSL_sk_value(theirs, k);
    if (has(lib, ours, cipher) && i-- == 0)
      return tell(lib, cipher, version, bits);
  }
  return NULL;
}

const char *ar_tls_protocol(const ar_tls *s, size_t *size) {
  const unsigned char *name = NULL;
  unsigned n = 0;
  s->lib->SSL_get0_alpn_selected(s->ssl, &name, &n);
  *size = n;
  return n > 0 ? (const char *)name : NULL;
}

const char *ar_tls_server_name(const ar_tls *s) {
  return s->lib->SSL_get_servername(s->ssl, TLSEXT_NAMETYPE_host_name);
}

/* The first message that says "finished": the client's, or in a session that
 * was resumed the server's. */
size_t ar_tls_binding(const ar_tls *s, bool server, char *buf, size_t size) {
  bool first_is_ours = ar_tls_reused(s) == server;
  return first_is_ours ? s->lib->SSL_get_finished(s->ssl, buf, size)
                       : s->lib->SSL_get_peer_finished(s->ssl, buf, size);
}

int ar_tls_verify_mode(const ar_tls *s) {
  return s->lib->SSL_get_verify_mode(s->ssl);
}

size_t ar_tls_pending(const ar_tls *s) {
  int n = s->lib->SSL_pending(s->ssl);
  return n > 0 ? (size_t)n : 0;
}

bool ar_tls_reused(const ar_tls *s) {
  return s->lib->SSL_session_reused(s->ssl) == 1;
}

/* ---- tickets ------------------------------------------------------------- */

static const SSL_SESSION *session_of(const ar_tls_ticket *ticket) {
  return (const SSL_SESSION *)(const void *)ticket;
}

ar_tls_ticket *ar_tls_ticket_of(const ar_tls *s) {
  SSL_SESSION *session = s->lib->SSL_get1_session(s->ssl);
  return (ar_tls_ticket *)(void *)session;
}

void ar_tls_ticket_free(ar_tls_lib *lib, ar_tls_ticket *ticket) {
  lib->SSL_SESSION_free((SSL_SESSION *)(void *)ticket);
}

ar_err ar_tls_ticket_use(ar_tls *s, ar_tls_ticket *ticket) {
  s->lib->ERR_clear_error();
  if (s->lib->SSL_set_session(s->ssl, (SSL_SESSION *)(void *)ticket) != 1)
    return AR_EINVAL;
  return AR_OK;
}

const char *ar_tls_ticket_id(const ar_tls_lib *lib, const ar_tls_ticket *ticket,
                             size_t *size) {
  unsigned n = 0;
  const unsigned char *id = lib->SSL_SESSION_get_id(session_of(ticket), &n);
  *size = n;
  return (const char *)id;
}

long ar_tls_ticket_time(const ar_tls_lib *lib, const ar_tls_ticket *ticket) {
  return lib->SSL_SESSION_get_time(session_of(ticket));
}

long ar_tls_ticket_lifetime(const ar_tls_lib *lib,
                            const ar_tls_ticket *ticket) {
  return lib->SSL_SESSION_get_timeout(session_of(ticket));
}

bool ar_tls_ticket_has_ticket(const ar_tls_lib *lib,
                              const ar_tls_ticket *ticket) {
  return lib->SSL_SESSION_has_ticket(session_of(ticket)) == 1;
}
