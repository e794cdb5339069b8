/*
 * Module _anyrun.socket: what all sockets have in common.
 *
 * methods(class, kind) adds what a socket of that kind can do to a class;
 * open(class, kind, family) makes one.
 */

#include <netinet/tcp.h>
#include <string.h>

#include "base/err.h"
#include "bind/laddr.h"
#include "bind/libs.h"
#include "bind/luax.h"
#include "bind/sockwatch.h"
#include "host/raise.h"
#include "io/sock.h"

static const char key_socket[] = "socket";

static const char *const kinds[] = {"stream", "listener", "datagram", "plain",
                                    NULL};

ar_lsock *ar_lsock_new(lua_State *L, int class, ar_lsock_kind kind) {
  ar_lsock *s = lua_newuserdatauv(L, sizeof *s, AR_LSOCK_UV_COUNT);
  memset(s, 0, sizeof *s);
  s->magic = key_socket;
  ar_lfd_init(&s->lfd);
  s->kind = kind;
  lua_pushvalue(L, class);
  lua_setmetatable(L, -2);
  return s;
}

void ar_lsock_open(lua_State *L, ar_lsock *s, ar_lrun *run, int family,
                   int fd) {
  s->family = family;
  ar_lfd_open(L, &s->lfd, run, fd, true);
}

ar_lsock *ar_to_lsock(lua_State *L, int idx) {
  ar_lsock *s = lua_touserdata(L, idx);
  if (AR_LIKELY(s != NULL && lua_rawlen(L, idx) == sizeof *s &&
                s->magic == key_socket))
    return s;
  return NULL;
}

ar_lsock *ar_check_lsock(lua_State *L) {
  ar_lsock *s = ar_to_lsock(L, 1);
  if (AR_UNLIKELY(s == NULL))
    ar_self_error(L, "socket");
  return s;
}

ar_lsock_kind ar_check_lsock_name(lua_State *L, int idx) {
  return (ar_lsock_kind)luaL_checkoption(L, idx, NULL, kinds);
}

ar_lsock *ar_check_lsock_kind(lua_State *L, ar_lsock_kind kind) {
  ar_lsock *s = ar_check_lsock(L);
  if (AR_UNLIKELY(s->kind != kind))
    luaL_typeerror(L, 1, kinds[kind]);
  (void)ar_check_lfd_open(L, &s->lfd);
  return s;
}

void ar_check_lsock_free(lua_State *L, bool guard, const char *action) {
  if (AR_UNLIKELY(guard))
    ar_raise_busy(L, action);
}

void ar_lsock_broken(lua_State *L, ar_err err, const char *what) {
  if (err == AR_ENOMEM)
    ar_raise_oserror(L, err, what);
  ar_push_error(L, "BrokenResourceError", "%s: %s", what, ar_err_text(err));
  ar_push_oserror(L, err, what);
  lua_setfield(L, -2, "cause");
  (void)lua_error(L);
  AR_UNREACHABLE();
}

/* ---- making ------------------------------------------------------------- */

/* AnyIO's choices. */
ar_err ar_lsock_set_up(int fd, ar_lsock_kind kind, int family) {
  ar_err err = 0;
  if (kind == AR_LSOCK_DATAGRAM || family == AF_UNIX)
    return 0;
  /* Accepted sockets take it over from their listener. */
  err = ar_sock_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (err == 0 && kind == AR_LSOCK_LISTENER)
    err = ar_sock_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  return err;
}

/* open(class, kind, family) -> socket */
static int socket_open(lua_State *L) {
  ar_lsock_kind kind;
  ar_lrun *run = ar_check_run(L);
  int family, fd;
  ar_lsock *s;
  ar_err err;
  luaL_checktype(L, 1, LUA_TTABLE);
  kind = ar_check_lsock_name(L, 2);
  family = ar_check_family(L, 3);
  s = ar_lsock_new(L, 1, kind);
  err = ar_sock_open(family,
                     kind == AR_LSOCK_DATAGRAM ? SOCK_DGRAM : SOCK_STREAM, &fd);
  if (err != 0)
    ar_raise_oserror(L, err, "cannot make a socket");
  err = ar_lsock_set_up(fd, kind, family);
  ar_lsock_open(L, s, run, family, fd);
  if (err != 0)
    ar_raise_oserror(L, err, "cannot set the options of a socket");
  return 1;
}

