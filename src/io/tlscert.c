/*
 * What is in a certificate.
 */

#include "io/tlscert.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/mem.h"
#include "io/tls_int.h"

/* Room for n bytes more in the library's buffer. */
static bool make_room(ar_tls_lib *lib, size_t n) {
  size_t size = lib->pack_size > 0 ? lib->pack_size : 1024;
  char *pack;
  while (n > size - lib->pack_used)
    size *= 2;
  if (size == lib->pack_size)
    return true;
  pack = ar_mem_realloc(lib->pack, lib->pack_size, size);
  if (pack == NULL)
    return false;
  lib->pack = pack;
  lib->pack_size = size;
  return true;
}

static bool put_string(ar_tls_lib *lib, const void *data, size_t n) {
  unsigned char *at;
  if (n > UINT32_MAX || !make_room(lib, n + 4))
    return false;
  at = (unsigned char *)lib->pack + lib->pack_used;
  for (unsigned i = 0; i < 4; i++)
    at[i] = (unsigned char)(n >> 8 * i);
  if (n > 0)
    memcpy(at + 4, data, n);
  lib->pack_used += n + 4;
  return true;
}

static bool put(ar_tls_lib *lib, const char *kind, const char *name,
                const void *value, size_t n) {
  return put_string(lib, kind, strlen(kind)) &&
         put_string(lib, name, strlen(name)) && put_string(lib, value, n);
}

static bool put_text(ar_tls_lib *lib, const char *kind, const char *text) {
  return put(lib, kind, "", text, strlen(text));
}

/* ---- parts --------------------------------------------------------------- */

static bool put_name(ar_tls_lib *lib, const char *kind, const char *further,
                     const X509_NAME *name) {
  int n = lib->X509_NAME_entry_count(name), part = -1;
  bool ok = true;
  for (int i = 0; ok && i < n; i++) {
    X509_NAME_ENTRY *e = lib->X509_NAME_get_entry(name, i);
    char what[128];
    unsigned char *text = NULL;
    int size =
        lib->ASN1_STRING_to_UTF8(&text, lib->X509_NAME_ENTRY_get_data(e));
    int set = lib->X509_NAME_ENTRY_set(e);
    if (size < 0)
      continue; /* a string of no known kind */
    lib->OBJ_obj2txt(what, sizeof what, lib->X509_NAME_ENTRY_get_object(e), 0);
    ok = put(lib, set == part ? further : kind, what, text, (size_t)size);
    part = set;
    lib->CRYPTO_free(text, __FILE__, __LINE__);
  }
  return ok;
}

static bool put_address(ar_tls_lib *lib, const unsigned char *data, int size) {
  char text[INET6_ADDRSTRLEN];
  int family = size == 4 ? AF_INET : size == 16 ? AF_INET6 : -1;
  if (family < 0 || inet_ntop(family, data, text, sizeof text) == NULL)
    return put(lib, "san", "IP Address", "<invalid>", 9);
  return put(lib, "san", "IP Address", text, strlen(text));
}

static bool put_alternative(ar_tls_lib *lib, const GENERAL_NAME *name) {
  static const char *const kinds[] = {
      "othername", "email", "DNS",        "X400 Name",    "DirName",
      "EDI",       "URI",   "IP Address", "Registered ID"};
  const ASN1_STRING *s = name->d.ia5;
  if (name->type == GEN_IPADD)
    return put_address(lib, lib->ASN1_STRING_get0_data(s),
                       lib->ASN1_STRING_length(s));
  if (name->type == GEN_DNS || name->type == GEN_EMAIL || name->type == GEN_URI)
    return put(lib, "san", kinds[name->type], lib->ASN1_STRING_get0_data(s),
               (size_t)lib->ASN1_STRING_length(s));
  if (name->type < 0 || (size_t)name->type >= ar_countof(kinds))
    return true;
  return put(lib, "san", kinds[name->type], "<unsupported>", 13);
}

static bool put_alternatives(ar_tls_lib *lib, const X509 *cert) {
  GENERAL_NAMES *names =
      lib->X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
  bool ok = true;
  int n = names != NULL ? lib->OPENSSL_sk_num((const OPENSSL_STACK *)names) : 0;
  for (int i = 0; ok && i < n; i++)
    ok = put_alternative(
        lib, lib->OPENSSL_sk_value((const OPENSSL_STACK *)names, i));
  lib->GENERAL_NAMES_free(names);
  return ok;
}

