/*
 * What a socket does that may have to wait.
 */

#include "bind/sockact.h"

#include "host/raise.h"

ar_coro *ar_sockact_check(lua_State *L, const ar_lsock *s, ar_side side) {
  ar_coro *c = ar_coro_check(L);
  ar_check_lsock_free(L, s->busy[side],
                      side == AR_SIDE_READ ? "reading from" : "writing to");
  return c;
}

static int againk(lua_State *L, int status, lua_KContext ctx);

/* Nothing tells when: a little, and longer each time. */
static int back_off(lua_State *L, ar_lsock *s, ar_coro *c,
                    const ar_sockact *act) {
  ar_sched *sched = c->task.sched;
  ar_time delay = (ar_time)1000000 << s->tries; /* from 1 to 64 ms */
  ar_err err = ar_deadline_set(sched, &c->task.kit->due,
                               ar_time_add(ar_sched_now(sched), delay));
  if (err != 0)
    ar_raise_oserror(L, err, "cannot wait");
  if (s->tries < 6)
    s->tries++;
  s->busy[act->side] = true;
  c->cancel_points++;
  c->schedule_points++;
  ar_task_park(&c->task, act->kind, s, ar_abort_simply);
  s->acts[act->side] = act;
  return ar_suspend(L, againk, (lua_KContext)&s->acts[act->side]);
}

int ar_sockact_await(lua_State *L, ar_lsock *s, ar_coro *c,
                     const ar_sockact *act) {
  ar_op *op = ar_lfd_wait(L, &s->lfd, act->side);
  s->busy[act->side] = true;
  s->acts[act->side] = act;
  return ar_await(L, c, op, AR_AWAIT_UNDOES, act->kind, againk,
                  (lua_KContext)&s->acts[act->side]);
}

/* The socket with this one of its acts. */
static ar_lsock *socket_of(const ar_sockact **at) {
  return ar_container_of(at - (*at)->side, ar_lsock, acts);
}

static int againk(lua_State *L, int status, lua_KContext ctx) {
  const ar_sockact **at = (const ar_sockact **)ctx, *act = *at;
  ar_lsock *s = socket_of(at);
  ar_coro *c;
  int n;
  (void)status;
  s->busy[act->side] = false;
  c = ar_awaited(L);
  (void)ar_check_lfd_open(L, &s->lfd);
  n = act->once(L, s);
  if (AR_LIKELY(n >= 0))
    return n;
  if (n == AR_SOCKACT_LATER)
    return back_off(L, s, c, act);
  return ar_sockact_await(L, s, c, act);
}

static int gavek(lua_State *L, int status, lua_KContext ctx) {
  ar_lsock *s = (ar_lsock *)ctx; /* at place 1 */
  (void)status;
  s->busy[AR_SIDE_WRITE] = false;
  (void)ar_gave_way(L);
  return 0;
}

static int cancelledk(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  (void)ar_awaited(L);
  return 0;
}

int ar_sockact_try(lua_State *L, ar_lsock *s, ar_coro *c,
                   const ar_sockact *act) {
  int n;
  AR_ASSERT(act->side == AR_SIDE_WRITE);
  if (AR_UNLIKELY(ar_task_pending(&c->task) != AR_CAUSE_NONE))
    return ar_await_cancelled(L, c, cancelledk, 0);
  s->tries = 0;
  n = act->once(L, s);
  if (n == AR_SOCKACT_WAIT)
    return ar_sockact_await(L, s, c, act);
  if (n == AR_SOCKACT_LATER)
    return back_off(L, s, c, act);
  /* It is done. Somebody else who sends before this call returns is refused,
   * as ever: whether the kernel took all at once makes no difference. */
  s->busy[AR_SIDE_WRITE] = true;
  return ar_give_way(L, c, gavek, (lua_KContext)s);
}
