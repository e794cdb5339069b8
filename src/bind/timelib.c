/*
 * Module _anyrun.time: what time it is, and waiting for a time.
 */

#include <math.h>

#include "base/err.h"
#include "bind/item.h"
#include "bind/libs.h"
#include "bind/luax.h"
#include "host/raise.h"

static int time_now(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  ar_time now = ar_sched_now(&run->run.sched);
  lua_pushnumber(L, ar_time_to_seconds(now));
  return 1;
}

static int time_monotonic(lua_State *L) {
  lua_pushnumber(L, ar_time_to_seconds(ar_clock_monotonic()));
  return 1;
}

static int sleepk(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  (void)ar_coro_resumed(L);
  return 0;
}

static int checkpointk(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_resumed(L);
  (void)status;
  (void)ctx;
  if (AR_LIKELY(ar_task_pending(&c->task) == AR_CAUSE_NONE))
    return 0;
  /* Cancelled, perhaps by one of those that ran meanwhile: the rest of this
   * batch goes first, as with any other wait that is cancelled. */
  ar_task_park(&c->task, "checkpoint", NULL, ar_abort_simply);
  return ar_suspend(L, sleepk, 0);
}

static int yield_once(lua_State *L, ar_coro *c) {
  c->cancel_points++;
  c->schedule_points++;
  ar_task_yield(&c->task);
  return ar_suspend(L, checkpointk, 0);
}

static int time_checkpoint(lua_State *L) {
  return yield_once(L, ar_coro_check(L));
}

/* It is refused where a task cannot be suspended, cancelled or not: the
 * primitives ask it before they change anything. */
static int time_checkpoint_if_cancelled(lua_State *L) {
  ar_coro *c = ar_coro_check(L);
  c->cancel_points++;
  if (AR_LIKELY(ar_task_pending(&c->task) == AR_CAUSE_NONE))
    return 0;
  c->schedule_points++;
  ar_task_park(&c->task, "checkpoint", NULL, ar_abort_simply);
  return ar_suspend(L, sleepk, 0);
}

static int time_shielded_checkpoint(lua_State *L) {
  ar_coro *c = ar_coro_check(L);
  c->schedule_points++;
  ar_task_yield(&c->task);
  return ar_suspend(L, sleepk, 0);
}

static int yieldk(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  (void)status;
  (void)ctx;
  if (AR_LIKELY(c->task.woken == 0))
    return 0;
  ar_coro_push_cancellation(L, c, c->task.cause);
  return 1;
}

/* Let the others run; the error of a native request comes back instead of
 * being raised, so that the caller can first give back what it holds. */
static int time_yield(lua_State *L) {
  ar_coro *c = ar_coro_check(L);
  c->schedule_points++;
  ar_task_yield(&c->task);
  return ar_suspend(L, yieldk, 0);
}

static int sleep_for_ever(lua_State *L, ar_coro *c) {
  c->cancel_points++;
  c->schedule_points++;
  c->task.patient = true;
  c->task.sched->n_patient++;
  ar_task_park(&c->task, "sleep_forever", NULL, ar_abort_simply);
  return ar_suspend(L, sleepk, 0);
}

static int sleep_to(lua_State *L, ar_coro *c, ar_time when) {
  ar_err err;
  if (when == AR_TIME_MAX)
    return sleep_for_ever(L, c);
  err = ar_deadline_set(c->task.sched, &c->task.kit->due, when);
  if (err != 0)
    ar_raise_oserror(L, err, "sleep");
  c->cancel_points++;
  c->schedule_points++;
  ar_task_park(&c->task, "sleep", NULL, ar_abort_simply);
  return ar_suspend(L, sleepk, 0);
}

int ar_time_sleep(lua_State *L) {
  lua_Number s = ar_check_seconds(L, 1);
  ar_coro *c = ar_coro_check(L);
  ar_sched *sched = c->task.sched;
  lua_settop(L, 1);
  if (s < 0 && sched->policy->asks_clock)
    ar_raise(L, "ValueError", "the duration of a sleep must not be negative");
  if (s <= 0)
    return yield_once(L, c);
  return sleep_to(L, c,
                  ar_time_add(ar_sched_now(sched), ar_time_of_seconds(s)));
}

static int time_sleep_until(lua_State *L) {
  lua_Number at = ar_check_seconds(L, 1);
  ar_coro *c = ar_coro_check(L);
  ar_time when = ar_time_of_seconds(at);
  lua_settop(L, 1);
  if (when <= ar_sched_now(c->task.sched))
    return yield_once(L, c);
  return sleep_to(L, c, when);
}

static int time_sleep_forever(lua_State *L) {
  return sleep_for_ever(L, ar_coro_check(L));
}

static int time_timer(lua_State *L) {
  lua_Number when = ar_check_seconds(L, 1);
  luaL_checkany(L, 2);
  return ar_item_timer(L, ar_check_run(L), ar_time_of_seconds(when), 2);
}

static const luaL_Reg functions[] = {
    {"now", time_now},
    {"monotonic", time_monotonic},
    {"sleep", ar_time_sleep},
    {"sleep_until", time_sleep_until},
    {"sleep_forever", time_sleep_forever},
    {"checkpoint", time_checkpoint},
    {"checkpoint_if_cancelled", time_checkpoint_if_cancelled},
    {"cancel_shielded_checkpoint", time_shielded_checkpoint},
    {"yield", time_yield},
    {"timer", time_timer},
    {NULL, NULL}};

int luaopen_anyrun_time(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
