/*
 * Names of hosts and services looked up: getaddrinfo(3), getnameinfo(3).
 *
 * Order of calls: ar_dns_forward_new (or ar_dns_reverse_new); then
 * ar_dns_run, which looks it up here and now, or ar_pool_start on its `work`;
 * the answer is in its fields once that is over; ar_dns_*_free. Work that
 * nobody waits for any more gives itself back.
 *
 * Only what is quick may be run on the loop's thread: the C library reads
 * files and asks servers for the rest, and takes seconds for that.
 */

#ifndef ar_dns_h
#define ar_dns_h

#include <netdb.h>

#include "io/addr.h"
#include "io/pool.h"

typedef struct ar_dns_forward ar_dns_forward;
typedef struct ar_dns_reverse ar_dns_reverse;

/* From names to addresses. */
struct ar_dns_forward {
  ar_work work; /* first */
  struct addrinfo hints;
  char *host;             /* owned; NULL: none */
  char *service;          /* owned; NULL: none */
  struct addrinfo *found; /* owned: the answer; NULL while there is none */
};

/* From an address to names. */
struct ar_dns_reverse {
  ar_work work; /* first */
  ar_addr address;
  int flags;
  char host[NI_MAXHOST];    /* the answer */
  char service[NI_MAXSERV]; /* the answer */
};

/* Only the family, type, protocol and flags of the hints are looked at. */
AR_MUST_CHECK ar_err ar_dns_forward_new(const char *host, const char *service,
                                        const struct addrinfo *hints,
                                        ar_dns_forward **out);
void ar_dns_forward_free(ar_dns_forward *f);

AR_MUST_CHECK ar_err ar_dns_reverse_new(const ar_addr *address, int flags,
                                        ar_dns_reverse **out);
void ar_dns_reverse_free(ar_dns_reverse *r);

/* Are there only numbers, so that neither a file nor a server is asked? */
bool ar_dns_forward_is_quick(const ar_dns_forward *f);
bool ar_dns_reverse_is_quick(const ar_dns_reverse *r);

/* Look it up on this thread. */
AR_MUST_CHECK ar_err ar_dns_run(ar_work *work);

/* The C library's own number of an error of the group AR_EAI_...; 0 for any
 * other. */
int ar_dns_number(ar_err err);

/* Take the IPv6 addresses out of an answer: nobody could use them. */
void ar_dns_drop_ipv6(struct addrinfo **list);

#endif