/* [-0, +0] Raise OSError about the address at `a`. */
static void check_done(lua_State *L, ar_err err, const char *what,
                       const ar_addr *a) {
  if (err == 0)
    return;
  ar_raise_oserror(L, err,
                   lua_pushfstring(L, "%s %s", what, ar_push_addr_text(L, a)));
}

/* _bind(socket, host, port) or _bind(socket, path) */
static int socket_bind(lua_State *L) {
  ar_lsock *s = ar_check_lsock(L);
  ar_addr a;
  (void)ar_check_lfd_open(L, &s->lfd);
  ar_check_addr(L, 2, s->family, &a);
  check_done(L, ar_sock_bind(ar_lsock_number(s), &a), "cannot bind to", &a);
  return 0;
}

/* ---- closing ------------------------------------------------------------ */

static int closedk(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  (void)ar_coro_resumed(L);
  return 0;
}

/* It is closed before anything else may happen. On asyncio the others then
 * get to run: those that waited for it, among others. */
static int socket_aclose(lua_State *L) {
  ar_lsock *s = ar_check_lsock(L);
  ar_task *t = ar_host_running(ar_host_of(L));
  ar_coro *c;
  (void)ar_lfd_close(L, &s->lfd);
  if (t == NULL || !t->sched->policy->counts || !ar_coro_is_suspendable(L))
    return 0;
  c = ar_coro_of(t);
  c->schedule_points++;
  lua_settop(L, 0);
  ar_task_yield(t);
  return ar_suspend(L, closedk, (lua_KContext)c);
}

static int socket_close(lua_State *L) {
  (void)ar_lfd_close(L, &ar_check_lsock(L)->lfd);
  return 0;
}

static int socket_gc(lua_State *L) {
  ar_lfd_collect(L, &ar_check_lsock(L)->lfd);
  return 0;
}

/* ---- questions ---------------------------------------------------------- */

/* _descriptor(socket) -> its number, or nil when it is closed */
static int socket_descriptor(lua_State *L) {
  ar_lsock *s = ar_check_lsock(L);
  if (s->lfd.fd == NULL)
    return 0;
  lua_pushinteger(L, ar_lsock_number(s));
  return 1;
}

/* _family(socket) -> "AF_INET", "AF_INET6" or "AF_UNIX" */
static int socket_family(lua_State *L) {
  ar_push_family(L, ar_check_lsock(L)->family);
  return 1;
}

static int push_name(lua_State *L, const char *what,
                     ar_err (*ask)(int fd, ar_addr *a)) {
  ar_lsock *s = ar_check_lsock(L);
  ar_addr a;
  ar_err err = ask(ar_fd_number(ar_check_lfd_open(L, &s->lfd)), &a);
  if (err != 0)
    ar_raise_oserror(L, err, what);
  return ar_push_addr(L, &a);
}

/* _local(socket) -> host, port or path */
static int socket_local(lua_State *L) {
  return push_name(L, "no local address", ar_sock_name);
}

/* _peer(socket) -> host, port or path */
static int socket_peer(lua_State *L) {
  return push_name(L, "no remote address", ar_sock_peer);
}

/* ---- options ------------------------------------------------------------ */

static const char *const option_names[] = {
    "reuse_address", "reuse_port", "ipv6_only", "no_delay",
    "receive_room",  "send_room",  "broadcast", NULL};
static const struct {
  int level;
  int option;
} option_numbers[] = {{SOL_SOCKET, SO_REUSEADDR},  {SOL_SOCKET, SO_REUSEPORT},
                      {IPPROTO_IPV6, IPV6_V6ONLY}, {IPPROTO_TCP, TCP_NODELAY},
                      {SOL_SOCKET, SO_RCVBUF},     {SOL_SOCKET, SO_SNDBUF},
                      {SOL_SOCKET, SO_BROADCAST}};

