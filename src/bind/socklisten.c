/*
 * What a socket does to be found: bind to a path, listen, accept.
 */

#include "base/err.h"
#include "base/mem.h"
#include "bind/laddr.h"
#include "bind/lsock.h"
#include "bind/seek.h"
#include "host/raise.h"
#include "io/sock.h"

/* The stack of who accepts. */
#define STREAM 2 /* what the connection will be: made before there is one */

static ar_lsock *check_listener(lua_State *L) {
  return ar_check_lsock_kind(L, AR_LSOCK_LISTENER);
}

int ar_check_backlog(lua_State *L, int idx) {
  lua_Integer n = luaL_checkinteger(L, idx);
  return n < 0 ? 0 : n > UINT16_MAX ? UINT16_MAX : (int)n;
}

/* _listen(listener, backlog, class of accepted streams) */
static int listener_listen(lua_State *L) {
  ar_lsock *s = check_listener(L);
  int backlog = ar_check_backlog(L, 2);
  ar_err err;
  luaL_checktype(L, 3, LUA_TTABLE);
  lua_settop(L, 3);
  lua_setiuservalue(L, 1, AR_LSOCK_UV_CLASS);
  err = ar_sock_listen(ar_lsock_number(s), backlog);
  if (err != 0)
    ar_raise_oserror(L, err, "cannot listen");
  return 0;
}

/* ---- accept ------------------------------------------------------------- */

typedef enum {
  ACCEPTED,
  NOBODY,   /* wait until somebody is there */
  TOO_MANY, /* wait until the system has something to give */
  FAILED
} verdict;

/* Errors of one connection, which is gone: there may be others. */
static verdict judge(ar_err err) {
  switch (err) {
    case 0: return ACCEPTED;
    case AR_EAGAIN:
    case AR_ECONNABORTED:
    case AR_EPROTO:
    case AR_ENETDOWN:
    case AR_ENETUNREACH:
    case AR_EHOSTDOWN:
    case AR_EHOSTUNREACH:
    case AR_ENOPROTOOPT:
    case AR_ENONET:
    case AR_ENOTSUP:
    case AR_ETIMEDOUT:
    case AR_EPERM: return NOBODY;
    case AR_EMFILE:
    case AR_ENFILE:
    case AR_ENOBUFS:
    case AR_ENOMEM: return TOO_MANY;
    default: return FAILED;
  }
}

static int acceptk(lua_State *L, int status, lua_KContext ctx);

static int wait_to_accept(lua_State *L, ar_lsock *s, ar_coro *c) {
  ar_op *op = ar_lfd_wait(L, &s->lfd, AR_SIDE_READ);
  s->busy[AR_SIDE_READ] = true;
  return ar_await(L, c, op, AR_AWAIT_UNDOES, "socket accept", acceptk, 0);
}

static int wait_for_better_times(lua_State *L, ar_lsock *s, ar_coro *c) {
  ar_seek_prepare(L, c);
  s->busy[AR_SIDE_READ] = true;
  return ar_seek(L, c, acceptk, 0);
}

static int accept_once(lua_State *L, ar_lsock *s, ar_coro *c) {
  int fd = -1;
  ar_err err = ar_sock_accept(ar_lsock_number(s), &fd);
  switch (judge(err)) {
    case ACCEPTED:
      ar_lsock_open(L, lua_touserdata(L, STREAM), s->lfd.run, s->family, fd);
      return 1;
    case NOBODY: return wait_to_accept(L, s, c);
    case TOO_MANY:
      if (s->impatient)
        break;
      return wait_for_better_times(L, s, c);
    case FAILED: break;
  }
  ar_raise_oserror(L, err, "cannot accept");
}

static int acceptk(lua_State *L, int status, lua_KContext ctx) {
  ar_lsock *s = lua_touserdata(L, 1);
  ar_coro *c;
  (void)status;
  (void)ctx;
  s->busy[AR_SIDE_READ] = false;
  c = ar_awaited(L);
  lua_settop(L, STREAM);
  (void)ar_check_lfd_open(L, &s->lfd);
  return accept_once(L, s, c);
}

