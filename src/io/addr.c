/*
 * The address of a socket.
 */

#include "io/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

static ar_err parse_scope(const char *text, uint32_t *scope) {
  char *end;
  unsigned long number;
  *scope = if_nametoindex(text);
  if (*scope != 0)
    return 0;
  errno = 0;
  number = strtoul(text, &end, 10);
  if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 ||
      number > UINT32_MAX)
    return AR_ENODEV;
  *scope = (uint32_t)number;
  return 0;
}

static ar_err parse_in6(ar_addr *a, const char *host, uint16_t port) {
  char digits[INET6_ADDRSTRLEN];
  const char *percent = strchr(host, '%');
  size_t len = percent != NULL ? (size_t)(percent - host) : strlen(host);
  if (len >= sizeof digits)
    return AR_EINVAL;
  memcpy(digits, host, len);
  digits[len] = '\0';
  if (inet_pton(AF_INET6, digits, &a->of.in6.sin6_addr) != 1)
    return AR_EINVAL;
  a->of.in6.sin6_family = AF_INET6;
  a->of.in6.sin6_port = htons(port);
  a->len = sizeof a->of.in6;
  if (percent != NULL)
    return parse_scope(percent + 1, &a->of.in6.sin6_scope_id);
  return 0;
}

ar_err ar_addr_parse(ar_addr *a, int family, const char *host, uint16_t port) {
  memset(a, 0, sizeof *a);
  if (family != AF_INET6 && inet_pton(AF_INET, host, &a->of.in.sin_addr) == 1) {
    a->of.in.sin_family = AF_INET;
    a->of.in.sin_port = htons(port);
    a->len = sizeof a->of.in;
    return 0;
  }
  if (family == AF_INET)
    return AR_EINVAL;
  return parse_in6(a, host, port);
}

ar_err ar_addr_path(ar_addr *a, const char *path, size_t len) {
  bool abstract = len > 0 && path[0] == '\0';
  memset(a, 0, sizeof *a);
  if (len == 0 || (!abstract && memchr(path, '\0', len) != NULL))
    return AR_EINVAL;
  if (len + (abstract ? 0 : 1) > sizeof a->of.un.sun_path)
    return AR_ENAMETOOLONG;
  a->of.un.sun_family = AF_UNIX;
  memcpy(a->of.un.sun_path, path, len);
  a->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len +
                       (abstract ? 0 : 1));
  return 0;
}

bool ar_addr_host(const ar_addr *a, char text[AR_ADDR_TEXT]) {
  size_t len;
  switch (ar_addr_family(a)) {
    case AF_INET:
      return inet_ntop(AF_INET, &a->of.in.sin_addr, text, AR_ADDR_TEXT) != NULL;
    case AF_INET6:
      if (inet_ntop(AF_INET6, &a->of.in6.sin6_addr, text, AR_ADDR_TEXT) == NULL)
        return false;
      len = strlen(text);
      if (a->of.in6.sin6_scope_id != 0)
        (void)snprintf(text + len, AR_ADDR_TEXT - len, "%%%lu",
                       (unsigned long)a->of.in6.sin6_scope_id);
      return true;
    default: return false;
  }
}

uint16_t ar_addr_port(const ar_addr *a) {
  switch (ar_addr_family(a)) {
    case AF_INET: return ntohs(a->of.in.sin_port);
    case AF_INET6: return ntohs(a->of.in6.sin6_port);
    default: return 0;
  }
}

const char *ar_addr_path_of(const ar_addr *a, size_t *len) {
  const char *path = a->of.un.sun_path;
  size_t head = offsetof(struct sockaddr_un, sun_path);
  *len = a->len > head ? a->len - head : 0;
  if (*len > 0 && path[0] != '\0') /* the end is not part of the path */
    *len = strnlen(path, *len);
  return path;
}
