/*
 * What the files about TLS share: OpenSSL's headers, the table of its
 * functions, and the insides of contexts and sessions.
 *
 * A function is called through the table, `lib->SSL_new(...)`. Macros of the
 * headers that stand for calls cannot be used: they would call by name.
 */

#ifndef ar_tls_int_h
#define ar_tls_int_h

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "io/tls.h"
#include "io/tlsctx.h"
#include "io/tlsload.h"

struct ar_tls_lib {
  unsigned refs;
  BIO_METHOD *method; /* owned: what sessions read and write by */
  char *spare;        /* owned: an output buffer nobody needs now, or NULL */
  size_t spare_size;
  char *pack; /* owned: where a certificate is written, or NULL */
  size_t pack_size, pack_used;
  char *scratch; /* owned: where plaintext is put, or NULL */
#define AR_TLS_FN(name) __typeof__(name)(*(name));
#include "io/tls_api.def"
#undef AR_TLS_FN
};

struct ar_tls_ctx {
  size_t refs;         /* its owner and sessions */
  ar_tls_lib *lib;     /* held */
  SSL_CTX *ctx;        /* owned (OpenSSL's sessions hold it, too) */
  unsigned char *alpn; /* owned: protocols as they are sent, or NULL */
  size_t alpn_size;
  int keylog;         /* owned: a descriptor that is appended to, or -1 */
  bool keylog_failed; /* something could not be appended */
  bool asks; /* a server's sessions stop at the name the client asks for */
};

typedef enum {
  AR_HELLO_NEW,      /* the client's first message has not come */
  AR_HELLO_ASKED,    /* it has come; who has the session is to answer */
  AR_HELLO_ANSWERED, /* go on */
  AR_HELLO_REFUSED   /* with s->alert */
} ar_hello;

struct ar_tls {
  ar_tls_lib *lib;   /* held */
  ar_tls_ctx *ctx;   /* held: the one in force */
  ar_tls_ctx *first; /* held: the one it was made of */
  SSL *ssl;          /* owned */
  const char *in;    /* borrowed (its owner keeps it until it is read) */
  size_t nin;
  char *out; /* owned: what the peer has to get, or NULL */
  size_t nout, out_size;
  X509 *culprit; /* owned: the certificate that failed a check, or NULL */
  char *name;    /* owned: what the client asks for, or NULL */
  size_t name_size;
  ar_tls_failure why;
  ar_hello hello;
  int alert;
  bool in_end; /* the peer's bytes have ended */
};

/* What OpenSSL's number of a complaint says; in tlsload.c. */
void ar_tls_lib_explain(const ar_tls_lib *lib, ar_tls_failure *failure,
                        unsigned long code);

/* Tell OpenSSL's hooks which functions they are; in tls.c. */
void ar_tls_hook(ar_tls_ctx *c);

/* The methods of the BIO, in tls.c. NULL: no memory. */
BIO_METHOD *ar_tls_bio_method(const ar_tls_lib *lib);

#endif
