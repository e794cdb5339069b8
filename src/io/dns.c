/*
 * Names of hosts and services looked up.
 */

#define _GNU_SOURCE /* EAI_NODATA, EAI_ADDRFAMILY */

#include "io/dns.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"

/* ---- errors ------------------------------------------------------------- */

static const struct {
  int number;
  ar_err err;
} errors[] = {
    {EAI_AGAIN, AR_EAI_AGAIN},
    {EAI_BADFLAGS, AR_EAI_BADFLAGS},
    {EAI_FAIL, AR_EAI_FAIL},
    {EAI_FAMILY, AR_EAI_FAMILY},
    {EAI_MEMORY, AR_ENOMEM},
    {EAI_NONAME, AR_EAI_NONAME},
    {EAI_OVERFLOW, AR_EAI_OVERFLOW},
    {EAI_SERVICE, AR_EAI_SERVICE},
    {EAI_SOCKTYPE, AR_EAI_SOCKTYPE},
#ifdef EAI_ADDRFAMILY
    {EAI_ADDRFAMILY, AR_EAI_ADDRFAMILY},
#endif
#ifdef EAI_NODATA
    {EAI_NODATA, AR_EAI_NODATA},
#endif
};

static ar_err err_of(int number) {
  if (number == 0)
    return 0;
  if (number == EAI_SYSTEM)
    return ar_err_from_errno(errno);
  for (size_t i = 0; i < ar_countof(errors); i++)
    if (errors[i].number == number)
      return errors[i].err;
  return AR_UNKNOWN;
}

int ar_dns_number(ar_err err) {
  for (size_t i = 0; i < ar_countof(errors); i++)
    if (errors[i].err == err && err != AR_ENOMEM)
      return errors[i].number;
  return 0;
}

/* ---- from names to addresses -------------------------------------------- */

static bool is_number(const char *text) {
  return *text != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static ar_dns_forward *forward_of(ar_work *work) {
  return ar_container_of(work, ar_dns_forward, work);
}

static bool is_ipv6(const struct addrinfo *info) {
  return info->ai_family == AF_INET6;
}

void ar_dns_drop_ipv6(struct addrinfo **list) {
  char *name = *list != NULL ? (*list)->ai_canonname : NULL;
  struct addrinfo **at = list;
  if (name != NULL) /* stands at the first of them: it must not go with it */
    (*list)->ai_canonname = NULL;
  while (*at != NULL) {
    struct addrinfo *info = *at;
    if (!is_ipv6(info)) {
      at = &info->ai_next;
      continue;
    }
    *at = info->ai_next;
    info->ai_next = NULL;
    if (*at == NULL && *list == NULL)
      info->ai_canonname = name; /* nothing is left: it goes with the last */
    freeaddrinfo(info);
  }
  if (*list != NULL)
    (*list)->ai_canonname = name;
}

/* Can sockets of IPv6 be made here at all? */
static bool has_ipv6(void) {
  int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return errno != EAFNOSUPPORT;
  (void)close(fd);
  return true;
}

static void forward_run(ar_work *work) {
  ar_dns_forward *f = forward_of(work);
  int number = getaddrinfo(f->host, f->service, &f->hints, &f->found);
  bool any = false;
  work->result = err_of(number);
  for (const struct addrinfo *i = f->found; i != NULL; i = i->ai_next)
    any = any || is_ipv6(i);
  if (!any || has_ipv6())
    return;
  ar_dns_drop_ipv6(&f->found);
  if (f->found == NULL)
    work->result = AR_EAI_ADDRFAMILY;
}

static void free_text(char *text) {
  if (text != NULL)
    ar_mem_free(text, strlen(text) + 1);
}

void ar_dns_forward_free(ar_dns_forward *f) {
  if (f->found != NULL)
    freeaddrinfo(f->found);
  free_text(f->service);
  free_text(f->host);
  ar_mem_free(f, sizeof *f);
}

static void forward_discard(ar_work *work) {
  ar_dns_forward_free(forward_of(work));
}

static bool copy_text(const char *text, char **out) {
  size_t size;
  if (text == NULL)
    return true;
  size = strlen(text) + 1;
  *out = ar_mem_alloc(size);
  if (*out == NULL)
    return false;
  memcpy(*out, text, size);
  return true;
}

ar_err ar_dns_forward_new(const char *host, const char *service,
                          const struct addrinfo *hints, ar_dns_forward **out) {
  ar_dns_forward *f = ar_mem_zalloc(sizeof *f);
  if (f == NULL)
    return AR_ENOMEM;
  ar_work_init(&f->work, forward_run, forward_discard);
  f->hints.ai_family = hints->ai_family;
  f->hints.ai_socktype = hints->ai_socktype;
  f->hints.ai_protocol = hints->ai_protocol;
  f->hints.ai_flags = hints->ai_flags;
  if (!copy_text(host, &f->host) || !copy_text(service, &f->service)) {
    ar_dns_forward_free(f);
    return AR_ENOMEM;
  }
  *out = f;
  return 0;
}

bool ar_dns_forward_is_quick(const ar_dns_forward *f) {
  ar_addr address;
  bool host = f->host == NULL || (f->hints.ai_flags & AI_NUMERICHOST) != 0 ||
              ar_addr_parse(&address, AF_UNSPEC, f->host, 0) == 0;
  bool service = f->service == NULL ||
                 (f->hints.ai_flags & AI_NUMERICSERV) != 0 ||
                 is_number(f->service);
  return host && service;
}

/* ---- from an address to names ------------------------------------------- */

static ar_dns_reverse *reverse_of(ar_work *work) {
  return ar_container_of(work, ar_dns_reverse, work);
}

static void reverse_run(ar_work *work) {
  ar_dns_reverse *r = reverse_of(work);
  int number =
      getnameinfo(&r->address.of.any, r->address.len, r->host, sizeof r->host,
                  r->service, sizeof r->service, r->flags);
  work->result = err_of(number);
}

void ar_dns_reverse_free(ar_dns_reverse *r) {
  ar_mem_free(r, sizeof *r);
}

static void reverse_discard(ar_work *work) {
  ar_dns_reverse_free(reverse_of(work));
}

ar_err ar_dns_reverse_new(const ar_addr *address, int flags,
                          ar_dns_reverse **out) {
  ar_dns_reverse *r = ar_mem_zalloc(sizeof *r);
  if (r == NULL)
    return AR_ENOMEM;
  ar_work_init(&r->work, reverse_run, reverse_discard);
  r->address = *address;
  r->flags = flags;
  *out = r;
  return 0;
}

bool ar_dns_reverse_is_quick(const ar_dns_reverse *r) {
  const int numeric = NI_NUMERICHOST | NI_NUMERICSERV;
  return (r->flags & numeric) == numeric;
}

ar_err ar_dns_run(ar_work *work) {
  work->run(work);
  return work->result;
}
