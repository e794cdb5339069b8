/*
 * A file of Lua's io library that tasks wait for.
 */

#include "bind/stockgate.h"

#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/fslib.h"
#include "bind/llot.h"
#include "host/raise.h"
#include "host/weak.h"
#include "io/endpoint.h"

/* In the registry: file -> its gate, for as long as there is the file. */
static const char key_gates[] = "files that tasks wait for";

#define KEPT 65536 /* bytes of memory that a reader leaves to the next */

/* ---- turns -------------------------------------------------------------- */

static void close_watch(ar_turn *t) {
  ar_fd *fd = t->fd;
  t->fd = NULL;
  if (fd != NULL)
    ar_fd_close(fd); /* wakes who waits */
}

/* The run ends, and no task of it is left. */
static void drop(lua_State *L, ar_loose *loose) {
  ar_turn *t = ar_container_of(loose, ar_turn, loose);
  ar_gate *g = t->gate;
  (void)L;
  ar_link_init(&loose->link);
  if (t->fd != NULL)
    ar_op_abandon(ar_fd_op(t->fd, AR_SIDE_READ));
  close_watch(t);
  t->owner = NULL;
  --*g->n_busy;
  if (t == &g->turns[AR_SIDE_READ] && g->stream->closef != NULL)
    ar_gate_put_back(g);
}

static void forget(ar_gate *g) {
  g->n = g->start = 0;
  g->ended = false;
  g->error = 0;
}

static void begin(ar_gate *g, ar_side side, ar_coro *c) {
  ar_turn *t = &g->turns[side];
  t->owner = c;
  ++*g->n_busy;
  ar_list_push(&ar_lrun_of(c)->loose, &t->loose.link);
}

void ar_gate_leave(ar_gate *g, ar_side side) {
  ar_turn *t = &g->turns[side];
  ar_place *next = ar_lot_take(&t->lot);
  ar_list_remove(&t->loose.link);
  t->owner = NULL;
  --*g->n_busy;
  if (next == NULL) {
    close_watch(t);
    return;
  }
  begin(g, side, ar_coro_of(next->task));
  ar_task_wake(next->task, 0);
}

int ar_gate_enter(lua_State *L, ar_gate *g, ar_side side, ar_coro *c,
                  lua_KFunction k, lua_KContext ctx) {
  ar_turn *t = &g->turns[side];
  if (t->owner == NULL) {
    begin(g, side, c);
    c->task.woken = 0;
    return k(L, LUA_OK, ctx);
  }
  c->cancel_points++;
  c->schedule_points++;
  ar_lot_park(&t->lot, &ar_frame_of(&c->task)->place, ar_abort_place);
  return ar_suspend(L, k, ctx);
}

ar_coro *ar_gate_entered(lua_State *L, ar_gate *g, ar_side side) {
  ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  if (AR_LIKELY(c->task.woken == 0)) {
    g->turns[side].arg = 0;
    if (side == AR_SIDE_READ)
      forget(g);
    else
      g->written = 0;
    return c;
  }
  if (g->turns[side].owner == c)
    ar_gate_leave(g, side);
  return ar_awaited(L);
}

/* ---- waiting ------------------------------------------------------------ */

/* What ready means is asked again after each wait: somebody else's process
 * may have been quicker. */
static ar_err watch(ar_gate *g, ar_side side, ar_loop *loop) {
  ar_turn *t = &g->turns[side];
  int fd;
  ar_err err;
  if (t->fd == NULL) {
    err = ar_endpoint_watch(fileno(g->stream->f), side == AR_SIDE_WRITE, &fd);
    if (err != 0)
      return err;
    err = ar_fd_new(loop, fd, true, &t->fd);
    if (err != 0) {
      (void)close(fd);
      return err;
    }
  }
  return ar_fd_wait(t->fd, AR_SIDE_READ); /* what watches is read, always */
}

static void undo(ar_gate *g, ar_side side) {
  if (side == AR_SIDE_READ && g->stream->closef != NULL)
    ar_gate_put_back(g);
  ar_gate_leave(g, side);
}

/* Closed while the others ran. */
AR_NORETURN static void refuse_closed(lua_State *L, ar_gate *g, ar_side side) {
  ar_gate_leave(g, side);
  ar_raise(L, "ClosedResourceError", "the file was closed");
}

