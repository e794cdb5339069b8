/*
 * What a plain socket can do: the system's calls, none of which waits.
 *
 * For asyncio's transports, which act when a callback says that the descriptor
 * is ready, and for scripts that want the calls themselves. What would have to
 * wait says so by nil; the caller waits (`_wait`) or is called (`_watch`), and
 * asks again. What transports do with each piece of data returns its error.
 */

#include <string.h>

#include "base/err.h"
#include "bind/laddr.h"
#include "bind/sockchunk.h"
#include "bind/sockwatch.h"
#include "bind/luax.h"
#include "host/raise.h"
#include "io/sock.h"

/* What a receive takes at most at a time, however much is wanted. */
#define CHUNK 65536

static const char *const sides[] = {"read", "write", NULL};

static ar_lsock *check_plain(lua_State *L) {
  return ar_check_lsock_kind(L, AR_LSOCK_PLAIN);
}

/* True: done. False: it would have to wait. Raises. */
static bool check_done(lua_State *L, ar_err err, const char *what) {
  if (err == AR_EAGAIN)
    return false;
  if (AR_UNLIKELY(err != 0))
    ar_raise_oserror(L, err, what);
  return true;
}

/* ---- bytes -------------------------------------------------------------- */

static size_t check_max(lua_State *L, int idx) {
  lua_Integer max = luaL_checkinteger(L, idx);
  if (max < 0)
    ar_raise(L, "ValueError", "the number of bytes must not be negative");
  return max < CHUNK ? (size_t)max : CHUNK;
}

/* [-0, +2] nil and the error. */
static int refuse(lua_State *L, ar_err err, const char *what) {
  lua_pushnil(L);
  ar_push_oserror(L, err, what);
  return 2;
}

/* _receive_now(socket, max) -> bytes, none at the end; nil: nothing is there;
 * nil and an error */
static int plain_receive(lua_State *L) {
  ar_lsock *s = check_plain(L);
  size_t n;
  ar_err err;
  s->max = check_max(L, 2);
  lua_settop(L, 2);
  ar_sockchunk_prepare(L, s);
  err = ar_sockchunk_receive(L, s, &n);
  if (err == AR_EAGAIN)
    return 0;
  if (AR_UNLIKELY(err != 0))
    return refuse(L, err, "cannot receive");
  if (n == 0)
    lua_pushliteral(L, "");
  return 1;
}

/* _receive_from_now(socket, max) -> bytes, host, port or path; nil */
static int plain_receive_from(lua_State *L) {
  ar_lsock *s = check_plain(L);
  size_t n, max = check_max(L, 2);
  ar_addr from;
  char room[CHUNK];
  if (!check_done(
          L, ar_sock_receive_from(ar_lsock_number(s), room, max, &n, &from),
          "cannot receive"))
    return 0;
  lua_pushlstring(L, room, n);
  return 1 + ar_push_addr(L, &from);
}

/* _send_now(socket, bytes, from) -> true: all were taken that come after the
 * first `from` ones; how many of them; nil and an error; false: no string */
static int plain_send(lua_State *L) {
  ar_lsock *s = check_plain(L);
  size_t n = 0, length, from;
  const char *data;
  ar_err err = 0;
  if (AR_UNLIKELY(lua_type(L, 2) != LUA_TSTRING)) {
    lua_pushboolean(L, false);
    return 1;
  }
  data = lua_tolstring(L, 2, &length);
  from = (size_t)luaL_optinteger(L, 3, 0);
  luaL_argcheck(L, from <= length, 3, "beyond the end");
  if (AR_LIKELY(from < length))
    err = ar_sock_send(ar_lsock_number(s), data + from, length - from, &n);
  if (AR_UNLIKELY(err != 0 && err != AR_EAGAIN))
    return refuse(L, err, "cannot send");
  if (AR_LIKELY(n == length - from))
    lua_pushboolean(L, true);
  else
    lua_pushinteger(L, (lua_Integer)n);
  return 1;
}

