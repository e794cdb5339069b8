/*
 * Module _anyrun.lot: the parking lot, as primitives in Lua use it.
 */

#include <math.h>

#include "base/err.h"
#include "bind/libs.h"
#include "bind/llot.h"
#include "bind/luax.h"
#include "host/raise.h"

#define UV_KIND 1     /* keeps the name that lot->kind points to */
#define UV_BREAKERS 2 /* list of who broke it; nil while it is whole */

static ar_lot *check_lot(lua_State *L, int idx) {
  ar_llot *l = luaL_testudata(L, idx, "ParkingLot");
  if (l == NULL)
    l = ar_test_lock(L, idx);
  if (l == NULL)
    luaL_typeerror(L, idx, "ParkingLot");
  return &l->lot;
}

ar_lot *ar_llot_bind(lua_State *L, ar_llot *l, ar_coro *c) {
  if (AR_UNLIKELY(l->run != c->task.sched)) {
    if (l->run != NULL)
      ar_raise(L, "RuntimeError", "this %s belongs to another run",
               l->lot.kind);
    l->run = c->task.sched;
  }
  return &l->lot;
}

/* Waiting binds a lot to the run. */
static ar_lot *check_lot_of_run(lua_State *L, int idx, ar_coro *c) {
  return ar_llot_bind(L, luaL_checkudata(L, idx, "ParkingLot"), c);
}

static int lot_new(lua_State *L) {
  const char *kind = luaL_optstring(L, 1, "parking lot");
  ar_llot *l = lua_newuserdatauv(L, sizeof *l, 2);
  ar_lot_init(&l->lot, kind);
  l->run = NULL;
  luaL_setmetatable(L, "ParkingLot");
  lua_pushstring(L, kind);
  lua_setiuservalue(L, -2, UV_KIND);
  /* The string in the user value may be another copy than the argument. */
  lua_getiuservalue(L, -1, UV_KIND);
  l->lot.kind = lua_tostring(L, -1);
  lua_pop(L, 1);
  return 1;
}

/* Raise if somebody broke the lot at stack place 1. */
static void check_whole(lua_State *L) {
  if (lua_getiuservalue(L, 1, UV_BREAKERS) != LUA_TNIL) {
    lua_rawgeti(L, -1, (lua_Integer)lua_rawlen(L, -1));
    ar_raise(L, "BrokenResourceError", "Parking lot broken by %s",
             luaL_tolstring(L, -1, NULL));
  }
  lua_pop(L, 1);
}

static int parkk(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  (void)status;
  (void)ctx;
  if (c->task.woken == AR_EPIPE)
    check_whole(L);
  (void)ar_coro_resumed(L);
  return 0;
}

static int lot_park(lua_State *L) {
  ar_coro *c = ar_coro_check(L);
  ar_lot *lot = check_lot_of_run(L, 1, c);
  lua_settop(L, 1);
  check_whole(L);
  c->cancel_points++;
  c->schedule_points++;
  ar_lot_park(lot, &ar_frame_of(&c->task)->place, ar_abort_place);
  return ar_suspend(L, parkk, 0);
}

static ar_abort abort_leaving(ar_task *t, ar_cause cause) {
  ar_frame_of(t)->place.undone = true;
  return ar_abort_place(t, cause);
}

/* A scope's cancellation is a state, and will be seen by the next wait; what
 * comes but once is put back, for the end of this wait or the next. */
ar_abort ar_abort_never(ar_task *t, ar_cause cause) {
  if (cause == AR_CAUSE_NATIVE)
    t->must_cancel = true;
  if (cause == AR_CAUSE_INTERRUPT)
    t->interrupted = true;
  return AR_ABORT_LATER;
}

/* A wait that can be undone until it was moved to another lot. */
static ar_abort abort_unless_moved(ar_task *t, ar_cause cause) {
  if (ar_frame_of(t)->place.moved)
    return ar_abort_never(t, cause);
  return abort_leaving(t, cause);
}

/* Somebody broke the lot it was moved to: a lock's, whose owner is gone. */
static void check_broken(lua_State *L) {
  check_whole(L);
  ar_raise(L, "BrokenResourceError",
           "the owner of the lock ended without releasing it");
}

static int waitk(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  (void)status;
  (void)ctx;
  if (AR_LIKELY(c->task.woken == 0))
    return 0;
  if (c->task.woken == AR_EPIPE)
    check_broken(L);
  ar_coro_push_cancellation(L, c, c->task.cause);
  lua_pushboolean(L, !ar_frame_of(&c->task)->place.undone);
  return 2;
}

/* wait(lot, how) -> nil; or the cancellation error that is to be raised, and
 * whether the task was woken all the same: on asyncio a native request takes
 * the result away, or `how` made the wait go on. The caller then keeps or
 * gives back what it was woken for, and raises the error.
 * how: nil; "moved": not undone once it was moved; "shielded": never. */
static int lot_wait(lua_State *L) {
  static const char *const ways[] = {"", "moved", "shielded", NULL};
  static ar_abort_fn *const aborts[] = {abort_leaving, abort_unless_moved,
                                        ar_abort_never};
  ar_coro *c = ar_coro_check(L);
  ar_lot *lot = check_lot_of_run(L, 1, c);
  int way = luaL_checkoption(L, 2, "", ways);
  lua_settop(L, 1);
  check_whole(L);
  c->cancel_points++;
  c->schedule_points++;
  ar_lot_park(lot, &ar_frame_of(&c->task)->place, aborts[way]);
  return ar_suspend(L, waitk, 0);
}

