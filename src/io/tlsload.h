/*
 * OpenSSL, loaded when TLS is first used.
 *
 * The program is not linked with it: a script without TLS neither needs the
 * library nor waits for it. ar_tls_lib is counted: whoever opens it and every
 * context and session made from it holds it.
 */

#ifndef ar_tlsload_h
#define ar_tlsload_h

#include "base/base.h"

typedef struct ar_tls_lib ar_tls_lib;

/* What kind of failure it was. */
typedef enum {
  AR_TLS_FAULT_NONE,
  AR_TLS_FAULT_PROTOCOL, /* see code, reason */
  AR_TLS_FAULT_EOF,      /* the peer's bytes ended without close_notify */
  AR_TLS_FAULT_VERIFY,   /* the peer's certificate: see verify */
  AR_TLS_FAULT_MEMORY
} ar_tls_fault;

typedef struct ar_tls_failure ar_tls_failure;
struct ar_tls_failure {
  ar_tls_fault fault;
  unsigned long code; /* OpenSSL's number; 0: none */
  int reason;         /* of TLS itself, above 1000 the peer's alert; or 0 */
  const char *text;   /* borrowed (OpenSSL's, for ever); NULL: none */
  int verify;         /* number of the check that failed; 0: none */
  int depth;          /* of the certificate in the chain, 0: the peer's own */
};

/* Load the library. On failure a text, also for people, is in `why`. */
AR_MUST_CHECK ar_err ar_tls_lib_open(ar_tls_lib **lib, char *why, size_t size);

void ar_tls_lib_hold(ar_tls_lib *lib);

/* Let go of it; the last one closes what it holds. NULL is fine. */
void ar_tls_lib_drop(ar_tls_lib *lib);

/* "OpenSSL 3.0.15 3 Sep 2024" */
const char *ar_tls_lib_version(const ar_tls_lib *lib);

/* Where the system keeps its roots; `which`: 0 file, 1 folder, and 2 and 3
 * the names of the environment's variables that go before them. */
const char *ar_tls_lib_roots(const ar_tls_lib *lib, unsigned which);

/* The text of a check's number. */
const char *ar_tls_lib_check_text(const ar_tls_lib *lib, int verify);

/* What the last call complained of, taken off OpenSSL's list. */
void ar_tls_lib_failure(const ar_tls_lib *lib, ar_tls_failure *failure);

#endif
