/*
 * One end of a TLS session, over byte buffers.
 *
 * OpenSSL calls back to read and write bytes, to check certificates, and to
 * hand out keys. Not all of these calls carry a pointer of ours, and those
 * that carry one need the table of functions to get at it; hence `inside`:
 * the session that this thread is in OpenSSL with.
 */

#include "io/tls.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "io/tls_int.h"

static _Thread_local ar_tls *inside;

/* An output buffer that is larger is not kept for the next session. */
#define MAX_SPARE ((size_t)512 * 1024)

/* ---- bytes -------------------------------------------------------------- */

static int bio_read(BIO *bio, char *buf, int size) {
  ar_tls *s = inside;
  size_t n = size > 0 ? (size_t)size : 0;
  s->lib->BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
  if (s->nin == 0 && s->in_end)
    return 0;
  if (s->nin == 0) {
    s->lib->BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
    return -1;
  }
  if (n > s->nin)
    n = s->nin;
  memcpy(buf, s->in, n);
  s->in += n;
  s->nin -= n;
  return (int)n;
}

/* Room for n bytes more; the spare buffer of the library comes first. */
static bool make_room(ar_tls *s, size_t n) {
  ar_tls_lib *lib = s->lib;
  size_t size = s->out_size;
  char *out;
  if (s->out == NULL && lib->spare != NULL) {
    s->out = lib->spare;
    s->out_size = size = lib->spare_size;
    lib->spare = NULL;
    lib->spare_size = 0;
  }
  if (n <= size - s->nout)
    return true;
  if (size == 0)
    size = 1024;
  while (n > size - s->nout)
    size *= 2;
  out = ar_mem_realloc(s->out, s->out_size, size);
  if (out == NULL)
    return false;
  s->out = out;
  s->out_size = size;
  return true;
}

static int bio_write(BIO *bio, const char *data, int size) {
  ar_tls *s = inside;
  size_t n = size > 0 ? (size_t)size : 0;
  s->lib->BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
  if (!make_room(s, n)) {
    s->why.fault = AR_TLS_FAULT_MEMORY;
    return -1;
  }
  memcpy(s->out + s->nout, data, n);
  s->nout += n;
  return size;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer) {
  (void)bio;
  (void)number;
  (void)pointer;
  if (command == BIO_CTRL_FLUSH || command == BIO_CTRL_DUP)
    return 1;
  if (command == BIO_CTRL_EOF)
    return inside->in_end && inside->nin == 0;
  return 0;
}

BIO_METHOD *ar_tls_bio_method(const ar_tls_lib *lib) {
  BIO_METHOD *method = lib->BIO_meth_new(BIO_TYPE_SOURCE_SINK, "anyrun");
  if (method == NULL)
    return NULL;
  lib->BIO_meth_set_read(method, bio_read);
  lib->BIO_meth_set_write(method, bio_write);
  lib->BIO_meth_set_ctrl(method, bio_ctrl);
  return method;
}

/* ---- what OpenSSL asks ---------------------------------------------------
 */

/* OpenSSL's own check; of what failed it only the certificate is noted. */
static int check_chain(X509_STORE_CTX *store, void *context) {
  ar_tls *s = inside;
  ar_tls_lib *lib = s->lib;
  int ok = lib->X509_verify_cert(store);
  X509 *culprit;
  (void)context;
  if (ok > 0)
    return ok;
  culprit = lib->X509_STORE_CTX_get_current_cert(store);
  if (culprit == NULL)
    culprit = lib->X509_STORE_CTX_get0_cert(store);
  lib->X509_free(s->culprit);
  s->culprit = culprit;
  if (culprit != NULL)
    lib->X509_up_ref(culprit);
  s->why.verify = lib->X509_STORE_CTX_get_error(store);
  s->why.depth = lib->X509_STORE_CTX_get_error_depth(store);
  return ok;
}

static void log_keys(const SSL *ssl, const char *line) {
  ar_tls_ctx *c = inside->ctx;
  char text[512];
  size_t n = strlen(line);
  (void)ssl;
  if (c->keylog < 0 || n >= sizeof text)
    return;
  memcpy(text, line, n);
  text[n] = '\n'; /* in one piece: others may append to the same file */
  if (write(c->keylog, text, n + 1) < 0)
    c->keylog_failed = true;
}

