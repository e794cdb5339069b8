/*
 * A frame: what a task needs while it runs.
 */

#include "host/frame.h"

#include "host/anchor.h"

/* Frames kept for the next task. One is used again at once by whoever spawns
 * and joins in turn; more than this only keep memory from others. */
#define AR_IDLE_MAX 1024

enum {
  UV_COROUTINE = 1 /* its only user value */
};

/* [-0, +1] */
static ar_frame *new_frame(lua_State *L, lua_State *co) {
  ar_frame *f = lua_newuserdatauv(L, sizeof *f, 1);
  f->kit.task = NULL;
  f->next = NULL;
  f->L = co;
  f->lent = co != NULL;
  ar_place_init(&f->place, NULL);
  ar_list_init(&f->held);
  ar_lot_init(&f->joiners, "task");
  f->anchor = LUA_NOREF;
  return f;
}

void ar_frame_give(ar_frame *f, ar_task *t) {
  f->inner = NULL;
  f->groups = NULL;
  f->place.task = t;
  ar_task_equip(t, &f->kit);
}

/* make(task), as a call: it needs room on the stack. */
static int make(lua_State *L) {
  ar_host *host = ar_host_of(L);
  ar_frame *f = new_frame(L, NULL);
  f->L = lua_newthread(L);
  ar_coro_set_bits(f->L, AR_CORO_ROOT);
  lua_setiuservalue(L, -2, UV_COROUTINE);
  f->anchor = ar_anchor_take(L, host);
  ar_frame_give(f, lua_touserdata(L, 1));
  return 0;
}

void ar_frame_take(lua_State *L, ar_host *host, ar_task *t) {
  ar_frame *f = host->idle;
  if (AR_LIKELY(f != NULL)) {
    host->idle = f->next;
    host->n_idle--;
    ar_frame_give(f, t);
    return;
  }
  lua_pushcfunction(L, make);
  lua_pushlightuserdata(L, t);
  lua_call(L, 1, 0);
}

ar_frame *ar_frame_lend(lua_State *L, ar_host *host, lua_State *co) {
  ar_frame *f = new_frame(L, co);
  ar_coro_set_bits(co, AR_CORO_ROOT);
  f->anchor = ar_anchor_take(L, host);
  return f;
}

void ar_frame_put(lua_State *L, ar_host *host, ar_frame *f) {
  AR_ASSERT(f->kit.task == NULL && f->place.lot == NULL);
  AR_ASSERT(ar_list_is_empty(&f->held) && f->joiners.n_parked == 0);
  if (f->lent || host->n_idle >= AR_IDLE_MAX || lua_status(f->L) != LUA_OK) {
    ar_anchor_drop(L, host, f->anchor); /* f may be gone */
    return;
  }
  lua_settop(f->L, 0);
  f->next = host->idle;
  host->idle = f;
  host->n_idle++;
}