/* _set(socket, option, integer) */
static int socket_set(lua_State *L) {
  ar_lsock *s = ar_check_lsock(L);
  int at = luaL_checkoption(L, 2, NULL, option_names);
  int value = (int)luaL_checkinteger(L, 3);
  ar_err err;
  (void)ar_check_lfd_open(L, &s->lfd);
  err = ar_sock_set(ar_lsock_number(s), option_numbers[at].level,
                    option_numbers[at].option, value);
  if (err != 0)
    ar_raise_oserror(L, err, option_names[at]);
  return 0;
}

/* _get(socket, option) -> integer */
static int socket_get(lua_State *L) {
  ar_lsock *s = ar_check_lsock(L);
  int at = luaL_checkoption(L, 2, NULL, option_names), value;
  ar_err err;
  (void)ar_check_lfd_open(L, &s->lfd);
  err = ar_sock_get(ar_lsock_number(s), option_numbers[at].level,
                    option_numbers[at].option, &value);
  if (err != 0)
    ar_raise_oserror(L, err, option_names[at]);
  lua_pushinteger(L, value);
  return 1;
}

/* ---- the module --------------------------------------------------------- */

static const luaL_Reg common[] = {{"aclose", socket_aclose},
                                  {"_bind", socket_bind},
                                  {"_bind_path", ar_lsock_bind_path},
                                  {"_close", socket_close},
                                  {"_descriptor", socket_descriptor},
                                  {"_family", socket_family},
                                  {"_local", socket_local},
                                  {"_peer", socket_peer},
                                  {"_get", socket_get},
                                  {"_get_option", ar_lsock_get_option},
                                  {"_set_option", ar_lsock_set_option},
                                  {"_set", socket_set},
                                  {"__close", socket_aclose},
                                  {"__gc", socket_gc},
                                  {NULL, NULL}};

/* methods(class, kind, hands descriptors on) -> class */
static int socket_methods(lua_State *L) {
  static void (*const adders[])(lua_State *) = {
      ar_lsock_stream_methods, ar_lsock_listener_methods,
      ar_lsock_datagram_methods, ar_lsock_plain_methods};
  int kind;
  bool hands_on;
  luaL_checktype(L, 1, LUA_TTABLE);
  kind = luaL_checkoption(L, 2, NULL, kinds);
  hands_on = lua_toboolean(L, 3);
  lua_settop(L, 1);
  luaL_setfuncs(L, common, 0);
  adders[kind](L);
  if (hands_on)
    ar_lsock_fds_methods(L);
  return 1;
}

/* numeric(host) -> "AF_INET" or "AF_INET6", or nil: it is a name */
static int socket_numeric(lua_State *L) {
  size_t len;
  const char *host = luaL_checklstring(L, 1, &len);
  ar_addr a;
  ar_err err =
      strlen(host) == len ? ar_addr_parse(&a, AF_UNSPEC, host, 0) : AR_EINVAL;
  if (err != 0)
    return 0;
  ar_push_family(L, ar_addr_family(&a));
  return 1;
}

/* find(descriptor) -> the socket that has it, or nil */
static int socket_find(lua_State *L) {
  (void)luaL_checkinteger(L, 1);
  (void)ar_lfd_find(L, ar_to_fd_number(L, 1));
  return 1;
}

static const luaL_Reg functions[] = {{"methods", socket_methods},
                                     {"adopt_plain", ar_lsock_adopt_plain},
                                     {"find", socket_find},
                                     {"open_plain", ar_lsock_open_plain},
                                     {"socket_file", ar_lsock_file},
                                     {"take", ar_sockwatch_take},
                                     {"open", socket_open},
                                     {"adopt", ar_lsock_adopt},
                                     {"detach", ar_lsock_detach},
                                     {"inspect", ar_lsock_inspect},
                                     {"wait_readable", ar_wait_readable},
                                     {"wait_writable", ar_wait_writable},
                                     {"notify_closing", ar_notify_closing},
                                     {"close", ar_close_descriptor},
                                     {"numeric", socket_numeric},
                                     {NULL, NULL}};

int luaopen_anyrun_socket(lua_State *L) {
  ar_sockwatch_open(L);
  luaL_newlib(L, functions);
  return 1;
}
