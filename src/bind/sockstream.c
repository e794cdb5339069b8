/*
 * What a stream socket can do: connect, receive, send.
 */

#include "base/err.h"
#include "bind/laddr.h"
#include "bind/sockact.h"
#include "bind/sockchunk.h"
#include "host/raise.h"
#include "io/sock.h"

static ar_lsock *check_stream(lua_State *L) {
  return ar_check_lsock_kind(L, AR_LSOCK_STREAM);
}

/* How a connection was lost the system tells once; later it looks as if it had
 * ended. A broken pipe is none that was lost: it, or this side, has ended. */
AR_NORETURN static void lose(lua_State *L, ar_lsock *s, ar_err err,
                             const char *what) {
  if (err != AR_EPIPE && err != AR_ENOMEM && err != AR_ENOBUFS)
    s->lost = err;
  ar_lsock_broken(L, err, what);
}

/* ---- receive ------------------------------------------------------------ */

static int at_end(lua_State *L, const ar_lsock *s) {
  if (AR_UNLIKELY(s->lost != 0))
    ar_lsock_broken(L, s->lost, "cannot receive");
  switch (s->end) {
    case AR_LSOCK_END_IS_NIL: return 0;
    case AR_LSOCK_END_IS_EMPTY: lua_pushliteral(L, ""); return 1;
    case AR_LSOCK_END_RAISES: break;
  }
  ar_raise(L, "EndOfStream", "the other side sends no more");
}

static int receive_once(lua_State *L, ar_lsock *s) {
  size_t n;
  ar_err err = ar_sockchunk_receive(L, s, &n);
  if (err == AR_EAGAIN)
    return AR_SOCKACT_WAIT;
  if (AR_UNLIKELY(err != 0))
    lose(L, s, err, "cannot receive");
  return AR_LIKELY(n > 0) ? 1 : at_end(L, s);
}

static const ar_sockact receive_act = {"socket receive", AR_SIDE_READ,
                                       receive_once};

static size_t check_max(lua_State *L, int idx) {
  lua_Integer max = luaL_optinteger(L, idx, AR_SOCKCHUNK_MAX);
  if (max < 1)
    ar_raise(L, "ValueError", "max_bytes must be a positive integer");
  return max < AR_SOCKCHUNK_MAX ? (size_t)max : AR_SOCKCHUNK_MAX;
}

static int begin_to_receive(lua_State *L, size_t max, ar_lsock_end end) {
  ar_lsock *s = check_stream(L);
  ar_coro *c = ar_sockact_check(L, s, AR_SIDE_READ);
  s->end = end;
  s->max = max;
  ar_sockchunk_prepare(L, s);
  return ar_sockact_await(L, s, c, &receive_act);
}

/* receive(stream, max_bytes=65536) */
static int stream_receive(lua_State *L) {
  (void)check_stream(L);
  return begin_to_receive(L, check_max(L, 2), AR_LSOCK_END_RAISES);
}

/* A step of a loop over the stream. */
static int stream_next(lua_State *L) {
  return begin_to_receive(L, AR_SOCKCHUNK_MAX, AR_LSOCK_END_IS_NIL);
}

static int is_not(lua_State *L) {
  lua_pushboolean(L, false);
  return 1;
}

/* _receive_some(stream, max_bytes=65536) -> bytes; false: no such number */
static int stream_receive_some(lua_State *L) {
  if (AR_UNLIKELY(!lua_isnoneornil(L, 2) &&
                  (!lua_isinteger(L, 2) || lua_tointeger(L, 2) < 1)))
    return is_not(L);
  return begin_to_receive(L, check_max(L, 2), AR_LSOCK_END_IS_EMPTY);
}

/* ---- send --------------------------------------------------------------- */

void ar_lsock_check_data(lua_State *L, ar_lsock *s) {
  s->data = luaL_checklstring(L, 2, &s->len);
  s->sent = 0;
}

int ar_lsock_send_once(lua_State *L, ar_lsock *s) {
  size_t n;
  ar_err err;
  if (AR_UNLIKELY(s->len == s->sent))
    return 0;
  err =
      ar_sock_send(ar_lsock_number(s), s->data + s->sent, s->len - s->sent, &n);
  if (err == AR_EAGAIN)
    return AR_SOCKACT_WAIT;
  if (AR_UNLIKELY(err != 0))
    lose(L, s, err, "cannot send");
  s->sent += n;
  return AR_LIKELY(s->sent == s->len) ? 0 : AR_SOCKACT_WAIT;
}

