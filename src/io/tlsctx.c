/*
 * What sessions are made of: certificates, roots, rules.
 */

#include "io/tlsctx.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "io/tls_int.h"

/* Moving buffers: a write that has to be made again may come from another
 * string; records are written whole, so nothing of it is under way. */
#define MODES \
  (SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_AUTO_RETRY | \
   SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS)

static void set_defaults(ar_tls_ctx *c) {
  ar_tls_lib *lib = c->lib;
  static const unsigned char id[] = "anyrun";
  lib->SSL_CTX_ctrl(c->ctx, SSL_CTRL_MODE, MODES, NULL);
  lib->SSL_CTX_ctrl(c->ctx, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION,
                    NULL);
  lib->SSL_CTX_ctrl(c->ctx, SSL_CTRL_SET_DH_AUTO, 1, NULL);
  lib->SSL_CTX_set_options(c->ctx, SSL_OP_NO_COMPRESSION |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE);
  /* sessions of clients that show certificates are resumed only with it */
  (void)lib->SSL_CTX_set_session_id_context(c->ctx, id, sizeof id - 1);
  ar_tls_hook(c);
}

ar_err ar_tls_ctx_new(ar_tls_ctx **out, ar_tls_lib *lib, ar_tls_side side) {
  ar_tls_ctx *c = ar_mem_zalloc(sizeof *c);
  if (c == NULL)
    return AR_ENOMEM;
  lib->ERR_clear_error();
  c->ctx = lib->SSL_CTX_new(side == AR_TLS_CLIENT   ? lib->TLS_client_method()
                            : side == AR_TLS_SERVER ? lib->TLS_server_method()
                                                    : lib->TLS_method());
  if (c->ctx == NULL) {
    ar_mem_free(c, sizeof *c);
    return AR_ENOMEM;
  }
  c->refs = 1;
  c->lib = lib;
  c->keylog = -1;
  ar_tls_lib_hold(lib);
  set_defaults(c);
  *out = c;
  return AR_OK;
}

void ar_tls_ctx_free(ar_tls_ctx *c) {
  if (c == NULL || --c->refs > 0)
    return;
  c->lib->SSL_CTX_free(c->ctx);
  ar_mem_free(c->alpn, c->alpn_size);
  if (c->keylog >= 0)
    close(c->keylog);
  ar_tls_lib_drop(c->lib);
  ar_mem_free(c, sizeof *c);
}

ar_tls_lib *ar_tls_ctx_lib(const ar_tls_ctx *c) {
  return c->lib;
}

/* ---- rules --------------------------------------------------------------- */

void ar_tls_ctx_verify(ar_tls_ctx *c, ar_tls_verify mode) {
  c->lib->SSL_CTX_set_verify(c->ctx, (int)mode, NULL);
}

bool ar_tls_ctx_versions(ar_tls_ctx *c, int least, int most) {
  ar_tls_lib *lib = c->lib;
  return lib->SSL_CTX_ctrl(c->ctx, SSL_CTRL_SET_MIN_PROTO_VERSION, least,
                           NULL) == 1 &&
         lib->SSL_CTX_ctrl(c->ctx, SSL_CTRL_SET_MAX_PROTO_VERSION, most,
                           NULL) == 1;
}

uint64_t ar_tls_ctx_options(const ar_tls_ctx *c) {
  return c->lib->SSL_CTX_get_options(c->ctx);
}

void ar_tls_ctx_set_options(ar_tls_ctx *c, uint64_t options) {
  c->lib->SSL_CTX_clear_options(c->ctx, ~options);
  c->lib->SSL_CTX_set_options(c->ctx, options);
}

unsigned long ar_tls_ctx_flags(const ar_tls_ctx *c) {
  return c->lib->X509_VERIFY_PARAM_get_flags(
      c->lib->SSL_CTX_get0_param(c->ctx));
}