/* _send_datagram_now(socket, bytes) -> was it taken? To the connected peer. */
static int plain_send_datagram(lua_State *L) {
  ar_lsock *s = check_plain(L);
  size_t n, length;
  const char *data = luaL_checklstring(L, 2, &length);
  lua_pushboolean(
      L, check_done(L, ar_sock_send(ar_lsock_number(s), data, length, &n),
                    "cannot send"));
  return 1;
}

/* _send_to_now(socket, bytes, host, port or path) -> was it taken? */
static int plain_send_to(lua_State *L) {
  ar_lsock *s = check_plain(L);
  size_t length;
  const char *data = luaL_checklstring(L, 2, &length);
  ar_addr to;
  ar_check_addr(L, 3, s->family, &to);
  lua_pushboolean(
      L, check_done(L, ar_sock_send_to(ar_lsock_number(s), data, length, &to),
                    "cannot send"));
  return 1;
}

/* ---- connections -------------------------------------------------------- */

/* A stream that has a peer has it for good. Linux says so only from the second
 * call on where the connection was waited for. */
static bool is_connected(int fd) {
  ar_addr peer;
  int family, type;
  return ar_sock_peer(fd, &peer) == 0 &&
         ar_sock_kind(fd, &family, &type) == 0 && type == SOCK_STREAM;
}

/* _connect_now(socket, host, port or path) -> done? Else it can be written to
 * once that is decided, and _pending_error tells. */
static int plain_connect(lua_State *L) {
  ar_lsock *s = check_plain(L);
  ar_addr to;
  ar_err err;
  ar_check_addr(L, 2, s->family, &to);
  err = is_connected(ar_lsock_number(s))
            ? AR_EISCONN
            : ar_sock_connect(ar_lsock_number(s), &to);
  if (err != 0 && err != AR_EINPROGRESS)
    ar_raise_oserror(
        L, err,
        lua_pushfstring(L, "cannot connect to %s", ar_push_addr_text(L, &to)));
  lua_pushboolean(L, err == 0);
  return 1;
}

/* _pending_error(socket, what): raises what went wrong, if anything did */
static int plain_pending_error(lua_State *L) {
  ar_lsock *s = check_plain(L);
  ar_err err = ar_sock_pending_error(ar_lsock_number(s));
  if (err != 0)
    ar_raise_oserror(L, err, luaL_checkstring(L, 2));
  return 0;
}

/* _listen(socket, backlog) */
static int plain_listen(lua_State *L) {
  ar_lsock *s = check_plain(L);
  (void)check_done(L,
                   ar_sock_listen(ar_lsock_number(s), ar_check_backlog(L, 2)),
                   "cannot listen");
  return 0;
}

/* _accept_now(socket) -> socket of the same class; nil: nobody is there */
static int plain_accept(lua_State *L) {
  ar_lsock *s = check_plain(L);
  ar_lsock *made;
  int fd;
  lua_settop(L, 1);
  lua_getmetatable(L, 1);
  made = ar_lsock_new(L, 2, AR_LSOCK_PLAIN);
  if (!check_done(L, ar_sock_accept(ar_lsock_number(s), &fd), "cannot accept"))
    return 0;
  ar_lsock_open(L, made, s->lfd.run, s->family, fd);
  return 1;
}

/* _shut_sending(socket) */
static int plain_shut_sending(lua_State *L) {
  ar_lsock *s = check_plain(L);
  (void)check_done(L, ar_sock_shut_sending(ar_lsock_number(s)),
                   "cannot end sending");
  return 0;
}

/* ---- readiness ---------------------------------------------------------- */

static ar_side check_side(lua_State *L) {
  return (ar_side)luaL_checkoption(L, 2, NULL, sides);
}

static void check_free(lua_State *L, const ar_lsock *s, ar_side side) {
  bool held = ar_op_is_pending(ar_fd_op(s->lfd.fd, side));
  ar_check_lsock_free(L, held,
                      side == AR_SIDE_READ ? "reading from" : "writing to");
}

static int waitk(lua_State *L, int status, lua_KContext ctx) {
  ar_lsock *s = lua_touserdata(L, 1);
  (void)status;
  (void)ctx;
  (void)ar_awaited(L);
  (void)ar_check_lfd_open(L, &s->lfd);
  return 0;
}