static const ar_sockact send_act = {"socket send", AR_SIDE_WRITE,
                                    ar_lsock_send_once};

static int begin_to_send(lua_State *L, ar_lsock *s) {
  ar_coro *c = ar_sockact_check(L, s, AR_SIDE_WRITE);
  ar_lsock_check_data(L, s);
  return ar_sockact_try(L, s, c, &send_act);
}

/* send(stream, data) */
static int stream_send(lua_State *L) {
  return begin_to_send(L, check_stream(L));
}

/* _send_all(stream, data); false: no string */
static int stream_send_all(lua_State *L) {
  return lua_type(L, 2) == LUA_TSTRING ? begin_to_send(L, check_stream(L))
                                       : is_not(L);
}

static int ready_once(lua_State *L, ar_lsock *s) {
  (void)L;
  (void)s;
  return 0;
}

static const ar_sockact ready_act = {"socket send", AR_SIDE_WRITE, ready_once};

/* _wait_to_send(stream): until the kernel would take something */
static int stream_wait_to_send(lua_State *L) {
  ar_lsock *s = check_stream(L);
  ar_coro *c = ar_sockact_check(L, s, AR_SIDE_WRITE);
  lua_settop(L, 1);
  return ar_sockact_await(L, s, c, &ready_act);
}

/* send_eof(stream): also when it was ended before, or by the other side */
static int stream_send_eof(lua_State *L) {
  ar_lsock *s = check_stream(L);
  ar_err err;
  ar_check_lsock_free(L, s->busy[AR_SIDE_WRITE], "writing to");
  err = ar_sock_shut_sending(ar_lsock_number(s));
  if (err != 0 && err != AR_ENOTCONN)
    ar_lsock_broken(L, err, "cannot end sending");
  return 0;
}

/* ---- connect ------------------------------------------------------------ */

AR_NORETURN static void raise_refused(lua_State *L, ar_err err) {
  ar_raise_oserror(
      L, err, lua_pushfstring(L, "cannot connect to %s", lua_tostring(L, 2)));
}

/* stack: stream, text, host or path, port */
static int connect_once(lua_State *L, ar_lsock *s) {
  ar_err err;
  ar_addr to;
  if (s->connecting) { /* that is decided */
    err = ar_sock_pending_error(ar_lsock_number(s));
  } else {
    ar_check_addr(L, 3, s->family, &to); /* raises nothing: it was checked */
    err = ar_sock_connect(ar_lsock_number(s), &to);
    s->connecting = err == AR_EINPROGRESS;
  }
  if (err == AR_EINPROGRESS)
    return AR_SOCKACT_WAIT;
  if (err == AR_EAGAIN) /* a UNIX listener's queue is full */
    return AR_SOCKACT_LATER;
  if (err != 0)
    raise_refused(L, err);
  return 0;
}

static const ar_sockact connect_act = {"socket connect", AR_SIDE_WRITE,
                                       connect_once};

/* _connect(stream, host, port) or _connect(stream, path). Who is cancelled
 * meanwhile has to close it. */
static int stream_connect(lua_State *L) {
  ar_lsock *s = check_stream(L);
  ar_coro *c = ar_sockact_check(L, s, AR_SIDE_WRITE);
  ar_addr to;
  ar_check_addr(L, 2, s->family, &to);
  lua_settop(L, 3);
  (void)ar_push_addr_text(L, &to);
  lua_insert(L, 2);
  s->connecting = false;
  return ar_sockact_try(L, s, c, &connect_act);
}

/* ---- the methods -------------------------------------------------------- */

static const luaL_Reg methods[] = {{"receive", stream_receive},
                                   {"send", stream_send},
                                   {"send_eof", stream_send_eof},
                                   {"_connect", stream_connect},
                                   {"_receive_some", stream_receive_some},
                                   {"_send_all", stream_send_all},
                                   {"_wait_to_send", stream_wait_to_send},
                                   {"__call", stream_next},
                                   {NULL, NULL}};

void ar_lsock_stream_methods(lua_State *L) {
  luaL_setfuncs(L, methods, 0);
}
