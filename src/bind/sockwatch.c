/*
 * Somebody is called each time that a side of a plain socket is ready.
 *
 *   state    what it means                      leaves it by
 *   WAITS    its op is pending                  on_ready -> READY, take -> LENT
 *   READY    it is in the ready queue           step -> WAITS, take -> WAITS
 *   LENT     a task waits, or is about to run   takek -> WAITS
 *   OVER     it was cancelled, or the socket is closed: nobody is called
 *
 * Each but OVER leaves by `cancel`, too. The userdata is anchored in the
 * registry, under its own address, until it is OVER.
 */

#include "bind/sockwatch.h"

#include "base/err.h"
#include "bind/luax.h"
#include "bind/sockchunk.h"
#include "host/raise.h"

#define UV_FN 1
#define UV_ARG 2
#define UV_CONTEXT 3
#define UV_SOCKET 4 /* stays as long as the watch */
#define UV_COUNT 4

typedef enum {
  WATCH_WAITS,
  WATCH_READY,
  WATCH_LENT,
  WATCH_OVER
} watch_state;

typedef struct {
  const char *magic; /* which no other userdata has: the one quick test */
  ar_job job;
  ar_loose loose;
  ar_lrun *run; /* borrowed: drops it when it closes */
  ar_lsock *s;  /* borrowed: a user value */
  ar_side side;
  watch_state state;
  bool hurried; /* who waits in its place is to look again */
} watch;

static const char class_name[] = "SocketWatch";

/* NULL: it is closed, and the op is gone. */
static ar_op *op_of(const watch *w) {
  return w->s->lfd.fd == NULL ? NULL : ar_fd_op(w->s->lfd.fd, w->side);
}

static bool op_is_pending(const watch *w) {
  const ar_op *op = op_of(w);
  return op != NULL && ar_op_is_pending(op);
}

static void end(lua_State *L, watch *w) {
  w->state = WATCH_OVER;
  ar_list_remove(&w->loose.link);
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, w);
}

static void on_ready(ar_op *op) {
  watch *w = op->waiter;
  w->state = WATCH_READY;
  ar_sched_queue(&w->run->run.sched, &w->job);
}

/* Wait for the side. Else it is over. */
static ar_err begin(lua_State *L, watch *w) {
  ar_err err = 0;
  ar_op *op = op_of(w);
  if (AR_LIKELY(op != NULL))
    err = ar_fd_wait(w->s->lfd.fd, w->side);
  if (AR_UNLIKELY(op == NULL || err != 0)) {
    end(L, w);
    return err;
  }
  op->done = on_ready;
  op->waiter = w;
  w->state = WATCH_WAITS;
  return 0;
}

AR_NORETURN static void raise_failed(lua_State *L, ar_err err) {
  ar_raise_oserror(L, err, "cannot wait for a descriptor");
}

static int failed(lua_State *L) {
  raise_failed(L, (ar_err)lua_tointeger(L, 1));
}

/* What is called, and its argument. It waits again before that is called:
 * there it can be cancelled. [-0, +2] */
static void push_call(lua_State *L, watch *w, int self) {
  ar_err err = begin(L, w);
  if (AR_UNLIKELY(err != 0)) {
    lua_pushcfunction(L, failed);
    lua_pushinteger(L, err);
    return;
  }
  (void)lua_getiuservalue(L, self, UV_FN);
  (void)lua_getiuservalue(L, self, UV_ARG);
}

static void step(ar_job *job) {
  watch *w = ar_container_of(job, watch, job);
  ar_lrun *run = w->run;
  lua_State *L = ar_host_stack(run->host);
  int self;
  if (AR_UNLIKELY(op_of(w) == NULL)) {
    end(L, w);
    return;
  }
  (void)lua_rawgetp(L, LUA_REGISTRYINDEX, w);
  self = lua_gettop(L);
  luaL_checkstack(L, 8, NULL);
  (void)lua_rawgetp(L, LUA_REGISTRYINDEX, ar_key_context);
  (void)lua_getiuservalue(L, self, UV_CONTEXT);
  lua_rawsetp(L, LUA_REGISTRYINDEX, ar_key_context);
  push_call(L, w, self);
  ar_lrun_callback(L, run, 1, "callback");
  lua_settop(L, self + 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, ar_key_context);
  lua_settop(L, self - 1);
}

/* The run ends; the descriptor is being dropped, too. */
static void drop(lua_State *L, ar_loose *loose) {
  watch *w = ar_container_of(loose, watch, loose);
  if (w->state == WATCH_WAITS && op_is_pending(w))
    (void)ar_op_cancel(op_of(w));
  ar_list_remove(&w->job.ready);
  ar_link_init(&loose->link);
  end(L, w);
}

