/*
 * Fuzz TLS: what an end gets from its peer may be anything.
 *
 * The first byte chooses: a client or a server that gets the input as it is;
 * or two ends whose bytes are changed, dropped and cut on the way, as pairs
 * of bytes in the input say. Whatever comes: every call answers, a session
 * that has failed goes on failing, and what is decrypted is what was sent.
 *
 * BUILD names the folder in which test/fixtures/certificates made some.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/tls.h"
#include "io/tlscert.h"
#include "io/tlsctx.h"
#include "io/tlsinfo.h"
#include "io/tlsload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static ar_tls_ctx *client_ctx, *server_ctx;

static void must(bool so) {
  if (!so)
    abort();
}

static void open_contexts(void) {
  const char *build = getenv("BUILD");
  char why[256], ca[512], cert[512], key[512];
  ar_tls_lib *lib;
  bool asked;
  if (build == NULL)
    build = "build";
  snprintf(ca, sizeof ca, "%s/fixtures/tls/ca.pem", build);
  snprintf(cert, sizeof cert, "%s/fixtures/tls/server.pem", build);
  snprintf(key, sizeof key, "%s/fixtures/tls/server.key", build);
  must(ar_tls_lib_open(&lib, why, sizeof why) == 0);
  must(ar_tls_ctx_new(&client_ctx, lib, AR_TLS_CLIENT) == 0);
  must(ar_tls_ctx_new(&server_ctx, lib, AR_TLS_SERVER) == 0);
  must(ar_tls_ctx_roots_file(client_ctx, ca));
  must(ar_tls_ctx_chain(server_ctx, cert, key, NULL, 0, &asked));
  ar_tls_ctx_verify(client_ctx, AR_TLS_VERIFY_REQUIRED);
  must(ar_tls_ctx_alpn(client_ctx, "\2h2\3abc", 7) == 0);
  must(ar_tls_ctx_alpn(server_ctx, "\3abc", 4) == 0);
  ar_tls_ctx_ask(server_ctx, true);
}

static ar_tls *open_end(bool server) {
  ar_tls *s;
  must(ar_tls_new(&s, server ? server_ctx : client_ctx, server,
                  server ? NULL : "localhost", false, !server) == 0);
  return s;
}

/* One step of an end: what it can do with what it has. */
static ar_tls_status step(ar_tls *s, bool *shaken) {
  char buf[300];
  size_t n;
  ar_tls_status status;
  if (!*shaken) {
    status = ar_tls_handshake(s);
    if (status == AR_TLS_NAME) {
      (void)ar_tls_asked(s, &n);
      ar_tls_answer(s, NULL, 0);
      status = ar_tls_handshake(s);
    }
    *shaken = status == AR_TLS_DONE;
    if (!*shaken)
      return status;
    (void)ar_tls_write(s, "what was sent", 13, &n);
  }
  status = ar_tls_read(s, buf, sizeof buf, &n);
  if (status == AR_TLS_DONE)
    must(n <= 13 && memcmp(buf, "what was sent", n) == 0);
  return status;
}

static void look(ar_tls *s, ar_tls_status status) {
  const char *data;
  size_t size;
  int bits;
  if (status == AR_TLS_FAILED) {
    must(ar_tls_why(s)->fault != AR_TLS_FAULT_NONE);
    must(ar_tls_handshake(s) == AR_TLS_FAILED);
    must(ar_tls_shutdown(s) == AR_TLS_FAILED);
  }
  (void)ar_tls_cert_culprit(s, &data, &size);
  (void)ar_tls_cert_peer(s, AR_TLS_CERT_TEXT, &data, &size);
  (void)ar_tls_cipher(s, &data, &bits);
  (void)ar_tls_protocol(s, &size);
  (void)ar_tls_pending(s);
}

static void feed_alone(bool server, const uint8_t *data, size_t size) {
  ar_tls *s = open_end(server);
  bool shaken = false;
  ar_tls_status status;
  if (!server)
    (void)ar_tls_handshake(s);
  ar_tls_input(s, (const char *)data, size);
  ar_tls_input_end(s);
  status = step(s, &shaken);
  for (int i = 0; i < 4 && status == AR_TLS_DONE; i++)
    status = step(s, &shaken);
  must(status == AR_TLS_FAILED || status == AR_TLS_END);
  look(s, status);
  ar_tls_free(s);
}

/* Bytes on their way, spoilt as the next pair says: which, and how. */
static char *carry(ar_tls *from, ar_tls *to, const uint8_t *pair) {
  const char *data;
  size_t n = ar_tls_output(from, &data), at;
  char *copy = malloc(n + 1);
  must(copy != NULL);
  memcpy(copy, data != NULL ? data : "", n);
  if (n > 0)
    ar_tls_output_taken(from);
  at = n * pair[0] / 256;
  if (pair[1] > 0 && pair[1] < 128 && n > 0)
    copy[at] = (char)(copy[at] ^ pair[1]);
  else if (pair[1] >= 192)
    n = at;
  ar_tls_input(to, copy, n);
  return copy;
}

static void feed_both(const uint8_t *data, size_t size) {
  static const uint8_t unspoilt[2] = {0, 0};
  ar_tls *ends[2] = {open_end(false), open_end(true)};
  bool shaken[2] = {false, false};
  ar_tls_status status[2] = {AR_TLS_WANT_READ, AR_TLS_WANT_READ};
  char *held[2] = {NULL, NULL};
  for (int round = 0; round < 12; round++) {
    int i = round % 2;
    status[i] = step(ends[i], &shaken[i]);
    free(held[1 - i]);
    held[1 - i] = carry(ends[i], ends[1 - i], size >= 2 ? data : unspoilt);
    if (size >= 2) {
      data += 2;
      size -= 2;
    }
  }
  for (int i = 0; i < 2; i++) {
    look(ends[i], status[i]);
    ar_tls_free(ends[i]);
    free(held[i]);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (client_ctx == NULL)
    open_contexts();
  if (size == 0)
    return 0;
  if (data[0] % 3 == 2)
    feed_both(data + 1, size - 1);
  else
    feed_alone(data[0] % 3 == 1, data + 1, size - 1);
  return 0;
}