int ar_gate_wait(lua_State *L, ar_gate *g, ar_side side, ar_coro *c,
                 lua_KFunction k, lua_KContext ctx) {
  ar_err err;
  if (ar_is_cancelled(c)) {
    undo(g, side);
    return ar_raise_pending(L, c);
  }
  if (ar_cfile_is_ready(g->stream->f, side == AR_SIDE_WRITE)) {
    c->cancel_points++;
    c->schedule_points++;
    ar_task_yield(&c->task);
    return ar_suspend(L, k, ctx);
  }
  err = watch(g, side, c->task.sched->loop);
  if (err != 0) {
    undo(g, side);
    ar_raise_oserror(L, err, "cannot wait for a file");
  }
  return ar_await(L, c, ar_fd_op(g->turns[side].fd, AR_SIDE_READ),
                  AR_AWAIT_UNDOES, side == AR_SIDE_READ ? "data" : "room", k,
                  ctx);
}

ar_coro *ar_gate_waited(lua_State *L, ar_gate *g, ar_side side) {
  const ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  if (AR_UNLIKELY(c->task.woken != 0))
    undo(g, side);
  else if (AR_UNLIKELY(g->stream->closef == NULL))
    refuse_closed(L, g, side);
  return ar_awaited(L);
}

/* ---- the bytes ---------------------------------------------------------- */

void ar_gate_put_back(ar_gate *g) {
  /* Where there is no memory to put them back, they are lost. */
  (void)ar_cfile_put_back(g->stream->f, g->taken, g->n);
  g->turns[AR_SIDE_READ].arg = 0;
  forget(g);
}

void ar_gate_done(ar_gate *g) {
  if (g->capacity > KEPT) {
    ar_mem_free(g->taken, g->capacity);
    g->taken = NULL;
    g->capacity = 0;
  }
  g->n = g->start = 0;
}

char *ar_gate_room(ar_gate *g, size_t n) {
  if (n > g->capacity - g->n) {
    size_t size = g->capacity + g->capacity / 2 + n;
    char *grown = ar_mem_realloc(g->taken, g->capacity, size);
    if (grown == NULL)
      return NULL;
    g->taken = grown;
    g->capacity = size;
  }
  return g->taken + g->n;
}

/* ---- the gate ----------------------------------------------------------- */

static int gate_gc(lua_State *L) {
  ar_gate *g = lua_touserdata(L, 1);
  for (int side = 0; side < 2; side++) {
    ar_turn *t = &g->turns[side];
    if (t->owner != NULL) {
      ar_list_remove(&t->loose.link);
      close_watch(t);
      t->owner = NULL;
    }
  }
  ar_mem_free(g->taken, g->capacity);
  g->taken = NULL;
  g->n = g->capacity = 0;
  return 0;
}

static void init(ar_gate *g, ar_stock *stock, luaL_Stream *stream) {
  static const char *const kinds[] = {"turn to read", "turn to write"};
  for (int side = 0; side < 2; side++) {
    ar_turn *t = &g->turns[side];
    ar_lot_init(&t->lot, kinds[side]);
    t->owner = NULL;
    t->fd = NULL;
    t->arg = 0;
    ar_link_init(&t->loose.link);
    t->loose.drop = drop;
    t->gate = g;
  }
  g->stream = stream;
  g->n_busy = &stock->n_busy;
  g->taken = NULL;
  g->capacity = g->written = 0;
  forget(g);
}

static void push_gates(lua_State *L) {
  ar_weak_push(L, key_gates, "k");
}

ar_gate *ar_gate_push(lua_State *L, ar_stock *stock, int idx) {
  ar_gate *g;
  idx = lua_absindex(L, idx);
  push_gates(L);
  lua_pushvalue(L, idx);
  if (lua_rawget(L, -2) != LUA_TUSERDATA) {
    lua_pop(L, 1);
    g = lua_newuserdatauv(L, sizeof *g, 0);
    init(g, stock, lua_touserdata(L, idx));
    if (luaL_newmetatable(L, "Gate")) {
      lua_pushcfunction(L, gate_gc);
      lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    lua_pushvalue(L, idx);
    lua_pushvalue(L, -2);
    lua_rawset(L, -4);
  }
  lua_remove(L, -2);
  return lua_touserdata(L, -1);
}

ar_gate *ar_gate_find(lua_State *L, const ar_stock *stock, int idx,
                      ar_side side) {
  ar_gate *g;
  if (AR_LIKELY(stock->n_busy == 0))
    return NULL;
  idx = lua_absindex(L, idx);
  push_gates(L);
  lua_pushvalue(L, idx);
  g = lua_rawget(L, -2) == LUA_TUSERDATA ? lua_touserdata(L, -1) : NULL;
  lua_pop(L, 2); /* the file keeps it */
  return g != NULL && g->turns[side].owner != NULL ? g : NULL;
}

void ar_gate_close(lua_State *L, const ar_stock *stock, int idx) {
  for (int side = 0; side < 2; side++) {
    ar_gate *g = ar_gate_find(L, stock, idx, (ar_side)side);
    if (g != NULL)
      close_watch(&g->turns[side]);
  }
}
