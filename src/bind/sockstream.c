/*
 * What a stream socket can do: connect, receive, send.
 *
 * To receive is to wait until there is something, then to take it: the wait
 * is the checkpoint, nothing is asked in vain, and as long as it lasts no
 * byte has been taken that a cancellation could lose. To send is to hand the
 * kernel as much as it takes at once; only what it does not take is waited
 * for.
 */

#include "base/err.h"
#include "bind/sockchunk.h"
#include "bind/laddr.h"
#include "bind/lsock.h"
#include "host/raise.h"
#include "io/sock.h"

static ar_lsock *check_stream(lua_State *L) {
  return ar_check_lsock_kind(L, AR_LSOCK_STREAM);
}

/* ---- receive ------------------------------------------------------------ */

static int at_end(lua_State *L, const ar_lsock *s) {
  switch (s->end) {
    case AR_LSOCK_END_IS_NIL: return 0;
    case AR_LSOCK_END_IS_EMPTY: lua_pushliteral(L, ""); return 1;
    case AR_LSOCK_END_RAISES: break;
  }
  ar_raise(L, "EndOfStream", "the other side sends no more");
}

/* Receive what is there: how many results that made, -1: nothing is. */
static int receive_once(lua_State *L, ar_lsock *s) {
  size_t n;
  ar_err err = ar_sockchunk_receive(L, s, &n);
  if (err == AR_EAGAIN)
    return -1;
  if (AR_UNLIKELY(err != 0))
    ar_lsock_broken(L, err, "cannot receive");
  return AR_LIKELY(n > 0) ? 1 : at_end(L, s);
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
  return AR_LIKELY(n >= 0) ? n : wait_to_receive(L, s, c);
}

static size_t check_max(lua_State *L, int idx) {
  lua_Integer max = luaL_optinteger(L, idx, AR_SOCKCHUNK_MAX);
  if (max < 1)
    ar_raise(L, "ValueError", "max_bytes must be a positive integer");
  return max < AR_SOCKCHUNK_MAX ? (size_t)max : AR_SOCKCHUNK_MAX;
}

