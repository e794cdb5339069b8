/*
 * What a datagram socket can do: receive and send packets.
 *
 * A connected one has one peer: then there are no addresses. What the system
 * tells of earlier packets ("nobody listens there") is raised by the next
 * call. Packets wait in the kernel: nothing here keeps or drops any.
 */

#include "base/err.h"
#include "bind/laddr.h"
#include "bind/sockact.h"
#include "host/raise.h"
#include "io/sock.h"

/* The largest packet of UDP is a little smaller. */
#define CHUNK 65536

static ar_lsock *check_datagram(lua_State *L) {
  return ar_check_lsock_kind(L, AR_LSOCK_DATAGRAM);
}

/* ---- receive ------------------------------------------------------------ */

/* [-0, +1 to 3] The packet; where from, unless it can only be the peer. */
static int push_packet(lua_State *L, const ar_lsock *s, const char *data,
                       size_t n, const ar_addr *from) {
  lua_pushlstring(L, data, n);
  return s->connected ? 1 : 1 + ar_push_addr(L, from);
}

static int receive_into(lua_State *L, ar_lsock *s, char *room, size_t size) {
  size_t n;
  ar_addr from;
  ar_err err = ar_sock_receive_from(ar_lsock_number(s), room, size, &n, &from);
  if (err == AR_EAGAIN)
    return AR_SOCKACT_WAIT;
  if (err != 0)
    ar_lsock_broken(L, err, "cannot receive");
  return push_packet(L, s, room, n, &from);
}

static int receive_once(lua_State *L, ar_lsock *s) {
  char chunk[CHUNK];
  size_t size = 0;
  if (s->family == AF_UNIX) /* there they have no largest size */
    size = ar_sock_next_size(ar_lsock_number(s));
  if (size > sizeof chunk)
    return receive_into(L, s, lua_newuserdatauv(L, size, 0), size);
  return receive_into(L, s, chunk, sizeof chunk);
}

static const ar_sockact receive_act = {"socket receive", AR_SIDE_READ,
                                       receive_once};

/* receive(socket) -> data, host, port | data, path | data */
static int datagram_receive(lua_State *L) {
  ar_lsock *s = check_datagram(L);
  ar_coro *c = ar_sockact_check(L, s, AR_SIDE_READ);
  lua_settop(L, 1);
  return ar_sockact_await(L, s, c, &receive_act);
}

/* ---- send --------------------------------------------------------------- */

/* stack: socket, data, host or path, port */
static void check_destination(lua_State *L, const ar_lsock *s) {
  ar_addr to;
  if (!s->connected)
    ar_check_addr(L, 3, s->family, &to);
}

/* Is the host a name, for which somebody has to be asked? */
static bool is_named(lua_State *L, const ar_lsock *s) {
  ar_addr to;
  return !s->connected && s->family != AF_UNIX &&
         lua_type(L, 3) == LUA_TSTRING &&
         ar_addr_parse(&to, AF_UNSPEC, lua_tostring(L, 3), 0) == AR_EINVAL;
}

static int namedk(lua_State *L, int status, lua_KContext ctx) {
  (void)L;
  (void)status;
  (void)ctx;
  return 0;
}

static ar_err send_packet(lua_State *L, const ar_lsock *s) {
  size_t len, n;
  const char *data = lua_tolstring(L, 2, &len);
  ar_addr to;
  if (s->connected)
    return ar_sock_send(ar_lsock_number(s), data, len, &n);
  ar_check_addr(L, 3, s->family, &to); /* raises nothing: it was checked */
  return ar_sock_send_to(ar_lsock_number(s), data, len, &to);
}

/* [-0, +n] Where to, unless that was said when it was connected. */
static const char *what_failed(lua_State *L, const ar_lsock *s) {
  ar_addr to;
  if (s->connected)
    return "cannot send";
  ar_check_addr(L, 3, s->family, &to);
  return lua_pushfstring(L, "cannot send to %s", ar_push_addr_text(L, &to));
}

/* That the queue of a UNIX socket's destination is full, and when no longer,
 * can be asked only of a connected one. */
static int send_once(lua_State *L, ar_lsock *s) {
  ar_err err = send_packet(L, s);
  if (err == AR_EAGAIN)
    return s->family == AF_UNIX && !s->connected ? AR_SOCKACT_LATER
                                                 : AR_SOCKACT_WAIT;
  if (err != 0)
    ar_lsock_broken(L, err, what_failed(L, s));
  return 0;
}

static const ar_sockact send_act = {"socket send", AR_SIDE_WRITE, send_once};

/* send(socket, data, host, port) | (socket, data, path) | (socket, data) */
static int datagram_send(lua_State *L) {
  ar_lsock *s = check_datagram(L);
  ar_coro *c;
  (void)luaL_checklstring(L, 2, NULL);
  if (is_named(L, s) && luaL_getmetafield(L, 1, "_send_named") != LUA_TNIL) {
    lua_insert(L, 1);
    lua_callk(L, lua_gettop(L) - 1, 0, 0, namedk);
    return 0;
  }
  check_destination(L, s);
  c = ar_sockact_check(L, s, AR_SIDE_WRITE);
  lua_settop(L, 4);
  return ar_sockact_try(L, s, c, &send_act);
}

/* ---- connect ------------------------------------------------------------ */

/* _connect(socket, host, port) | (socket, path): only says who the peer is */
static int datagram_connect(lua_State *L) {
  ar_lsock *s = check_datagram(L);
  ar_addr a;
  ar_err err;
  ar_check_addr(L, 2, s->family, &a);
  err = ar_sock_connect(ar_lsock_number(s), &a);
  if (err != 0)
    ar_raise_oserror(
        L, err,
        lua_pushfstring(L, "cannot connect to %s", ar_push_addr_text(L, &a)));
  s->connected = true;
  return 0;
}

/* ---- the methods -------------------------------------------------------- */

static const luaL_Reg methods[] = {
    {"receive", datagram_receive}, {"send", datagram_send},
    {"sendto", datagram_send},     {"_connect", datagram_connect},
    {"__call", datagram_receive},  {NULL, NULL}};

void ar_lsock_datagram_methods(lua_State *L) {
  luaL_setfuncs(L, methods, 0);
}