bool ar_tls_ctx_set_flags(ar_tls_ctx *c, unsigned long flags) {
  X509_VERIFY_PARAM *param = c->lib->SSL_CTX_get0_param(c->ctx);
  unsigned long old = c->lib->X509_VERIFY_PARAM_get_flags(param);
  if ((old & ~flags) != 0 &&
      c->lib->X509_VERIFY_PARAM_clear_flags(param, old & ~flags) != 1)
    return false;
  return flags == 0 || c->lib->X509_VERIFY_PARAM_set_flags(param, flags) == 1;
}

/* ---- certificates -------------------------------------------------------- */

typedef struct {
  const char *password; /* borrowed; NULL: there is none */
  size_t size;
  bool asked;
} keyhole;

/* Called by OpenSSL when a key is encrypted; -1: give up. */
static int give_password(char *buf, int size, int writing, void *context) {
  keyhole *hole = context;
  (void)writing;
  hole->asked = true;
  if (hole->password == NULL)
    return -1;
  if (size < 0 || hole->size > (size_t)size)
    return -1;
  memcpy(buf, hole->password, hole->size);
  return (int)hole->size;
}

ar_err ar_tls_readable(const char *path, bool folder) {
  struct stat what;
  ar_err err = AR_OK;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return ar_err_from_errno(errno);
  if (fstat(fd, &what) == 0 && S_ISDIR(what.st_mode) != folder)
    err = folder ? AR_ENOTDIR : AR_EISDIR;
  close(fd);
  return err;
}

bool ar_tls_ctx_chain(ar_tls_ctx *c, const char *cert, const char *key,
                      const char *password, size_t size, bool *asked) {
  ar_tls_lib *lib = c->lib;
  keyhole hole = {password, size, false};
  bool ok;
  lib->ERR_clear_error();
  lib->SSL_CTX_set_default_passwd_cb(c->ctx, give_password);
  lib->SSL_CTX_set_default_passwd_cb_userdata(c->ctx, &hole);
  ok = lib->SSL_CTX_use_certificate_chain_file(c->ctx, cert) == 1 &&
       lib->SSL_CTX_use_PrivateKey_file(c->ctx, key, SSL_FILETYPE_PEM) == 1 &&
       lib->SSL_CTX_check_private_key(c->ctx) == 1;
  lib->SSL_CTX_set_default_passwd_cb(c->ctx, NULL);
  lib->SSL_CTX_set_default_passwd_cb_userdata(c->ctx, NULL);
  *asked = hole.asked;
  return ok;
}

bool ar_tls_ctx_roots_file(ar_tls_ctx *c, const char *file) {
  c->lib->ERR_clear_error();
  return c->lib->SSL_CTX_load_verify_file(c->ctx, file) == 1;
}

bool ar_tls_ctx_roots_dir(ar_tls_ctx *c, const char *dir) {
  c->lib->ERR_clear_error();
  return c->lib->SSL_CTX_load_verify_dir(c->ctx, dir) == 1;
}

bool ar_tls_ctx_roots_default(ar_tls_ctx *c) {
  c->lib->ERR_clear_error();
  return c->lib->SSL_CTX_set_default_verify_paths(c->ctx) == 1;
}

/* One certificate becomes a root. */
static bool trust(ar_tls_ctx *c, X509 *cert) {
  X509_STORE *store = c->lib->SSL_CTX_get_cert_store(c->ctx);
  bool ok = c->lib->X509_STORE_add_cert(store, cert) == 1;
  c->lib->X509_free(cert);
  return ok;
}

static bool trust_pem(ar_tls_ctx *c, const char *data, int size, size_t *n) {
  ar_tls_lib *lib = c->lib;
  BIO *bio = lib->BIO_new_mem_buf(data, size);
  bool ok = bio != NULL;
  while (ok) {
    X509 *cert = lib->PEM_read_bio_X509(bio, NULL, NULL, NULL);
    if (cert == NULL)
      break;
    ok = trust(c, cert);
    *n += 1;
  }
  lib->BIO_free(bio);
  /* the end of the text is reported as a missing first line */
  return ok &&
         (ERR_GET_REASON(lib->ERR_peek_last_error()) == PEM_R_NO_START_LINE &&
          *n > 0);
}

