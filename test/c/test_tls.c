/* Two ends of a TLS session that hand their bytes to each other. */

#include "io/tls.h"

#include "base/err.h"
#include "ctest.h"
#include "io/tlscert.h"
#include "io/tlsctx.h"
#include "io/tlsinfo.h"
#include "io/tlsload.h"

typedef struct {
  ar_tls_lib *lib;
  ar_tls_ctx *client_ctx, *server_ctx;
  ar_tls *client, *server;
} pair;

static const char *file(const char *name, char *buf, size_t size) {
  const char *build = getenv("BUILD");
  snprintf(buf, size, "%s/fixtures/tls/%s", build != NULL ? build : "build",
           name);
  return buf;
}

static ar_tls_lib *library(void) {
  ar_tls_lib *lib = NULL;
  char why[256];
  if (ar_tls_lib_open(&lib, why, sizeof why) != 0)
    fprintf(stderr, "%s\n", why);
  CHECK(lib != NULL);
  return lib;
}

static void open_contexts(pair *p) {
  char a[512], b[512];
  bool asked;
  memset(p, 0, sizeof *p);
  p->lib = library();
  CHECK_EQ(ar_tls_ctx_new(&p->client_ctx, p->lib, AR_TLS_CLIENT), 0);
  CHECK_EQ(ar_tls_ctx_new(&p->server_ctx, p->lib, AR_TLS_SERVER), 0);
  CHECK(ar_tls_ctx_roots_file(p->client_ctx, file("ca.pem", a, sizeof a)));
  ar_tls_ctx_verify(p->client_ctx, AR_TLS_VERIFY_REQUIRED);
  CHECK(ar_tls_ctx_chain(p->server_ctx, file("server.pem", a, sizeof a),
                         file("server.key", b, sizeof b), NULL, 0, &asked));
  CHECK(!asked);
}

static void open_pair(pair *p, const char *host) {
  open_contexts(p);
  CHECK_EQ(ar_tls_new(&p->client, p->client_ctx, false, host, false, true), 0);
  CHECK_EQ(ar_tls_new(&p->server, p->server_ctx, true, NULL, false, false), 0);
}

static void close_pair(pair *p) {
  ar_tls_free(p->client);
  ar_tls_free(p->server);
  ar_tls_ctx_free(p->client_ctx);
  ar_tls_ctx_free(p->server_ctx);
  ar_tls_lib_drop(p->lib);
}

/* What one end has to say becomes the other's input; the caller frees it
 * once it was read. */
static size_t carry(ar_tls *from, ar_tls *to, char **copy) {
  const char *data;
  size_t n = ar_tls_output(from, &data);
  *copy = malloc(n + 1);
  memcpy(*copy, data != NULL ? data : "", n);
  if (n > 0)
    ar_tls_output_taken(from);
  ar_tls_input(to, *copy, n);
  return n;
}

static ar_tls_status shake(pair *p) {
  ar_tls_status client = AR_TLS_WANT_READ, server = AR_TLS_WANT_READ;
  for (int i = 0; i < 10; i++) {
    char *to_server, *to_client;
    client = ar_tls_handshake(p->client);
    (void)carry(p->client, p->server, &to_server);
    server = ar_tls_handshake(p->server);
    (void)carry(p->server, p->client, &to_client);
    if (client == AR_TLS_DONE && server == AR_TLS_DONE) {
      char buf[1];
      size_t n; /* tickets */
      CHECK_EQ(ar_tls_read(p->client, buf, 1, &n), AR_TLS_WANT_READ);
      i = 10;
    } else if (client == AR_TLS_WANT_READ) {
      client = ar_tls_handshake(p->client);
    }
    free(to_server);
    free(to_client);
    if (client == AR_TLS_FAILED || server == AR_TLS_FAILED)
      return AR_TLS_FAILED;
  }
  return client == AR_TLS_DONE ? server : client;
}

TEST("a handshake, data both ways, and the end") {
  pair p;
  char buf[64], *bytes;
  size_t n;
  open_pair(&p, "localhost");
  CHECK(ar_tls_version(p.client) == NULL);
  CHECK_EQ(shake(&p), AR_TLS_DONE);
  CHECK_STR(ar_tls_version(p.client), "TLSv1.3");
  CHECK_STR(ar_tls_server_name(p.server), "localhost");
  CHECK_EQ(ar_tls_write(p.client, "hello", 5, &n), AR_TLS_DONE);
  CHECK_EQ(n, 5);
  (void)carry(p.client, p.server, &bytes);
  CHECK(ar_tls_buffered(p.server));
  CHECK_EQ(ar_tls_read(p.server, buf, 2, &n), AR_TLS_DONE);
  CHECK_EQ(n, 2);
  CHECK_EQ(ar_tls_pending(p.server), 3);
  CHECK_EQ(ar_tls_read(p.server, buf + 2, 62, &n), AR_TLS_DONE);
  CHECK(memcmp(buf, "hello", 5) == 0);
  CHECK_EQ(ar_tls_read(p.server, buf, 64, &n), AR_TLS_WANT_READ);
  CHECK(!ar_tls_buffered(p.server));
  free(bytes);
  CHECK_EQ(ar_tls_shutdown(p.client), AR_TLS_WANT_READ);
  (void)carry(p.client, p.server, &bytes);
  CHECK_EQ(ar_tls_read(p.server, buf, 64, &n), AR_TLS_END);
  CHECK_EQ(ar_tls_read(p.server, buf, 64, &n), AR_TLS_END);
  CHECK_EQ(ar_tls_shutdown(p.server), AR_TLS_DONE);
  free(bytes);
  (void)carry(p.server, p.client, &bytes);
  CHECK_EQ(ar_tls_shutdown(p.client), AR_TLS_DONE);
  free(bytes);
  close_pair(&p);
}