static int begin_to_receive(lua_State *L, size_t max, ar_lsock_end end) {
  ar_lsock *s = check_stream(L);
  ar_coro *c = ar_coro_check(L);
  ar_check_lsock_free(L, s->reading, "reading from");
  s->end = end;
  s->max = max;
  ar_sockchunk_prepare(L, s);
  lua_settop(L, 1);
  return wait_to_receive(L, s, c);
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

/* _receive_some(stream, max_bytes=65536) */
static int stream_receive_some(lua_State *L) {
  return begin_to_receive(L, check_max(L, 2), AR_LSOCK_END_IS_EMPTY);
}

/* ---- send --------------------------------------------------------------- */

/* Send on, from where it stands: true when all is sent. */
static bool send_once(lua_State *L, ar_lsock *s) {
  size_t len, n;
  const char *data = lua_tolstring(L, 2, &len);
  ar_err err = 0;
  if (len > s->sent)
    err = ar_sock_send(ar_lsock_number(s), data + s->sent, len - s->sent, &n);
  if (err == AR_EAGAIN)
    return false;
  if (AR_UNLIKELY(err != 0))
    ar_lsock_broken(L, err, "cannot send");
  if (len > s->sent)
    s->sent += n;
  return s->sent == len;
}

static int sentk(lua_State *L, int status, lua_KContext ctx) {
  ar_lsock *s = lua_touserdata(L, 1);
  (void)status;
  (void)ctx;
  s->writing = false;
  (void)ar_gave_way(L);
  return 0;
}

/* It is done. Somebody else who sends before this call returns is refused, as
 * ever: whether the kernel took all at once makes no difference. */
static int give_way(lua_State *L, ar_lsock *s, ar_coro *c) {
  s->writing = true;
  return ar_give_way(L, c, sentk, 0);
}

static int cancelledk(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  (void)ar_awaited(L);
  return 0;
}

static int sendk(lua_State *L, int status, lua_KContext ctx);

/* The kernel has taken as much as it can. */
static int wait_to_send(lua_State *L, ar_lsock *s, ar_coro *c) {
  ar_op *op = ar_lfd_wait(L, &s->lfd, AR_SIDE_WRITE);
  s->writing = true;
  return ar_await(L, c, op, AR_AWAIT_UNDOES, "socket send", sendk, 0);
}

int ar_lsock_send_rest(lua_State *L, ar_lsock *s, ar_coro *c) {
  return wait_to_send(L, s, c);
}

static int sendk(lua_State *L, int status, lua_KContext ctx) {
  ar_lsock *s = lua_touserdata(L, 1);
  ar_coro *c;
  (void)status;
  (void)ctx;
  s->writing = false;
  c = ar_awaited(L);
  (void)ar_check_lfd_open(L, &s->lfd);
  return AR_LIKELY(send_once(L, s)) ? 0 : wait_to_send(L, s, c);
}

/* send(stream, data) */
static int stream_send(lua_State *L) {
  ar_lsock *s = check_stream(L);
  ar_coro *c;
  (void)luaL_checklstring(L, 2, NULL);
  c = ar_coro_check(L);
  ar_check_lsock_free(L, s->writing, "writing to");
  lua_settop(L, 2);
  if (AR_UNLIKELY(ar_task_pending(&c->task) != AR_CAUSE_NONE))
    return ar_await_cancelled(L, c, cancelledk, 0);
  s->sent = 0;
  if (AR_LIKELY(send_once(L, s)))
    return give_way(L, s, c);
  return wait_to_send(L, s, c); /* stack: stream, data */
}

static int may_sendk(lua_State *L, int status, lua_KContext ctx) {
  ar_lsock *s = lua_touserdata(L, 1);
  (void)status;
  (void)ctx;
  s->writing = false;
  (void)ar_awaited(L);
  (void)ar_check_lfd_open(L, &s->lfd);
  return 0;
}

/* _wait_to_send(stream): until the kernel would take something */
static int stream_wait_to_send(lua_State *L) {
  ar_lsock *s = check_stream(L);
  ar_coro *c = ar_coro_check(L);
  ar_op *op;
  ar_check_lsock_free(L, s->writing, "writing to");
  lua_settop(L, 1);
  op = ar_lfd_wait(L, &s->lfd, AR_SIDE_WRITE);
  s->writing = true;
  return ar_await(L, c, op, AR_AWAIT_UNDOES, "socket send", may_sendk, 0);
}

/* send_eof(stream): also when it was ended before, or by the other side */
static int stream_send_eof(lua_State *L) {
  ar_lsock *s = check_stream(L);
  ar_err err;
  ar_check_lsock_free(L, s->writing, "writing to");
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

static int connectk(lua_State *L, int status, lua_KContext ctx) {
  ar_lsock *s = lua_touserdata(L, 1);
  ar_err err;
  (void)status;
  (void)ctx;
  s->writing = false;
  (void)ar_awaited(L);
  err = ar_sock_pending_error(ar_fd_number(ar_check_lfd_open(L, &s->lfd)));
  if (err != 0)
    raise_refused(L, err);
  return 0;
}

static int retryk(lua_State *L, int status, lua_KContext ctx);

static int connect_to(lua_State *L, ar_lsock *s, ar_coro *c,
                      const ar_addr *to) {
  ar_op *op;
  ar_err err = ar_sock_connect(ar_lsock_number(s), to);
  if (err == 0)
    return give_way(L, s, c);
  if (err == AR_EAGAIN) /* a UNIX listener's queue is full */
    return ar_lsock_back_off(L, s, c, "socket connect", retryk);
  if (err != AR_EINPROGRESS)
    raise_refused(L, err);
  op = ar_lfd_wait(L, &s->lfd, AR_SIDE_WRITE);
  s->writing = true;
  return ar_await(L, c, op, AR_AWAIT_UNDOES, "socket connect", connectk, 0);
}

static int retryk(lua_State *L, int status, lua_KContext ctx) {
  ar_lsock *s = lua_touserdata(L, 1);
  ar_coro *c;
  ar_addr to;
  (void)status;
  (void)ctx;
  s->writing = false;
  c = ar_awaited(L);
  (void)ar_check_lfd_open(L, &s->lfd);
  ar_check_addr(L, 3, s->family, &to);
  return connect_to(L, s, c, &to);
}

/* _connect(stream, host, port) or _connect(stream, path). Who is cancelled
 * meanwhile has to close it. */
static int stream_connect(lua_State *L) {
  ar_lsock *s = check_stream(L);
  ar_coro *c = ar_coro_check(L);
  ar_addr to;
  ar_check_addr(L, 2, s->family, &to);
  lua_settop(L, 3);
  (void)ar_push_addr_text(L, &to);
  lua_insert(L, 2); /* stack: stream, text, host or path, port */
  if (ar_task_pending(&c->task) != AR_CAUSE_NONE)
    return ar_await_cancelled(L, c, cancelledk, 0);
  s->tries = 0;
  return connect_to(L, s, c, &to);
}

/* ---- the methods -------------------------------------------------------- */

static const luaL_Reg methods[] = {{"receive", stream_receive},
                                   {"send", stream_send},
                                   {"send_eof", stream_send_eof},
                                   {"_connect", stream_connect},
                                   {"_receive_some", stream_receive_some},
                                   {"_wait_to_send", stream_wait_to_send},
                                   {"__call", stream_next},
                                   {NULL, NULL}};

void ar_lsock_stream_methods(lua_State *L) {
  luaL_setfuncs(L, methods, 0);
}