static bool trust_der(ar_tls_ctx *c, const char *data, size_t size, size_t *n) {
  const unsigned char *at = (const unsigned char *)data;
  const unsigned char *end = at + size;
  while (at < end) {
    X509 *cert = c->lib->d2i_X509(NULL, &at, (long)(end - at));
    if (cert == NULL || !trust(c, cert))
      return false;
    *n += 1;
  }
  return *n > 0;
}

bool ar_tls_ctx_roots_data(ar_tls_ctx *c, const char *data, size_t size,
                           size_t *n) {
  bool ok;
  *n = 0;
  c->lib->ERR_clear_error();
  if (size == 0 || size > INT_MAX)
    return false;
  if (data[0] == 0x30) /* a DER sequence; no PEM text begins with a zero */
    ok = trust_der(c, data, size, n);
  else
    ok = trust_pem(c, data, (int)size, n);
  if (ok)
    c->lib->ERR_clear_error();
  return ok;
}

/* ---- what is offered ----------------------------------------------------- */

bool ar_tls_ctx_ciphers(ar_tls_ctx *c, const char *list) {
  c->lib->ERR_clear_error();
  return c->lib->SSL_CTX_set_cipher_list(c->ctx, list) == 1;
}

bool ar_tls_ctx_ciphersuites(ar_tls_ctx *c, const char *list) {
  c->lib->ERR_clear_error();
  return c->lib->SSL_CTX_set_ciphersuites(c->ctx, list) == 1;
}

bool ar_tls_ctx_tickets(ar_tls_ctx *c, size_t n) {
  return c->lib->SSL_CTX_set_num_tickets(c->ctx, n) == 1;
}

ar_err ar_tls_ctx_alpn(ar_tls_ctx *c, const char *protocols, size_t size) {
  unsigned char *copy = ar_mem_alloc(size);
  if (copy == NULL)
    return AR_ENOMEM;
  memcpy(copy, protocols, size);
  /* 0 is success, for this function alone */
  if (c->lib->SSL_CTX_set_alpn_protos(c->ctx, copy, (unsigned)size) != 0) {
    ar_mem_free(copy, size);
    return AR_ENOMEM;
  }
  ar_mem_free(c->alpn, c->alpn_size);
  c->alpn = copy;
  c->alpn_size = size;
  return AR_OK;
}

ar_err ar_tls_ctx_keylog(ar_tls_ctx *c, const char *file) {
  int fd = -1;
  if (file != NULL) {
    fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
      return ar_err_from_errno(errno);
  }
  if (c->keylog >= 0)
    close(c->keylog);
  c->keylog = fd;
  ar_tls_hook(c);
  return AR_OK;
}

void ar_tls_ctx_ask(ar_tls_ctx *c, bool ask) {
  c->asks = ask;
  ar_tls_hook(c);
}

const char *ar_tls_ctx_cipher(const ar_tls_ctx *c, size_t i,
                              const char **version, int *bits) {
  ar_tls_lib *lib = c->lib;
  const OPENSSL_STACK *all =
      (const OPENSSL_STACK *)lib->SSL_CTX_get_ciphers(c->ctx);
  const SSL_CIPHER *cipher;
  if (all == NULL || i >= (size_t)lib->OPENSSL_sk_num(all))
    return NULL;
  cipher = lib->OPENSSL_sk_value(all, (int)i);
  *version = lib->SSL_CIPHER_get_version(cipher);
  *bits = lib->SSL_CIPHER_get_bits(cipher, NULL);
  return lib->SSL_CIPHER_get_name(cipher);
}
