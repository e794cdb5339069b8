/*
 * Module _anyrun.dns: names of hosts and services, looked up in a thread.
 *
 * A look-up cannot be called off: whoever is cancelled leaves it, and what it
 * brings is dropped. What is spelled in numbers alone is looked up at once.
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/err.h"
#include "bind/await.h"
#include "bind/libs.h"
#include "bind/luax.h"
#include "host/raise.h"
#include "io/dns.h"
#include "io/idna.h"

/* ---- names of numbers --------------------------------------------------- */

typedef struct {
  const char *name;
  int number;
} named;

static const named families[] = {{"AF_UNSPEC", AF_UNSPEC},
                                 {"AF_INET", AF_INET},
                                 {"AF_INET6", AF_INET6},
                                 {"AF_UNIX", AF_UNIX},
                                 {NULL, 0}};

static const named types[] = {{"SOCK_STREAM", SOCK_STREAM},
                              {"SOCK_DGRAM", SOCK_DGRAM},
                              {"SOCK_RAW", SOCK_RAW},
                              {NULL, 0}};

static const named protocols[] = {{"IPPROTO_IP", IPPROTO_IP},
                                  {"IPPROTO_TCP", IPPROTO_TCP},
                                  {"IPPROTO_UDP", IPPROTO_UDP},
                                  {NULL, 0}};

static const named flags[] = {
    {"AI_ADDRCONFIG", AI_ADDRCONFIG},   {"AI_ALL", AI_ALL},
    {"AI_CANONNAME", AI_CANONNAME},     {"AI_NUMERICHOST", AI_NUMERICHOST},
    {"AI_NUMERICSERV", AI_NUMERICSERV}, {"AI_PASSIVE", AI_PASSIVE},
    {"AI_V4MAPPED", AI_V4MAPPED},       {NULL, 0}};

static const named name_flags[] = {{"NI_DGRAM", NI_DGRAM},
                                   {"NI_NAMEREQD", NI_NAMEREQD},
                                   {"NI_NOFQDN", NI_NOFQDN},
                                   {"NI_NUMERICHOST", NI_NUMERICHOST},
                                   {"NI_NUMERICSERV", NI_NUMERICSERV},
                                   {NULL, 0}};

/* [-0, +1] The name, or the number where it has none. */
static void push_named(lua_State *L, const named *rows, int number) {
  for (; rows->name != NULL; rows++) {
    if (rows->number == number) {
      lua_pushstring(L, rows->name);
      return;
    }
  }
  lua_pushinteger(L, number);
}

/* [-0, +0] Field `field` of the table on top: name -> number. */
static void set_names(lua_State *L, const char *field, const named *rows) {
  lua_newtable(L);
  for (; rows->name != NULL; rows++) {
    lua_pushinteger(L, rows->number);
    lua_setfield(L, -2, rows->name);
  }
  lua_setfield(L, -2, field);
}

/* ---- errors ------------------------------------------------------------- */

AR_NORETURN static void raise_dns(lua_State *L, ar_err err, const char *what) {
  int number = ar_dns_number(err);
  if (number == 0)
    ar_raise_oserror(L, err, what);
  ar_push_error(L, "gaierror", "%s: %s", *what != '\0' ? what : "''",
                ar_err_text(err));
  lua_pushstring(L, ar_err_name(err));
  lua_setfield(L, -2, "code");
  lua_pushinteger(L, number);
  lua_setfield(L, -2, "errno");
  (void)lua_error(L);
  AR_UNREACHABLE();
}

/* A string without zero bytes, or NULL for nil. */
static const char *opt_text(lua_State *L, int idx) {
  size_t length;
  const char *text = luaL_optlstring(L, idx, NULL, &length);
  if (text != NULL && strlen(text) != length)
    ar_raise(L, "ValueError", "a name must not contain a zero byte");
  return text;
}

/* ---- the answer, given back in any case --------------------------------- */

static int box_gc(lua_State *L) {
  ar_dns_forward **box = lua_touserdata(L, 1);
  ar_dns_forward *f = *box;
  *box = NULL;
  if (f != NULL)
    ar_dns_forward_free(f);
  return 0;
}