static int begin_to_accept(lua_State *L, bool impatient) {
  ar_lsock *s = check_listener(L);
  ar_coro *c = ar_coro_check(L);
  ar_check_lsock_free(L, s->busy[AR_SIDE_READ], "accepting connections from");
  lua_settop(L, 1);
  if (lua_getiuservalue(L, 1, AR_LSOCK_UV_CLASS) != LUA_TTABLE)
    ar_raise(L, "RuntimeError", "this socket does not listen");
  (void)ar_lsock_new(L, 2, AR_LSOCK_STREAM);
  lua_replace(L, STREAM); /* stack: listener, stream */
  s->impatient = impatient;
  return wait_to_accept(L, s, c);
}

/* accept(listener) -> stream */
static int listener_accept(lua_State *L) {
  return begin_to_accept(L, false);
}

/* _accept_or_fail(listener) -> stream; raises where accept would wait for
 * descriptors, or memory */
static int listener_accept_or_fail(lua_State *L) {
  return begin_to_accept(L, true);
}

/* ---- a path: that asks the disk, hence is done in a thread -------------- */

typedef struct {
  ar_work work; /* first */
  int fd;
  int mode;
  ar_addr to;
} binding;

static void run_binding(ar_work *work) {
  binding *b = (binding *)work;
  work->result = ar_sock_bind_path(b->fd, &b->to, b->mode);
}

static void discard_binding(ar_work *work) {
  ar_mem_free(work, sizeof(binding));
}

static int boundk(lua_State *L, int status, lua_KContext ctx) {
  binding *b = (binding *)ctx;
  ar_lsock *s = lua_touserdata(L, 1);
  ar_err err = b->work.result;
  bool cancelled = ar_host_running(ar_host_of(L))->woken != 0;
  (void)status;
  s->busy[AR_SIDE_READ] = s->busy[AR_SIDE_WRITE] = false;
  /* asyncio's cancel() after its end: nobody will have the socket, so nobody
   * may find it. */
  if (cancelled && err == 0)
    ar_sock_unbind_path(&b->to);
  ar_mem_free(b, sizeof *b);
  (void)ar_awaited(L); /* raises it */
  if (err != 0)
    ar_raise_oserror(
        L, err, lua_pushfstring(L, "cannot bind to %s", lua_tostring(L, 2)));
  return 0;
}

/* The permissions at idx; -1: the system's usual ones. Raises. */
static int opt_mode(lua_State *L, int idx) {
  lua_Integer mode = luaL_optinteger(L, idx, -1);
  if (!lua_isnoneornil(L, idx) && (mode < 0 || mode > 07777))
    ar_raise(L, "ValueError",
             "permissions are a number from 0 to 4095 (octal 7777), not %s",
             luaL_tolstring(L, idx, NULL));
  return (int)mode;
}

/* _bind_path(socket, path, mode): a socket that stands there makes way. */
int ar_lsock_bind_path(lua_State *L) {
  ar_lsock *s = ar_check_lsock(L);
  ar_coro *c = ar_coro_check(L);
  int mode = opt_mode(L, 3);
  ar_pool *pool = ar_check_pool(L);
  ar_addr to;
  binding *b;
  ar_err err;
  (void)ar_check_lfd_open(L, &s->lfd);
  ar_check_addr(L, 2, AF_UNIX, &to);
  lua_settop(L, 1);
  (void)ar_push_addr_text(L, &to);
  b = ar_mem_zalloc(sizeof *b);
  err = b == NULL ? AR_ENOMEM : 0;
  if (err == 0) {
    ar_work_init(&b->work, run_binding, discard_binding);
    b->fd = ar_lsock_number(s);
    b->mode = mode;
    b->to = to;
    err = ar_pool_start(pool, c->task.sched->loop, &b->work);
  }
  if (err != 0) {
    ar_mem_free(b, sizeof *b);
    ar_raise_oserror(L, err, "cannot bind a socket");
  }
  /* Nobody else has it yet: it stays open until the thread is done. */
  s->busy[AR_SIDE_READ] = s->busy[AR_SIDE_WRITE] = true;
  return ar_await(L, c, &b->work.op, AR_AWAIT_SHIELDED, "socket bind", boundk,
                  (lua_KContext)b);
}

/* ---- the methods -------------------------------------------------------- */

static const luaL_Reg methods[] = {{"accept", listener_accept},
                                   {"_accept_or_fail", listener_accept_or_fail},
                                   {"_listen", listener_listen},
                                   {NULL, NULL}};

void ar_lsock_listener_methods(lua_State *L) {
  luaL_setfuncs(L, methods, 0);
}