TEST("much data at once; the buffer goes from session to session") {
  enum {
    SIZE = 1000000
  };
  char *data = malloc(SIZE), *got = malloc(SIZE), *bytes;
  const char *first, *second;
  size_t n, all = 0;
  pair p;
  for (size_t i = 0; i < SIZE; i++)
    data[i] = (char)(i * 7 % 251);
  open_pair(&p, "localhost");
  CHECK_EQ(shake(&p), AR_TLS_DONE);
  CHECK_EQ(ar_tls_write(p.server, data, SIZE, &n), AR_TLS_DONE);
  CHECK_EQ(n, SIZE);
  (void)carry(p.server, p.client, &bytes);
  while (all < SIZE &&
         ar_tls_read(p.client, got + all, SIZE - all, &n) == AR_TLS_DONE)
    all += n;
  CHECK_EQ(all, SIZE);
  CHECK(memcmp(data, got, SIZE) == 0);
  CHECK_EQ(ar_tls_write(p.client, "x", 1, &n), AR_TLS_DONE);
  (void)ar_tls_output(p.client, &first);
  ar_tls_output_taken(p.client);
  CHECK_EQ(ar_tls_write(p.server, "x", 1, &n), AR_TLS_DONE);
  (void)ar_tls_output(p.server, &second);
  CHECK(first == second);
  free(data);
  free(got);
  free(bytes);
  close_pair(&p);
}

TEST("bytes that come one by one") {
  pair p;
  char buf[16], *bytes;
  size_t size, n = 0;
  open_pair(&p, "localhost");
  CHECK_EQ(shake(&p), AR_TLS_DONE);
  CHECK_EQ(ar_tls_write(p.server, "hello", 5, &n), AR_TLS_DONE);
  size = carry(p.server, p.client, &bytes);
  for (size_t i = 0; i < size; i++) {
    ar_tls_input(p.client, bytes + i, 1);
    CHECK_EQ(ar_tls_read(p.client, buf, sizeof buf, &n),
             i + 1 < size ? AR_TLS_WANT_READ : AR_TLS_DONE);
  }
  CHECK_EQ(n, 5);
  free(bytes);
  close_pair(&p);
}

TEST("the peer's bytes just end: what came first is read, then it has failed") {
  pair p;
  char buf[16], *bytes;
  const char *alert;
  size_t n;
  open_pair(&p, "localhost");
  CHECK_EQ(shake(&p), AR_TLS_DONE);
  CHECK_EQ(ar_tls_write(p.server, "hello", 5, &n), AR_TLS_DONE);
  (void)carry(p.server, p.client, &bytes);
  ar_tls_input_end(p.client);
  CHECK_EQ(ar_tls_read(p.client, buf, sizeof buf, &n), AR_TLS_DONE);
  CHECK_EQ(n, 5);
  for (int i = 0; i < 2; i++) {
    CHECK_EQ(ar_tls_read(p.client, buf, sizeof buf, &n), AR_TLS_FAILED);
    CHECK_EQ(ar_tls_why(p.client)->fault, AR_TLS_FAULT_EOF);
  }
  CHECK_EQ(ar_tls_write(p.client, "x", 1, &n), AR_TLS_FAILED);
  CHECK_EQ(n, 0);
  CHECK_EQ(ar_tls_shutdown(p.client), AR_TLS_FAILED);
  (void)ar_tls_output(p.client, &alert);
  free(bytes);
  close_pair(&p);
}

TEST("a byte that was changed on the way, and the alert") {
  pair p;
  char buf[16], *bytes;
  size_t n;
  open_pair(&p, "localhost");
  CHECK_EQ(shake(&p), AR_TLS_DONE);
  CHECK_EQ(ar_tls_write(p.server, "hello", 5, &n), AR_TLS_DONE);
  (void)carry(p.server, p.client, &bytes);
  bytes[10] ^= 1;
  CHECK_EQ(ar_tls_read(p.client, buf, sizeof buf, &n), AR_TLS_FAILED);
  CHECK_EQ(ar_tls_why(p.client)->fault, AR_TLS_FAULT_PROTOCOL);
  CHECK(ar_tls_why(p.client)->text != NULL);
  free(bytes);
  CHECK(carry(p.client, p.server, &bytes) > 0);
  CHECK_EQ(ar_tls_read(p.server, buf, sizeof buf, &n), AR_TLS_FAILED);
  CHECK(ar_tls_why(p.server)->reason > 1000); /* the peer's */
  free(bytes);
  close_pair(&p);
}