/* [-0, +1] An empty box for it. */
static ar_dns_forward **push_box(lua_State *L) {
  ar_dns_forward **box = lua_newuserdatauv(L, sizeof(ar_dns_forward *), 0);
  *box = NULL;
  if (luaL_newmetatable(L, "dns answer")) {
    lua_pushcfunction(L, box_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return box;
}

/* [-0, +1] {host, port}; IPv6: {host, port, flow, scope}. */
static void push_address(lua_State *L, const struct sockaddr *address) {
  char text[INET6_ADDRSTRLEN] = "";
  lua_createtable(L, 4, 0);
  if (address->sa_family == AF_INET6) {
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    (void)inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text);
    lua_pushinteger(L, ntohs(in6->sin6_port));
    lua_rawseti(L, -2, 2);
    lua_pushinteger(L, ntohl(in6->sin6_flowinfo));
    lua_rawseti(L, -2, 3);
    lua_pushinteger(L, in6->sin6_scope_id);
    lua_rawseti(L, -2, 4);
  } else if (address->sa_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)address;
    (void)inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
    lua_pushinteger(L, ntohs(in->sin_port));
    lua_rawseti(L, -2, 2);
  }
  lua_pushstring(L, text);
  lua_rawseti(L, -2, 1);
}

/* [-0, +1] {family, type, protocol, canonical name, address} */
static void push_entry(lua_State *L, const struct addrinfo *info) {
  lua_createtable(L, 5, 0);
  push_named(L, families, info->ai_family);
  lua_rawseti(L, -2, 1);
  push_named(L, types, info->ai_socktype);
  lua_rawseti(L, -2, 2);
  lua_pushinteger(L, info->ai_protocol);
  lua_rawseti(L, -2, 3);
  lua_pushstring(L, info->ai_canonname != NULL ? info->ai_canonname : "");
  lua_rawseti(L, -2, 4);
  push_address(L, info->ai_addr);
  lua_rawseti(L, -2, 5);
}

/* ---- from names to addresses -------------------------------------------- */

/* The stack of a look-up: host, service, family, type, protocol, flags, box. */
#define BOX 7

/* It is over, and the box's. */
static int forward_answer(lua_State *L, ar_dns_forward *f) {
  ar_dns_forward **box = lua_touserdata(L, BOX);
  ar_err err = f->work.result;
  lua_Integer n = 0;
  if (err != 0) {
    const char *host = lua_tostring(L, 1), *service = lua_tostring(L, 2);
    ar_dns_forward_free(f);
    *box = NULL;
    if (err == AR_EAI_SERVICE || host == NULL)
      host = service != NULL ? service : "getaddrinfo";
    raise_dns(L, err, host);
  }
  lua_newtable(L);
  for (const struct addrinfo *i = f->found; i != NULL; i = i->ai_next) {
    push_entry(L, i);
    lua_rawseti(L, -2, ++n);
  }
  *box = NULL;
  ar_dns_forward_free(f);
  return 1;
}

static int forwardk(lua_State *L, int status, lua_KContext ctx) {
  ar_dns_forward **box = lua_touserdata(L, BOX);
  (void)status;
  if (!ar_await_left(L))
    *box = (ar_dns_forward *)ctx;
  (void)ar_awaited(L);
  return forward_answer(L, *box);
}

static ar_dns_forward *new_forward(lua_State *L) {
  struct addrinfo hints;
  ar_dns_forward *f;
  ar_err err;
  memset(&hints, 0, sizeof hints);
  hints.ai_family = (int)luaL_checkinteger(L, 3);
  hints.ai_socktype = (int)luaL_checkinteger(L, 4);
  hints.ai_protocol = (int)luaL_checkinteger(L, 5);
  hints.ai_flags = (int)luaL_checkinteger(L, 6);
  (void)push_box(L);
  err = ar_dns_forward_new(lua_tostring(L, 1), lua_tostring(L, 2), &hints, &f);
  if (err != 0)
    ar_raise_oserror(L, err, "getaddrinfo");
  return f;
}

/* getaddrinfo(host, service, family, type, protocol, flags) -> entries */
static int dns_getaddrinfo(lua_State *L) {
  ar_coro *c = ar_coro_check(L);
  ar_pool *pool = ar_check_pool(L);
  ar_dns_forward *f;
  ar_err err;
  lua_settop(L, 6);
  (void)opt_text(L, 1);
  (void)opt_text(L, 2);
  f = new_forward(L);
  err = ar_pool_start(pool, c->task.sched->loop, &f->work);
  if (err != 0) {
    ar_dns_forward_free(f);
    ar_raise_oserror(L, err, "getaddrinfo");
  }
  return ar_await(L, c, &f->work.op, AR_AWAIT_LEAVES, "getaddrinfo", forwardk,
                  (lua_KContext)f);
}

/* The same for what needs no thread: nil where it does. */
static int dns_getaddrinfo_now(lua_State *L) {
  ar_dns_forward *f;
  lua_settop(L, 6);
  (void)opt_text(L, 1);
  (void)opt_text(L, 2);
  f = new_forward(L);
  if (!ar_dns_forward_is_quick(f)) {
    ar_dns_forward_free(f);
    return 0;
  }
  *(ar_dns_forward **)lua_touserdata(L, BOX) = f;
  f->work.result = ar_dns_run(&f->work);
  return forward_answer(L, f);
}

