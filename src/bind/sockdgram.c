/*
 * What a datagram socket can do: receive and send packets.
 *
 * A connected one has one peer: then there are no addresses. What the system
 * tells of earlier packets ("nobody listens there") is raised by the next
 * call. Packets wait in the kernel: nothing here keeps or drops any.
 */

#include "base/err.h"
#include "bind/laddr.h"
#include "bind/lsock.h"
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

/* Receive into `room`; -1: there is nothing. */
static int receive_into(lua_State *L, ar_lsock *s, char *room, size_t size) {
  size_t n;
  ar_addr from;
  ar_err err = ar_sock_receive_from(ar_lsock_number(s), room, size, &n, &from);
  if (err == AR_EAGAIN)
    return -1;
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

static int receivek(lua_State *L, int status, lua_KContext ctx);

static int wait_to_receive(lua_State *L, ar_lsock *s, ar_coro *c) {
  ar_op *op = ar_lfd_wait(L, &s->lfd, AR_SIDE_READ);
  s->reading = true;
  return ar_await(L, c, op, AR_AWAIT_UNDOES, "socket receive", receivek, 0);
}

static int receivek(lua_State *L, int status, lua_KContext ctx) {
  ar_lsock *s = lua_touserdata(L, 1);
  ar_coro *c;
  int n;
  (void)status;
  (void)ctx;
  s->reading = false;
  c = ar_awaited(L);
  (void)ar_check_lfd_open(L, &s->lfd);
  n = receive_once(L, s);
  return n >= 0 ? n : wait_to_receive(L, s, c);
}

/* receive(socket) -> data, host, port | data, path | data */
static int datagram_receive(lua_State *L) {
  ar_lsock *s = check_datagram(L);
  ar_coro *c = ar_coro_check(L);
  ar_check_lsock_free(L, s->reading, "reading from");
  lua_settop(L, 1);
  return wait_to_receive(L, s, c);
}

/* ---- send --------------------------------------------------------------- */

/* stack: socket, data, host or path, port */
static void check_destination(lua_State *L, const ar_lsock *s) {
  ar_addr to;
  if (!s->connected)
    ar_check_addr(L, 3, s->family, &to);
}

static ar_err send_once(lua_State *L, const ar_lsock *s) {
  size_t len, n;
  const char *data = lua_tolstring(L, 2, &len);
  ar_addr to;
  if (s->connected)
    return ar_sock_send(ar_lsock_number(s), data, len, &n);
  ar_check_addr(L, 3, s->family, &to); /* raises nothing: it was checked */
  return ar_sock_send_to(ar_lsock_number(s), data, len, &to);
}

static int sentk(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  (void)ar_gave_way(L);
  return 0;
}

static int sendk(lua_State *L, int status, lua_KContext ctx);

/* It was full. That the queue of a UNIX socket's destination is full, and
 * when no longer, can be asked only of a connected one. */
static int wait_to_send(lua_State *L, ar_lsock *s, ar_coro *c) {
  ar_op *op;
  if (s->family == AF_UNIX && !s->connected)
    return ar_lsock_back_off(L, s, c, "room in a socket", sendk);
  op = ar_lfd_wait(L, &s->lfd, AR_SIDE_WRITE);
  s->writing = true;
  return ar_await(L, c, op, AR_AWAIT_UNDOES, "socket send", sendk, 0);
}

static int sendk(lua_State *L, int status, lua_KContext ctx) {
  ar_lsock *s = lua_touserdata(L, 1);
  ar_coro *c;
  ar_err err;
  (void)status;
  (void)ctx;
  s->writing = false;
  c = ar_awaited(L);
  (void)ar_check_lfd_open(L, &s->lfd);
  err = send_once(L, s);
  if (err == AR_EAGAIN)
    return wait_to_send(L, s, c);
  if (err != 0)
    ar_lsock_broken(L, err, "cannot send");
  return 0;
}

static int cancelledk(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  (void)ar_awaited(L);
  return 0;
}

/* send(socket, data, host, port) | (socket, data, path) | (socket, data) */
static int datagram_send(lua_State *L) {
  ar_lsock *s = check_datagram(L);
  ar_coro *c;
  ar_err err;
  (void)luaL_checklstring(L, 2, NULL);
  check_destination(L, s);
  c = ar_coro_check(L);
  ar_check_lsock_free(L, s->writing, "writing to");
  lua_settop(L, 4);
  if (ar_task_pending(&c->task) != AR_CAUSE_NONE)
    return ar_await_cancelled(L, c, cancelledk, 0);
  s->tries = 0;
  err = send_once(L, s);
  if (err == 0)
    return ar_give_way(L, c, sentk, 0);
  if (err != AR_EAGAIN)
    ar_lsock_broken(L, err, "cannot send");
  return wait_to_send(L, s, c);
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