/* The server's first protocol that the client offered, too. */
static int choose_protocol(SSL *ssl, const unsigned char **out,
                           unsigned char *size, const unsigned char *offered,
                           unsigned n_offered, void *context) {
  const ar_tls_ctx *c = context;
  (void)ssl;
  for (size_t i = 0; i < c->alpn_size; i += (size_t)c->alpn[i] + 1)
    for (unsigned k = 0; k < n_offered; k += (unsigned)offered[k] + 1)
      if (offered[k] == c->alpn[i] && k + offered[k] < n_offered &&
          memcmp(offered + k + 1, c->alpn + i + 1, offered[k]) == 0) {
        *out = offered + k + 1;
        *size = offered[k];
        return SSL_TLSEXT_ERR_OK;
      }
  return SSL_TLSEXT_ERR_NOACK;
}

/* The extension is a list: its size, a kind (0: host), a size, the name. */
static bool note_name(ar_tls *s) {
  const unsigned char *data;
  size_t size, n;
  if (s->lib->SSL_client_hello_get0_ext(s->ssl, TLSEXT_TYPE_server_name, &data,
                                        &size) != 1)
    return true;
  if (size < 5 || data[2] != TLSEXT_NAMETYPE_host_name)
    return true;
  n = (size_t)data[3] << 8 | data[4];
  if (n > size - 5)
    return true; /* OpenSSL will refuse it */
  ar_mem_free(s->name, s->name_size);
  s->name_size = n;
  s->name = ar_mem_alloc(n);
  if (s->name != NULL)
    memcpy(s->name, data + 5, n);
  return s->name != NULL;
}

/* Stop at the client's first message until somebody has answered. */
static int said_hello(SSL *ssl, int *alert, void *context) {
  ar_tls *s = inside;
  (void)ssl;
  (void)context;
  switch (s->hello) {
    case AR_HELLO_NEW:
      if (!note_name(s)) {
        s->why.fault = AR_TLS_FAULT_MEMORY;
        *alert = SSL_AD_INTERNAL_ERROR;
        return SSL_CLIENT_HELLO_ERROR;
      }
      s->hello = AR_HELLO_ASKED;
      return SSL_CLIENT_HELLO_RETRY;
    case AR_HELLO_ASKED: return SSL_CLIENT_HELLO_RETRY;
    case AR_HELLO_ANSWERED: return SSL_CLIENT_HELLO_SUCCESS;
    case AR_HELLO_REFUSED: *alert = s->alert; return SSL_CLIENT_HELLO_ERROR;
  }
  AR_UNREACHABLE();
}

void ar_tls_hook(ar_tls_ctx *c) {
  ar_tls_lib *lib = c->lib;
  lib->SSL_CTX_set_cert_verify_callback(c->ctx, check_chain, NULL);
  lib->SSL_CTX_set_alpn_select_cb(c->ctx, choose_protocol, c);
  lib->SSL_CTX_set_client_hello_cb(c->ctx, c->asks ? said_hello : NULL, NULL);
  lib->SSL_CTX_set_keylog_callback(c->ctx, c->keylog >= 0 ? log_keys : NULL);
}

/* ---- making one ---------------------------------------------------------- */