/* ---- from an address to names ------------------------------------------- */

typedef struct {
  char host[NI_MAXHOST];
  char service[NI_MAXSERV];
  ar_err err;
} names;

/* The look-up is over: it is gone before anything can be raised. */
static void take_names(ar_dns_reverse *r, names *out) {
  out->err = r->work.result;
  memcpy(out->host, r->host, sizeof out->host);
  memcpy(out->service, r->service, sizeof out->service);
  ar_dns_reverse_free(r);
}

static int push_names(lua_State *L, const names *found) {
  if (found->err != 0)
    raise_dns(L, found->err, lua_tostring(L, 1));
  lua_pushstring(L, found->host);
  lua_pushstring(L, found->service);
  return 2;
}

static int reversek(lua_State *L, int status, lua_KContext ctx) {
  names found = {"", "", 0};
  (void)status;
  if (!ar_await_left(L))
    take_names((ar_dns_reverse *)ctx, &found);
  (void)ar_awaited(L); /* raises if it was left */
  return push_names(L, &found);
}

static ar_dns_reverse *new_reverse(lua_State *L) {
  ar_addr address;
  ar_dns_reverse *r;
  const char *host = opt_text(L, 1);
  lua_Integer port = luaL_checkinteger(L, 2);
  int how = (int)luaL_checkinteger(L, 3);
  lua_Integer flow = luaL_optinteger(L, 4, 0);
  lua_Integer scope = luaL_optinteger(L, 5, 0);
  ar_err err = ar_addr_parse(&address, AF_UNSPEC, host, (uint16_t)port);
  if (err != 0)
    raise_dns(L, AR_EAI_NONAME, host);
  if (ar_addr_family(&address) == AF_INET6) {
    address.of.in6.sin6_flowinfo = htonl((uint32_t)flow);
    if (scope != 0)
      address.of.in6.sin6_scope_id = (uint32_t)scope;
  }
  err = ar_dns_reverse_new(&address, how, &r);
  if (err != 0)
    ar_raise_oserror(L, err, "getnameinfo");
  return r;
}

/* getnameinfo(host, port, flags, flow, scope) -> host, service */
static int dns_getnameinfo(lua_State *L) {
  ar_coro *c = ar_coro_check(L);
  ar_pool *pool = ar_check_pool(L);
  ar_dns_reverse *r;
  ar_err err;
  lua_settop(L, 5);
  luaL_checkstring(L, 1);
  r = new_reverse(L);
  err = ar_pool_start(pool, c->task.sched->loop, &r->work);
  if (err != 0) {
    ar_dns_reverse_free(r);
    ar_raise_oserror(L, err, "getnameinfo");
  }
  return ar_await(L, c, &r->work.op, AR_AWAIT_LEAVES, "getnameinfo", reversek,
                  (lua_KContext)r);
}

static int dns_getnameinfo_now(lua_State *L) {
  ar_dns_reverse *r;
  names found;
  lua_settop(L, 5);
  luaL_checkstring(L, 1);
  r = new_reverse(L);
  if (!ar_dns_reverse_is_quick(r)) {
    ar_dns_reverse_free(r);
    return 0;
  }
  r->work.result = ar_dns_run(&r->work);
  take_names(r, &found);
  return push_names(L, &found);
}

/* ---- the module --------------------------------------------------------- */

/* to_ascii(name) -> the name as it is looked up, by IDNA 2008 */
static int dns_to_ascii(lua_State *L) {
  char ascii[AR_IDNA_MAX];
  const char *why, *name = luaL_checkstring(L, 1);
  ar_err err;
  (void)opt_text(L, 1);
  err = ar_idna_to_ascii(name, ascii, &why);
  if (err == AR_ENOSYS)
    ar_raise(L, "NotImplementedError",
             "international name '%s': %s (Debian: libidn2-0)", name, why);
  if (err != 0)
    ar_raise(L, "ValueError", "international name '%s': %s", name, why);
  lua_pushstring(L, ascii);
  return 1;
}

static const luaL_Reg functions[] = {
    {"getaddrinfo", dns_getaddrinfo}, {"getaddrinfo_now", dns_getaddrinfo_now},
    {"getnameinfo", dns_getnameinfo}, {"getnameinfo_now", dns_getnameinfo_now},
    {"to_ascii", dns_to_ascii},       {NULL, NULL}};

int luaopen_anyrun_dns(lua_State *L) {
  luaL_newlib(L, functions);
  set_names(L, "families", families);
  set_names(L, "types", types);
  set_names(L, "protocols", protocols);
  set_names(L, "flags", flags);
  set_names(L, "name_flags", name_flags);
  return 1;
}