TEST("a certificate for another name: the check and the certificate") {
  pair p;
  const char *data;
  size_t size;
  open_pair(&p, "other.example");
  CHECK_EQ(shake(&p), AR_TLS_FAILED);
  CHECK_EQ(ar_tls_why(p.client)->fault, AR_TLS_FAULT_VERIFY);
  CHECK_STR(ar_tls_lib_check_text(p.lib, ar_tls_why(p.client)->verify),
            "hostname mismatch");
  CHECK_EQ(ar_tls_cert_culprit(p.client, &data, &size), 0);
  CHECK(size > 100);
  CHECK_EQ(ar_tls_cert_culprit(p.server, &data, &size), AR_ENOENT);
  CHECK_EQ(ar_tls_cert_peer(p.server, AR_TLS_CERT_DER, &data, &size),
           AR_ENOENT);
  close_pair(&p);
}

TEST("sessions outlive their context") {
  pair p;
  open_pair(&p, "localhost");
  ar_tls_ctx_free(p.client_ctx);
  ar_tls_ctx_free(p.server_ctx);
  ar_tls_lib_drop(p.lib);
  p.client_ctx = p.server_ctx = NULL;
  p.lib = NULL;
  CHECK_EQ(shake(&p), AR_TLS_DONE);
  close_pair(&p);
}

TEST("a server that asks stops at the name until it is answered") {
  pair p;
  char *bytes;
  size_t n;
  open_contexts(&p);
  ar_tls_ctx_ask(p.server_ctx, true);
  CHECK_EQ(ar_tls_new(&p.client, p.client_ctx, false, "localhost", false, true),
           0);
  CHECK_EQ(ar_tls_new(&p.server, p.server_ctx, true, NULL, false, false), 0);
  CHECK_EQ(ar_tls_handshake(p.client), AR_TLS_WANT_READ);
  (void)carry(p.client, p.server, &bytes);
  CHECK_EQ(ar_tls_handshake(p.server), AR_TLS_NAME);
  CHECK_EQ(ar_tls_handshake(p.server), AR_TLS_NAME);
  CHECK(memcmp(ar_tls_asked(p.server, &n), "localhost", 9) == 0);
  CHECK_EQ(n, 9);
  ar_tls_answer(p.server, NULL, 112);
  CHECK_EQ(ar_tls_handshake(p.server), AR_TLS_FAILED);
  free(bytes);
  (void)carry(p.server, p.client, &bytes);
  CHECK_EQ(ar_tls_handshake(p.client), AR_TLS_FAILED);
  CHECK_EQ(ar_tls_why(p.client)->reason, 1112);
  free(bytes);
  close_pair(&p);
}

TEST("no memory: a session or a call fails, and nothing is left behind") {
  for (uint64_t k = 1; k < 40; k++) {
    pair p;
    char *bytes = NULL;
    size_t n;
    open_contexts(&p);
    ar_mem_fail_at(k);
    if (ar_tls_new(&p.client, p.client_ctx, false, "localhost", false, true) ==
            0 &&
        ar_tls_handshake(p.client) == AR_TLS_FAILED)
      CHECK_EQ(ar_tls_why(p.client)->fault, AR_TLS_FAULT_MEMORY);
    ar_mem_fail_at(0);
    if (p.client != NULL &&
        ar_tls_new(&p.server, p.server_ctx, true, NULL, false, false) == 0) {
      n = carry(p.client, p.server, &bytes);
      ar_mem_fail_at(k);
      if (n > 0 && ar_tls_handshake(p.server) == AR_TLS_FAILED)
        CHECK_EQ(ar_tls_why(p.server)->fault, AR_TLS_FAULT_MEMORY);
      ar_mem_fail_at(0);
    }
    free(bytes);
    close_pair(&p);
  }
}

TEST("roots: files, text, nonsense") {
  char a[512];
  const char *data;
  size_t size, n;
  pair p;
  open_contexts(&p);
  CHECK_EQ(ar_tls_cert_root(p.client_ctx, 0, AR_TLS_CERT_TEXT, &data, &size),
           0);
  CHECK_EQ(ar_tls_cert_root(p.client_ctx, 1, AR_TLS_CERT_TEXT, &data, &size),
           AR_ENOENT);
  CHECK_EQ(ar_tls_cert_root(p.client_ctx, 0, AR_TLS_CERT_DER, &data, &size), 0);
  CHECK(ar_tls_ctx_roots_data(p.server_ctx, data, size, &n));
  CHECK_EQ(n, 1);
  CHECK(!ar_tls_ctx_roots_data(p.server_ctx, data, size - 1, &n));
  CHECK(!ar_tls_ctx_roots_data(p.server_ctx, "nonsense", 8, &n));
  CHECK(!ar_tls_ctx_roots_data(p.server_ctx, "", 0, &n));
  CHECK(!ar_tls_ctx_roots_file(p.server_ctx, file("ca.cnf", a, sizeof a)));
  CHECK_EQ(ar_tls_readable("/nowhere", false), AR_ENOENT);
  close_pair(&p);
}
