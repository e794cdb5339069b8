/*
 * A socket is bound to a path: that asks the disk, hence is done in a thread.
 */

#include "base/err.h"
#include "base/mem.h"
#include "bind/laddr.h"
#include "bind/lsock.h"
#include "host/raise.h"
#include "io/sock.h"

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