/* _wait(socket, "read" or "write"): until that side is ready */
static int plain_wait(lua_State *L) {
  ar_lsock *s = check_plain(L);
  ar_side side = check_side(L);
  ar_coro *c = ar_coro_check(L);
  ar_op *op;
  check_free(L, s, side);
  lua_settop(L, 1);
  op = ar_lfd_wait(L, &s->lfd, side);
  return ar_await(L, c, op, AR_AWAIT_UNDOES, "socket", waitk, 0);
}

/* _watch(socket, side, f, x) -> watch: f(x) is called each time that the side
 * is ready, see sockwatch.h */
static int plain_watch(lua_State *L) {
  ar_lsock *s = check_plain(L);
  ar_side side = check_side(L);
  luaL_checktype(L, 3, LUA_TFUNCTION);
  check_free(L, s, side);
  lua_settop(L, 4);
  return ar_sockwatch_new(L, s, side, 3, 4);
}

/* ---- the methods -------------------------------------------------------- */

static const luaL_Reg methods[] = {{"_accept_now", plain_accept},
                                   {"_connect_now", plain_connect},
                                   {"_listen", plain_listen},
                                   {"_pending_error", plain_pending_error},
                                   {"_receive_from_now", plain_receive_from},
                                   {"_receive_now", plain_receive},
                                   {"_send_datagram_now", plain_send_datagram},
                                   {"_send_now", plain_send},
                                   {"_send_to_now", plain_send_to},
                                   {"_shut_sending", plain_shut_sending},
                                   {"_wait", plain_wait},
                                   {"_watch", plain_watch},
                                   {NULL, NULL}};

void ar_lsock_plain_methods(lua_State *L) {
  luaL_setfuncs(L, methods, 0);
}

/* ---- making ------------------------------------------------------------- */

/* open_plain(class, family, "stream" or "datagram") -> socket */
int ar_lsock_open_plain(lua_State *L) {
  static const char *const types[] = {"SOCK_STREAM", "SOCK_DGRAM", NULL};
  static const int numbers[] = {SOCK_STREAM, SOCK_DGRAM};
  ar_lrun *run = ar_check_run(L);
  int family, type, fd;
  ar_lsock *s;
  ar_err err;
  luaL_checktype(L, 1, LUA_TTABLE);
  family = ar_check_family(L, 2);
  type = numbers[luaL_checkoption(L, 3, NULL, types)];
  s = ar_lsock_new(L, 1, AR_LSOCK_PLAIN);
  err = ar_sock_open(family, type, &fd);
  if (err != 0)
    ar_raise_oserror(L, err, "cannot make a socket");
  ar_lsock_open(L, s, run, family, fd);
  return 1;
}

/* adopt_plain(class, descriptor, owned) -> socket; one that is no socket can
 * only be waited for */
int ar_lsock_adopt_plain(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  int fd, family = AF_UNSPEC, type;
  bool owned = lua_toboolean(L, 3);
  ar_lsock *s;
  ar_err err;
  luaL_checktype(L, 1, LUA_TTABLE);
  (void)luaL_checkinteger(L, 2);
  fd = ar_to_fd_number(L, 2);
  s = ar_lsock_new(L, 1, AR_LSOCK_PLAIN);
  err = ar_sock_kind(fd, &family, &type);
  if (err == AR_ENOTSOCK && !owned)
    err = 0;
  if (err == 0 && owned)
    err = ar_sock_unblock(fd);
  if (err != 0)
    ar_raise_oserror(L, err, lua_pushfstring(L, "descriptor %d", fd));
  s->family = family;
  ar_lfd_open(L, &s->lfd, run, fd, owned);
  return 1;
}

/* socket_file(path) -> which file it is, where a socket lies there; or nil */
int ar_lsock_file(lua_State *L) {
  uint64_t device, number;
  if (ar_sock_file(luaL_checkstring(L, 1), &device, &number) != 0)
    return 0;
  lua_pushfstring(L, "%I:%I", (LUAI_UACINT)device, (LUAI_UACINT)number);
  return 1;
}