int ar_sockwatch_new(lua_State *L, ar_lsock *s, ar_side side, int fn, int arg) {
  static const int values[] = {UV_FN, UV_ARG, UV_SOCKET};
  const int places[] = {fn, arg, 1};
  watch *w = lua_newuserdatauv(L, sizeof *w, UV_COUNT);
  ar_err err;
  w->magic = class_name;
  ar_link_init(&w->job.ready);
  ar_link_init(&w->loose.link);
  w->job.step = step;
  w->job.id = s->lfd.run->run.sched.next_id++;
  w->loose.drop = drop;
  w->run = s->lfd.run;
  w->s = s;
  w->side = side;
  w->state = WATCH_OVER;
  w->hurried = false;
  luaL_setmetatable(L, class_name);
  for (size_t i = 0; i < ar_countof(values); i++) {
    lua_pushvalue(L, places[i]);
    lua_setiuservalue(L, -2, values[i]);
  }
  ar_push_context(L);
  lua_setiuservalue(L, -2, UV_CONTEXT);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, w);
  ar_list_push(&w->run->loose, &w->loose.link);
  err = begin(L, w);
  if (err != 0)
    raise_failed(L, err);
  return 1;
}

/* ---- the methods -------------------------------------------------------- */

static watch *check_watch(lua_State *L) {
  watch *w = lua_touserdata(L, 1);
  if (AR_UNLIKELY(w == NULL || lua_rawlen(L, 1) != sizeof *w ||
                  w->magic != class_name))
    luaL_typeerror(L, 1, class_name);
  return w;
}

/* Whoever waits in its place is woken. */
static void hurry(watch *w) {
  w->hurried = true;
  if (op_is_pending(w))
    ar_op_end(op_of(w), 0);
}

/* cancel(watch): nobody is called any more; who waits in its place is told */
static int watch_cancel(lua_State *L) {
  watch *w = check_watch(L);
  switch (w->state) {
    case WATCH_WAITS: (void)ar_op_cancel(op_of(w)); break;
    case WATCH_READY: ar_list_remove(&w->job.ready); break;
    case WATCH_LENT: hurry(w); break;
    case WATCH_OVER: return 0;
  }
  end(L, w);
  return 0;
}

/* hurry(watch): who waits in its place is to look again */
static int watch_hurry(lua_State *L) {
  watch *w = check_watch(L);
  if (w->state == WATCH_LENT)
    hurry(w);
  return 0;
}

/* is_lent(watch) -> does a task wait in its place? */
static int watch_is_lent(lua_State *L) {
  lua_pushboolean(L, check_watch(L)->state == WATCH_LENT);
  return 1;
}

/* Receive what is there: at most n bytes, or see ar_sockwatch_take. */
static int receive(lua_State *L, watch *w, size_t n) {
  size_t got;
  ar_err err = ar_sockchunk_receive(L, w->s, &got);
  if (AR_UNLIKELY(err == AR_EAGAIN))
    return 0;
  if (AR_LIKELY(err == 0 && got > 0 && got <= n))
    return 1;
  if (err != 0)
    ar_push_oserror(L, err, "cannot receive");
  else if (got == 0)
    lua_pushliteral(L, "");
  lua_pushnil(L);
  lua_insert(L, -2);
  return 2;
}

static int takek(lua_State *L, int status, lua_KContext ctx) {
  watch *w = lua_touserdata(L, 1);
  bool again = w->hurried;
  ar_err err = 0;
  (void)status;
  w->hurried = false;
  if (AR_LIKELY(w->state == WATCH_LENT))
    err = begin(L, w);
  (void)ar_awaited(L);
  if (AR_UNLIKELY(err != 0))
    raise_failed(L, err);
  return AR_UNLIKELY(again) ? 0 : receive(L, w, (size_t)ctx);
}

int ar_sockwatch_take(lua_State *L) {
  watch *w = check_watch(L);
  ar_coro *c = ar_coro_check(L);
  lua_Integer n = lua_isinteger(L, 2) ? lua_tointeger(L, 2) : 0;
  ar_err err;
  AR_ASSERT(w->side == AR_SIDE_READ);
  if (w->state > WATCH_READY || n < 1) {
    lua_pushboolean(L, false);
    return 1;
  }
  lua_settop(L, 1);
  w->s->max = AR_SOCKCHUNK_MAX;
  ar_sockchunk_prepare(L, w->s);
  if (AR_UNLIKELY(w->state == WATCH_READY)) { /* ahead of the call */
    ar_list_remove(&w->job.ready);
    err = begin(L, w);
    if (err != 0)
      raise_failed(L, err);
    return receive(L, w, (size_t)n);
  }
  w->state = WATCH_LENT;
  return ar_await(L, c, op_of(w), AR_AWAIT_UNDOES, "socket receive", takek,
                  (lua_KContext)n);
}

void ar_sockwatch_open(lua_State *L) {
  static const luaL_Reg methods[] = {{"cancel", watch_cancel},
                                     {"hurry", watch_hurry},
                                     {"is_lent", watch_is_lent},
                                     {NULL, NULL}};
  ar_class_open(L, class_name);
  luaL_getmetatable(L, class_name);
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
}