/* Whom the certificate has to be for, and what is asked for. */
static bool name_peer(ar_tls *s, const char *host, bool is_ip, bool check) {
  ar_tls_lib *lib = s->lib;
  X509_VERIFY_PARAM *param = lib->SSL_get0_param(s->ssl);
  if (!is_ip &&
      lib->SSL_ctrl(s->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME,
                    TLSEXT_NAMETYPE_host_name, (void *)(uintptr_t)host) != 1)
    return false;
  if (!check)
    return true;
  if (is_ip)
    return lib->X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1;
  lib->X509_VERIFY_PARAM_set_hostflags(param,
                                       X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return lib->X509_VERIFY_PARAM_set1_host(param, host, 0) == 1;
}

static bool set_up(ar_tls *s, bool server, const char *host, bool is_ip,
                   bool check) {
  ar_tls_lib *lib = s->lib;
  BIO *bio;
  s->ssl = lib->SSL_new(s->ctx->ctx);
  bio = s->ssl != NULL ? lib->BIO_new(lib->method) : NULL;
  if (bio == NULL)
    return false;
  lib->BIO_set_init(bio, 1);
  lib->SSL_set_bio(s->ssl, bio, bio);
  if (server)
    lib->SSL_set_accept_state(s->ssl);
  else
    lib->SSL_set_connect_state(s->ssl);
  return host == NULL || name_peer(s, host, is_ip, check);
}

ar_err ar_tls_new(ar_tls **out, ar_tls_ctx *ctx, bool server, const char *host,
                  bool is_ip, bool check) {
  ar_tls *s = ar_mem_zalloc(sizeof *s);
  if (s == NULL)
    return AR_ENOMEM;
  s->lib = ctx->lib;
  s->ctx = s->first = ctx;
  ctx->refs += 2;
  ar_tls_lib_hold(s->lib);
  s->lib->ERR_clear_error();
  if (!set_up(s, server, host, is_ip, check)) {
    ar_tls_free(s);
    return AR_EINVAL;
  }
  *out = s;
  return AR_OK;
}

void ar_tls_free(ar_tls *s) {
  if (s == NULL)
    return;
  s->lib->SSL_free(s->ssl);
  s->lib->X509_free(s->culprit);
  ar_mem_free(s->name, s->name_size);
  ar_mem_free(s->out, s->out_size);
  ar_tls_ctx_free(s->ctx);
  ar_tls_ctx_free(s->first);
  ar_tls_lib_drop(s->lib);
  ar_mem_free(s, sizeof *s);
}

/* ---- calls --------------------------------------------------------------- */

static void enter(ar_tls *s) {
  AR_ASSERT(inside == NULL);
  inside = s;
  s->lib->ERR_clear_error();
}

static ar_tls_fault kind_of(const ar_tls *s, int error) {
  const ar_tls_failure *why = &s->why;
  if (why->reason == SSL_R_CERTIFICATE_VERIFY_FAILED)
    return AR_TLS_FAULT_VERIFY;
  if (why->reason == SSL_R_UNEXPECTED_EOF_WHILE_READING ||
      (error == SSL_ERROR_SYSCALL && why->code == 0 && s->in_end))
    return AR_TLS_FAULT_EOF;
  return AR_TLS_FAULT_PROTOCOL;
}

/* Of several complaints the first is told: the others follow from it. */
static ar_tls_status fail(ar_tls *s, int error) {
  ar_tls_failure *why = &s->why;
  ar_tls_lib_explain(s->lib, why, s->lib->ERR_peek_error());
  if (why->fault != AR_TLS_FAULT_MEMORY)
    why->fault = kind_of(s, error);
  s->lib->ERR_clear_error();
  return AR_TLS_FAILED;
}

static ar_tls_status leave(ar_tls *s, int result) {
  int error;
  if (AR_LIKELY(result > 0)) {
    inside = NULL;
    return AR_TLS_DONE;
  }
  error = s->lib->SSL_get_error(s->ssl, result);
  inside = NULL;
  if (AR_LIKELY(error == SSL_ERROR_WANT_READ))
    return AR_TLS_WANT_READ;
  if (error == SSL_ERROR_ZERO_RETURN)
    return AR_TLS_END;
  if (error == SSL_ERROR_WANT_CLIENT_HELLO_CB)
    return AR_TLS_NAME;
  return fail(s, error);
}

static bool has_failed(const ar_tls *s) {
  return s->why.fault != AR_TLS_FAULT_NONE;
}

ar_tls_status ar_tls_handshake(ar_tls *s) {
  if (has_failed(s))
    return AR_TLS_FAILED;
  enter(s);
  return leave(s, s->lib->SSL_do_handshake(s->ssl));
}

ar_tls_status ar_tls_read(ar_tls *s, char *buf, size_t max, size_t *n) {
  ar_tls_status status = AR_TLS_DONE;
  *n = 0;
  while (*n < max) {
    size_t room = max - *n < INT_MAX ? max - *n : INT_MAX;
    int got;
    if (has_failed(s)) {
      status = AR_TLS_FAILED;
      break;
    }
    enter(s);
    got = s->lib->SSL_read(s->ssl, buf + *n, (int)room);
    status = leave(s, got);
    if (status != AR_TLS_DONE)
      break;
    *n += (size_t)got;
  }
  /* What came before an end or a failure comes first; both will be there
   * when the next call asks. */
  return *n > 0 ? AR_TLS_DONE : status;
}

ar_tls_status ar_tls_write(ar_tls *s, const char *data, size_t n,
                           size_t *done) {
  *done = 0;
  while (*done < n) {
    size_t left = n - *done;
    ar_tls_status status;
    int put;
    if (has_failed(s))
      return AR_TLS_FAILED;
    enter(s);
    put = s->lib->SSL_write(s->ssl, data + *done,
                            (int)(left < AR_TLS_RECORD ? left : AR_TLS_RECORD));
    status = leave(s, put);
    if (status != AR_TLS_DONE)
      return status;
    *done += (size_t)put;
  }
  return AR_TLS_DONE;
}

bool ar_tls_shaking(const ar_tls *s) {
  return s->lib->SSL_in_init(s->ssl) == 1 ||
         s->lib->SSL_renegotiate_pending(s->ssl) == 1;
}

ar_tls_status ar_tls_shutdown(ar_tls *s) {
  ar_tls_status status;
  int result;
  if (has_failed(s))
    return AR_TLS_FAILED;
  enter(s);
  result = s->lib->SSL_shutdown(s->ssl);
  if (result == 0) /* said; has the peer said it? */
    result = s->lib->SSL_shutdown(s->ssl);
  if (result == 0) {
    inside = NULL;
    return AR_TLS_WANT_READ;
  }
  status = leave(s, result);
  return status == AR_TLS_END ? AR_TLS_DONE : status;
}

ar_tls_status ar_tls_update(ar_tls *s, bool both) {
  ar_tls_lib *lib = s->lib;
  int result;
  if (has_failed(s))
    return AR_TLS_FAILED;
  enter(s);
  if (lib->SSL_version(s->ssl) >= TLS1_3_VERSION)
    result = lib->SSL_key_update(s->ssl, both ? SSL_KEY_UPDATE_REQUESTED
                                              : SSL_KEY_UPDATE_NOT_REQUESTED);
  else
    result = lib->SSL_renegotiate(s->ssl);
  return leave(s, result);
}

/* ---- in and out ---------------------------------------------------------- */

char *ar_tls_scratch(ar_tls *s) {
  if (s->lib->scratch == NULL)
    s->lib->scratch = ar_mem_alloc(AR_TLS_SCRATCH);
  return s->lib->scratch;
}

void ar_tls_input(ar_tls *s, const char *data, size_t n) {
  s->in = data;
  s->nin = n;
}

void ar_tls_input_end(ar_tls *s) {
  s->in_end = true;
}

size_t ar_tls_unread(const ar_tls *s, const char **data) {
  *data = s->in;
  return s->nin;
}

bool ar_tls_buffered(const ar_tls *s) {
  return s->nin > 0 || s->in_end || has_failed(s) ||
         s->lib->SSL_pending(s->ssl) > 0 ||
         (s->lib->SSL_get_shutdown(s->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

size_t ar_tls_output(const ar_tls *s, const char **data) {
  *data = s->out;
  return s->nout;
}

void ar_tls_output_taken(ar_tls *s) {
  ar_tls_lib *lib = s->lib;
  s->nout = 0;
  if (lib->spare == NULL && s->out_size <= MAX_SPARE) {
    lib->spare = s->out;
    lib->spare_size = s->out_size;
  } else {
    ar_mem_free(s->out, s->out_size);
  }
  s->out = NULL;
  s->out_size = 0;
}

const ar_tls_failure *ar_tls_why(const ar_tls *s) {
  return &s->why;
}

void ar_tls_lost(ar_tls *s) {
  s->why.fault = AR_TLS_FAULT_MEMORY;
}

const char *ar_tls_asked(const ar_tls *s, size_t *n) {
  *n = s->name_size;
  return s->name;
}

void ar_tls_answer(ar_tls *s, ar_tls_ctx *other, int alert) {
  if (other != NULL) {
    s->lib->SSL_set_SSL_CTX(s->ssl, other->ctx);
    other->refs++;
    ar_tls_ctx_free(s->ctx);
    s->ctx = other;
  }
  s->alert = alert;
  s->hello = alert != 0 ? AR_HELLO_REFUSED : AR_HELLO_ANSWERED;
}