/* As Python writes it: "Jan  5 09:34:43 2018 GMT". */
static bool put_time(ar_tls_lib *lib, const char *kind, const ASN1_TIME *time) {
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  struct tm tm;
  char text[64];
  if (lib->ASN1_TIME_to_tm(time, &tm) != 1)
    return put_text(lib, kind, "<invalid>");
  snprintf(text, sizeof text, "%.3s %2d %02d:%02d:%02d %d GMT",
           months + tm.tm_mon * 3, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
           tm.tm_year + 1900);
  return put_text(lib, kind, text);
}

static bool put_numbers(ar_tls_lib *lib, X509 *cert) {
  const ASN1_INTEGER *serial = lib->X509_get0_serialNumber(cert);
  const unsigned char *data = lib->ASN1_STRING_get0_data(serial);
  int n = lib->ASN1_STRING_length(serial);
  char text[2 * 64 + 1] = "", version[32];
  for (int i = 0; i < n && i < 64; i++)
    snprintf(text + (size_t)i * 2, 3, "%02X", data[i]);
  snprintf(version, sizeof version, "%ld", lib->X509_get_version(cert) + 1);
  return put_text(lib, "serial", text) && put_text(lib, "version", version);
}

/* ---- the whole ----------------------------------------------------------- */

static bool put_all(ar_tls_lib *lib, X509 *cert) {
  return put_name(lib, "subject", "subject+",
                  lib->X509_get_subject_name(cert)) &&
         put_name(lib, "issuer", "issuer+", lib->X509_get_issuer_name(cert)) &&
         put_numbers(lib, cert) &&
         put_time(lib, "from", lib->X509_get0_notBefore(cert)) &&
         put_time(lib, "until", lib->X509_get0_notAfter(cert)) &&
         put_alternatives(lib, cert) &&
         (lib->X509_check_ca(cert) == 0 || put_text(lib, "ca", ""));
}

static bool put_der(ar_tls_lib *lib, const X509 *cert) {
  int n = lib->i2d_X509(cert, NULL);
  unsigned char *at;
  if (n <= 0 || !make_room(lib, (size_t)n))
    return false;
  at = (unsigned char *)lib->pack;
  lib->pack_used = (size_t)lib->i2d_X509(cert, &at);
  return true;
}

static ar_err write_cert(ar_tls_lib *lib, X509 *cert, ar_tls_cert_form form,
                         const char **data, size_t *size) {
  bool ok;
  lib->pack_used = 0;
  ok = form == AR_TLS_CERT_DER ? put_der(lib, cert) : put_all(lib, cert);
  lib->ERR_clear_error();
  if (!ok)
    return AR_ENOMEM;
  *data = lib->pack;
  *size = lib->pack_used;
  return AR_OK;
}

ar_err ar_tls_cert_peer(const ar_tls *s, ar_tls_cert_form form,
                        const char **data, size_t *size) {
  X509 *cert = s->lib->SSL_get1_peer_certificate(s->ssl);
  ar_err err;
  if (cert == NULL)
    return AR_ENOENT;
  err = write_cert(s->lib, cert, form, data, size);
  s->lib->X509_free(cert);
  return err;
}

ar_err ar_tls_cert_culprit(const ar_tls *s, const char **data, size_t *size) {
  if (s->culprit == NULL)
    return AR_ENOENT;
  return write_cert(s->lib, s->culprit, AR_TLS_CERT_TEXT, data, size);
}

/* The i-th certificate of a store, which holds other things, too. */
ar_err ar_tls_cert_root(const ar_tls_ctx *c, size_t i, ar_tls_cert_form form,
                        const char **data, size_t *size) {
  ar_tls_lib *lib = c->lib;
  const OPENSSL_STACK *all =
      (const OPENSSL_STACK *)lib->X509_STORE_get0_objects(
          lib->SSL_CTX_get_cert_store(c->ctx));
  int n = all != NULL ? lib->OPENSSL_sk_num(all) : 0;
  for (int k = 0; k < n; k++) {
    X509 *cert = lib->X509_OBJECT_get0_X509(lib->OPENSSL_sk_value(all, k));
    if (cert != NULL && i-- == 0)
      return write_cert(lib, cert, form, data, size);
  }
  return AR_ENOENT;
}
