/*
 * Module _anyrun.lock: the lock with an owner, of AnyIO and of trio.
 *
 * methods(class) adds the methods below to a class, new(class, fast) makes an
 * object of it. A release hands the lock to the task that has waited longest,
 * which owns it from then on, before it runs. In C, because a lock is taken
 * and released in the time a call in Lua takes (test/bench/lock.lua).
 *
 * A task that ends with the lock leaves it broken: nobody else may release
 * it, and what it protected may be half done.
 */

#include "base/err.h"
#include "bind/libs.h"
#include "bind/llot.h"
#include "bind/luax.h"
#include "host/raise.h"

static const char ar_key_lock[] = "lock";
static const char ar_key_orphaned[] = "lock -> the task that left it";

typedef struct {
  const char *magic; /* ar_key_lock */
  ar_llot llot;
  ar_coro *owner; /* borrowed: it holds the lock, hence lives; or NULL */
  ar_held held;   /* place in owner->held */
  bool fast;      /* taking it when it is free does not let others run */
  bool orphaned;  /* its owner has ended; ar_key_orphaned says who it was */
} llock;

/* A userdata of this size that begins with this address is a lock: the one
 * test that is quick. */
static llock *test_lock(lua_State *L, int idx) {
  llock *k = lua_touserdata(L, idx);
  if (AR_LIKELY(k != NULL && lua_rawlen(L, idx) == sizeof *k &&
                k->magic == ar_key_lock))
    return k;
  return NULL;
}

ar_llot *ar_test_lock(lua_State *L, int idx) {
  llock *k = test_lock(L, idx);
  return k != NULL ? &k->llot : NULL;
}

static llock *check_lock(lua_State *L) {
  llock *k = test_lock(L, 1);
  if (AR_UNLIKELY(k == NULL))
    ar_self_error(L, "Lock");
  return k;
}

static void own(llock *k, ar_coro *c) {
  k->owner = c;
  ar_list_push(&ar_frame_of(&c->task)->held, &k->held.link);
}

/* ---- an owner that ends ------------------------------------------------- */

/* Never raises where it is called, but for want of memory. */
static void orphaned(lua_State *L, ar_held *held, int self) {
  llock *k = ar_container_of(held, llock, held);
  k->owner = NULL;
  k->orphaned = true;
  ar_lot_unpark(&k->llot.lot, SIZE_MAX, AR_EPIPE);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, ar_key_orphaned) == LUA_TTABLE) {
    lua_pushvalue(L, self);
    lua_rawsetp(L, -2, k);
  }
  lua_pop(L, 1);
}

static void raise_orphaned(lua_State *L, llock *k) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, ar_key_orphaned);
  lua_rawgetp(L, -1, k);
  ar_call_errors(L, "task_text", 1, 1);
  ar_raise(L, "BrokenResourceError",
           "the owner of this lock ended without releasing it: %s",
           lua_tostring(L, -1));
}

/* ---- release ------------------------------------------------------------ */

static void give_up(llock *k) {
  ar_place *next = ar_lot_take(&k->llot.lot);
  ar_list_remove(&k->held.link);
  k->owner = NULL;
  if (next == NULL)
    return;
  own(k, ar_coro_of(next->task));
  ar_task_wake(next->task, 0);
}

static int lock_release(lua_State *L) {
  llock *k = check_lock(L);
  ar_task *t = ar_host_running(ar_host_of(L));
  if (AR_UNLIKELY(t == NULL || k->owner != ar_coro_of(t)))
    ar_raise(L, "RuntimeError", "The current task is not holding this lock");
  give_up(k);
  return 0;
}

/* ---- acquire ------------------------------------------------------------ */

/* The wait, or the yield, is over. A native request on asyncio may have come
 * after the lock was handed over: it is given on. */
static int acquirek(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  llock *k = lua_touserdata(L, 1);
  (void)status;
  (void)ctx;
  if (AR_LIKELY(c->task.woken == 0))
    return 1; /* stack: lock */
  if (c->task.woken == AR_EPIPE)
    raise_orphaned(L, k);
  if (k->owner == c)
    give_up(k);
  (void)ar_coro_resumed(L);
  return 0;
}

static void check_free_for(lua_State *L, llock *k, ar_coro *c) {
  if (AR_UNLIKELY(k->owner == c))
    ar_raise(L, "RuntimeError", "Attempted to acquire an already held Lock");
  if (AR_UNLIKELY(k->orphaned))
    raise_orphaned(L, k);
}

/* Park in the lot, or, where the lock is free and a cancellation is pending,
 * for that to arrive. */
static int wait_for_lock(lua_State *L, llock *k, ar_coro *c) {
  ar_lot *lot;
  if (k->owner != NULL && k->llot.run == NULL)
    k->llot.run = k->owner->task.sched; /* nobody has waited for it yet */
  lot = ar_llot_bind(L, &k->llot, c);
  c->schedule_points++;
  if (k->owner != NULL)
    ar_lot_park(lot, &ar_frame_of(&c->task)->place, ar_abort_place);
  else
    ar_task_park(&c->task, "lock", NULL, ar_abort_simply);
  return ar_suspend(L, acquirek, 0);
}

