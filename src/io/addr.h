/*
 * The address of a socket: of IPv4, IPv6, or a name in the file system.
 *
 * Nothing here looks a name up: a host is written in digits. An IPv6 host
 * may carry a scope: "fe80::1%eth0", "fe80::1%2".
 */

#ifndef ar_addr_h
#define ar_addr_h

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/base.h"

typedef struct ar_addr ar_addr;

struct ar_addr {
  socklen_t len; /* 0: none */
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
    struct sockaddr_storage room;
  } of;
};

/* Room for a host as text, its scope and the end included. */
#define AR_ADDR_TEXT (INET6_ADDRSTRLEN + 12)

/* The host in digits; `family` is AF_INET, AF_INET6 or AF_UNSPEC (either).
 * AR_EINVAL: it is none; AR_ENODEV: its scope names no interface. */
AR_MUST_CHECK ar_err ar_addr_parse(ar_addr *a, int family, const char *host,
                                   uint16_t port);

/* A path; one that begins with a zero byte is a name in Linux's abstract
 * space. AR_EINVAL: it is empty or has a zero byte elsewhere. */
AR_MUST_CHECK ar_err ar_addr_path(ar_addr *a, const char *path, size_t len);

static inline int ar_addr_family(const ar_addr *a) {
  return a->len == 0 ? AF_UNSPEC : a->of.any.sa_family;
}

/* The host as text, with its scope's number unless that is 0; false if it is
 * of no internet family. */
bool ar_addr_host(const ar_addr *a, char text[AR_ADDR_TEXT]);

/* 0 if it has none. */
uint16_t ar_addr_port(const ar_addr *a);

/* The path, and how long it is; an unnamed socket's is empty. */
const char *ar_addr_path_of(const ar_addr *a, size_t *len);

#endif
