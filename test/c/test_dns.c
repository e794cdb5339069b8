/* Names of hosts and services, and addresses. */

#include "io/dns.h"

#include "base/err.h"
#include "ctest.h"
#include "io/idna.h"

static ar_dns_forward *forward(const char *host, const char *service,
                               int flags) {
  struct addrinfo hints;
  ar_dns_forward *f;
  memset(&hints, 0, sizeof hints);
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  CHECK_EQ(ar_dns_forward_new(host, service, &hints, &f), 0);
  return f;
}

static bool is_quick(const char *host, const char *service, int flags) {
  ar_dns_forward *f = forward(host, service, flags);
  bool is = ar_dns_forward_is_quick(f);
  ar_dns_forward_free(f);
  return is;
}

TEST("only numbers are quick") {
  CHECK(is_quick("127.0.0.1", "80", 0));
  CHECK(is_quick("::1", NULL, 0));
  CHECK(is_quick(NULL, "80", 0));
  CHECK(is_quick("localhost", "80", AI_NUMERICHOST));
  CHECK(is_quick("127.0.0.1", "http", AI_NUMERICSERV));
  CHECK(!is_quick("localhost", "80", 0));
  CHECK(!is_quick("127.0.0.1", "http", 0));
  CHECK(!is_quick("127.0.0.1", "", 0));
}

TEST("what cannot be looked up has a code of its group") {
  ar_dns_forward *f = forward("localhost", "80", AI_NUMERICHOST);
  CHECK_EQ(ar_dns_run(&f->work), AR_EAI_NONAME);
  CHECK_EQ(ar_dns_number(f->work.result), EAI_NONAME);
  CHECK_EQ(ar_dns_number(AR_ECONNREFUSED), 0);
  CHECK_EQ(ar_dns_number(0), 0);
  ar_dns_forward_free(f);
}

static int count(const struct addrinfo *list, int family) {
  int n = 0;
  for (; list != NULL; list = list->ai_next)
    n += list->ai_family == family;
  return n;
}

TEST("[DNS-04] IPv6 addresses are left out where they are of no use") {
  ar_dns_forward *f = forward(NULL, "80", AI_PASSIVE);
  CHECK_EQ(ar_dns_run(&f->work), 0);
  CHECK(count(f->found, AF_INET6) > 0);
  ar_dns_drop_ipv6(&f->found);
  CHECK_EQ(count(f->found, AF_INET6), 0);
  CHECK(count(f->found, AF_INET) > 0);
  ar_dns_forward_free(f);
}

TEST("[DNS-04] nothing is left of an answer that is all IPv6") {
  ar_dns_forward *f = forward("::1", "80", AI_CANONNAME);
  CHECK_EQ(ar_dns_run(&f->work), 0);
  CHECK_STR(f->found->ai_canonname, "::1");
  ar_dns_drop_ipv6(&f->found);
  CHECK(f->found == NULL);
  ar_dns_drop_ipv6(&f->found);
  ar_dns_forward_free(f);
}

TEST("the canonical name stays when the address beside it goes") {
  ar_dns_forward *six = forward("::1", "80", AI_CANONNAME);
  ar_dns_forward *four = forward("127.0.0.1", "80", 0);
  CHECK_EQ(ar_dns_run(&six->work), 0);
  CHECK_EQ(ar_dns_run(&four->work), 0);
  six->found->ai_next = four->found;
  four->found = NULL;
  ar_dns_drop_ipv6(&six->found);
  CHECK_EQ(count(six->found, AF_INET), 1);
  CHECK_STR(six->found->ai_canonname, "::1");
  ar_dns_forward_free(four);
  ar_dns_forward_free(six);
}

TEST("an address is asked for as numbers without a thread") {
  ar_addr address;
  const int numeric = NI_NUMERICHOST | NI_NUMERICSERV;
  ar_dns_reverse *r;
  CHECK_EQ(ar_addr_parse(&address, AF_UNSPEC, "::1", 80), 0);
  CHECK_EQ(ar_dns_reverse_new(&address, 0, &r), 0);
  CHECK(!ar_dns_reverse_is_quick(r));
  r->flags = numeric;
  CHECK(ar_dns_reverse_is_quick(r));
  CHECK_EQ(ar_dns_run(&r->work), 0);
  CHECK_STR(r->host, "::1");
  CHECK_STR(r->service, "80");
  ar_dns_reverse_free(r);
}

TEST("[DNS-02] an international name becomes ASCII, or it is said why not") {
  char ascii[AR_IDNA_MAX];
  const char *why;
  char *label = malloc(600);
  CHECK_EQ(ar_idna_to_ascii("b\xc3\xbc"
                            "cher.example",
                            ascii, &why),
           0);
  CHECK_STR(ascii, "xn--bcher-kva.example");
  CHECK_EQ(ar_idna_to_ascii("B\xc3\x9c"
                            "CHER",
                            ascii, &why),
           0);
  CHECK_STR(ascii, "xn--bcher-kva");
  CHECK_EQ(ar_idna_to_ascii("fa\xc3\x9f.de", ascii, &why), 0);
  CHECK_STR(ascii, "xn--fa-hia.de");
  CHECK_EQ(ar_idna_to_ascii("\xff.de", ascii, &why), AR_EINVAL);
  CHECK(why != NULL);
  memset(label, 'a', 598);
  memcpy(label + 597, "\xc3\xbc", 3);
  CHECK_EQ(ar_idna_to_ascii(label, ascii, &why), AR_EINVAL);
  free(label);
}

/* ---- in a thread -------------------------------------------------------- */

static int ended;

static void on_done(ar_op *op) {
  (void)op;
  ended++;
}

TEST(
    "a look-up ends on its loop; one that nobody waits for gives itself back") {
  ar_loop *loop;
  ar_pool *pool;
  ar_dns_forward *f = forward("localhost", "http", 0);
  ar_dns_forward *left = forward("localhost", "http", 0);
  ended = 0;
  CHECK_EQ(ar_loop_new(&loop), 0);
  CHECK_EQ(ar_pool_new(4, &pool), 0);
  f->work.op.done = on_done;
  CHECK_EQ(ar_pool_start(pool, loop, &left->work), 0);
  CHECK_EQ(ar_pool_start(pool, loop, &f->work), 0);
  ar_op_abandon(&left->work.op);
  while (ended == 0)
    ar_loop_wait(loop, AR_TIME_MAX);
  CHECK_EQ(f->work.op.result, 0);
  CHECK(f->found != NULL);
  ar_dns_forward_free(f);
  ar_pool_close(pool);
  CHECK_EQ(ar_loop_free(loop), 0);
}