static int lock_acquire(lua_State *L) {
  llock *k = check_lock(L);
  ar_coro *c = ar_coro_current(L);
  bool goes_on =
      k->owner == NULL && k->fast && ar_task_pending(&c->task) == AR_CAUSE_NONE;
  lua_settop(L, 1);
  check_free_for(L, k, c);
  c->cancel_points++;
  if (goes_on) {
    own(k, c);
    return 1;
  }
  (void)ar_coro_check(L);
  if (k->owner != NULL || ar_task_pending(&c->task) != AR_CAUSE_NONE)
    return wait_for_lock(L, k, c);
  own(k, c);
  c->schedule_points++;
  ar_task_yield(&c->task);
  return ar_suspend(L, acquirek, 0);
}

static int lock_acquire_nowait(lua_State *L) {
  ar_coro *c = ar_coro_current(L);
  llock *k = check_lock(L);
  check_free_for(L, k, c);
  if (k->owner != NULL)
    ar_raise(L, "WouldBlock", "the lock is held");
  own(k, c);
  lua_settop(L, 1);
  return 1;
}

static int reacquirek(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  (void)status;
  (void)ctx;
  if (c->task.woken == AR_EPIPE)
    raise_orphaned(L, lua_touserdata(L, 1));
  return 0;
}

/* For a condition, whose wait was cancelled: take it in any case, however
 * long that takes. A further request is spent: the first is on its way. */
static int lock_reacquire(lua_State *L) {
  ar_coro *c = ar_coro_check(L);
  llock *k = check_lock(L);
  ar_lot *lot = ar_llot_bind(L, &k->llot, c);
  lua_settop(L, 1);
  if (AR_UNLIKELY(k->orphaned))
    raise_orphaned(L, k);
  if (k->owner == NULL) {
    own(k, c);
    return 0;
  }
  ar_lot_park(lot, &ar_frame_of(&c->task)->place, ar_abort_never);
  return ar_suspend(L, reacquirek, 0);
}

/* ---- questions ---------------------------------------------------------- */

static int lock_locked(lua_State *L) {
  llock *k = check_lock(L);
  lua_pushboolean(L, k->owner != NULL || k->orphaned);
  return 1;
}

/* owner(lock) -> the native task, or nil */
static int lock_owner(lua_State *L) {
  llock *k = check_lock(L);
  if (k->owner == NULL)
    return 0;
  ar_coro_push(L, k->owner);
  return 1;
}

static int lock_is_mine(lua_State *L) {
  llock *k = check_lock(L);
  ar_task *t = ar_host_running(ar_host_of(L));
  lua_pushboolean(L, t != NULL && k->owner == ar_coro_of(t));
  return 1;
}

static int lock_waiting(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)check_lock(L)->llot.lot.n_parked);
  return 1;
}

static int lock_gc(lua_State *L) {
  llock *k = lua_touserdata(L, 1);
  ar_list_remove(&k->held.link);
  k->owner = NULL;
  if (k->orphaned &&
      lua_rawgetp(L, LUA_REGISTRYINDEX, ar_key_orphaned) == LUA_TTABLE) {
    lua_pushnil(L);
    lua_rawsetp(L, -2, k);
  }
  while (ar_lot_take(&k->llot.lot) != NULL)
    continue;
  return 0;
}

/* ---- the module --------------------------------------------------------- */

static const luaL_Reg methods[] = {{"acquire", lock_acquire},
                                   {"acquire_nowait", lock_acquire_nowait},
                                   {"release", lock_release},
                                   {"locked", lock_locked},
                                   {"_reacquire", lock_reacquire},
                                   {"_owner", lock_owner},
                                   {"_is_mine", lock_is_mine},
                                   {"_waiting", lock_waiting},
                                   {"__enter", lock_acquire},
                                   {"__exit", lock_release},
                                   {"__close", lock_release},
                                   {"__gc", lock_gc},
                                   {NULL, NULL}};

static int lock_methods(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_setfuncs(L, methods, 0);
  return 1;
}

static int lock_new(lua_State *L) {
  llock *k;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 2);
  k = lua_newuserdatauv(L, sizeof *k, 1);
  k->magic = ar_key_lock;
  ar_lot_init(&k->llot.lot, "lock");
  k->llot.run = NULL;
  k->owner = NULL;
  ar_link_init(&k->held.link);
  k->held.orphaned = orphaned;
  k->fast = lua_toboolean(L, 2);
  k->orphaned = false;
  lua_pushvalue(L, 1);
  lua_setmetatable(L, -2);
  return 1;
}

static const luaL_Reg functions[] = {
    {"methods", lock_methods}, {"new", lock_new}, {NULL, NULL}};

int luaopen_anyrun_lock(lua_State *L) {
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, ar_key_orphaned);
  luaL_newlib(L, functions);
  return 1;
}