/* wake(lot, n=1) -> how many */
static int lot_wake(lua_State *L) {
  ar_lot *lot = check_lot(L, 1);
  lua_Number n = luaL_optnumber(L, 2, 1);
  lua_pushinteger(
      L, (lua_Integer)ar_lot_unpark(lot, n >= 1e15 ? SIZE_MAX : (size_t)n, 0));
  return 1;
}

/* wake_event(lot): all of them, in the order of the backend's events */
static int lot_wake_event(lua_State *L) {
  ar_lot *lot = check_lot(L, 1);
  ar_sched *s = ar_host_sched(ar_host_of(L));
  if (s != NULL && lot->n_parked > 1 && s->policy->mixes_events)
    ar_lot_mix(lot, s->seeded != NULL ? s->seeded : &s->rand);
  (void)ar_lot_unpark(lot, SIZE_MAX, 0);
  return 0;
}

/* wake_one(lot) -> the task, or nil when nobody waits */
static int lot_wake_one(lua_State *L) {
  ar_lot *lot = check_lot(L, 1);
  ar_link *first = ar_list_first(&lot->places);
  if (first == NULL)
    return 0;
  ar_coro_push(L, ar_coro_of(ar_container_of(first, ar_place, link)->task));
  (void)ar_lot_unpark(lot, 1, 0);
  return 1;
}

/* first(lot) -> the task that would be woken next, or nil */
static int lot_first(lua_State *L) {
  ar_link *first = ar_list_first(&check_lot(L, 1)->places);
  if (first == NULL)
    return 0;
  ar_coro_push(L, ar_coro_of(ar_container_of(first, ar_place, link)->task));
  return 1;
}

/* How many: an integer, or infinity. */
static size_t check_count(lua_State *L, int idx) {
  lua_Number n = luaL_optnumber(L, idx, 1);
  if (isnan(n) || n < 0 || (isfinite(n) && n != floor(n)))
    ar_raise(L, "ValueError",
             "a count must be a whole number, not negative, or math.huge");
  return n >= 1e15 ? SIZE_MAX : (size_t)n;
}

static int unpark(lua_State *L, size_t n) {
  ar_lot *lot = check_lot(L, 1);
  lua_Integer woken = 0;
  lua_newtable(L);
  while (n-- > 0) {
    ar_link *first = ar_list_first(&lot->places);
    ar_place *p;
    if (first == NULL)
      break;
    p = ar_container_of(first, ar_place, link);
    ar_coro_push(L, ar_coro_of(p->task));
    lua_rawseti(L, -2, ++woken);
    (void)ar_lot_unpark(lot, 1, 0);
  }
  return 1;
}

static int lot_unpark(lua_State *L) {
  return unpark(L, check_count(L, 2));
}

static int lot_unpark_all(lua_State *L) {
  return unpark(L, SIZE_MAX);
}

static int lot_repark(lua_State *L) {
  ar_lot *lot = check_lot(L, 1), *to = check_lot(L, 2);
  if (lot != to)
    (void)ar_lot_repark(lot, to, check_count(L, 3));
  return 0;
}

static int lot_repark_all(lua_State *L) {
  ar_lot *lot = check_lot(L, 1), *to = check_lot(L, 2);
  if (lot != to)
    (void)ar_lot_repark(lot, to, SIZE_MAX);
  return 0;
}

/* break_lot(lot, by): every wait in it, now and later, fails. */
static int lot_break(lua_State *L) {
  ar_lot *lot = check_lot(L, 1);
  luaL_checkany(L, 2);
  if (lua_getiuservalue(L, 1, UV_BREAKERS) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, UV_BREAKERS);
  }
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  (void)ar_lot_unpark(lot, SIZE_MAX, AR_EPIPE);
  return 0;
}

static int lot_broken_by(lua_State *L) {
  (void)check_lot(L, 1);
  if (lua_getiuservalue(L, 1, UV_BREAKERS) == LUA_TNIL)
    lua_newtable(L);
  return 1;
}

static int lot_statistics(lua_State *L) {
  ar_lot *lot = check_lot(L, 1);
  lua_createtable(L, 0, 1);
  lua_pushinteger(L, (lua_Integer)lot->n_parked);
  lua_setfield(L, -2, "tasks_waiting");
  return 1;
}

static int lot_len(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check_lot(L, 1)->n_parked);
  return 1;
}

/* A parked task has the lot it parked in on its stack, but perhaps not one
 * that it was moved to: it stays parked, and in no lot. */
static int lot_gc(lua_State *L) {
  ar_llot *l = lua_touserdata(L, 1);
  while (ar_lot_take(&l->lot) != NULL)
    continue;
  return 0;
}

static const luaL_Reg methods[] = {{"park", lot_park},
                                   {"wait", lot_wait},
                                   {"wake", lot_wake},
                                   {"wake_one", lot_wake_one},
                                   {"wake_event", lot_wake_event},
                                   {"first", lot_first},
                                   {"unpark", lot_unpark},
                                   {"unpark_all", lot_unpark_all},
                                   {"repark", lot_repark},
                                   {"repark_all", lot_repark_all},
                                   {"break_lot", lot_break},
                                   {"broken_by", lot_broken_by},
                                   {"statistics", lot_statistics},
                                   {"__len", lot_len},
                                   {"__gc", lot_gc},
                                   {NULL, NULL}};

static const luaL_Reg functions[] = {{"new", lot_new}, {NULL, NULL}};

int luaopen_anyrun_lot(lua_State *L) {
  ar_class_open(L, "ParkingLot");
  luaL_getmetatable(L, "ParkingLot");
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
