/*
 * A clock that a script brought.
 *
 * The object answers start_clock(), current_time() and
 * deadline_to_sleep_time(deadline). One with a field autojump_threshold is
 * told, by _autojump(), when every task has been blocked for so long. An
 * error in any of them ends the run, as an error in the scheduler.
 */

#include "host/lclock.h"

#include <lauxlib.h>
#include <math.h>

#include "host/lrun.h"
#include "host/raise.h"

typedef struct {
  ar_clock clock; /* first */
  ar_host *host;
  ar_lrun *run; /* borrowed: part of its user values */
} lua_clock;

/* Where to call it: on the stack of who asks, so that its error is raised
 * there; before the run is current, on that of who opens it. */
static lua_State *stack_of(const lua_clock *c) {
  return c->host->run == c->run ? ar_host_stack(c->host) : c->run->L;
}

/* [-0, +1] A method's result, with `arg` unless it is NaN. */
static double call(lua_clock *c, const char *method, double arg) {
  lua_State *L = stack_of(c);
  double result;
  luaL_checkstack(L, 8, NULL);
  lua_rawgetp(L, LUA_REGISTRYINDEX, c);
  lua_getfield(L, -1, method);
  lua_insert(L, -2);
  if (isnan(arg)) {
    lua_call(L, 1, 1);
  } else {
    lua_pushnumber(L, arg);
    lua_call(L, 2, 1);
  }
  result = lua_tonumber(L, -1);
  lua_pop(L, 1);
  return result;
}

static ar_time now(ar_clock *clock) {
  return ar_time_of_seconds(call((lua_clock *)clock, "current_time", NAN));
}

static ar_time to_sleep(ar_clock *clock, ar_time deadline) {
  double s = call((lua_clock *)clock, "deadline_to_sleep_time",
                  ar_time_to_seconds(deadline));
  return s <= 0 ? 0 : ar_time_of_seconds(s);
}

static ar_time threshold(ar_clock *clock) {
  lua_clock *c = (lua_clock *)clock;
  lua_State *L = stack_of(c);
  double s;
  lua_rawgetp(L, LUA_REGISTRYINDEX, c);
  lua_getfield(L, -1, "autojump_threshold");
  s = luaL_optnumber(L, -1, HUGE_VAL);
  lua_pop(L, 2);
  return ar_time_of_seconds(s);
}

static void jump(ar_clock *clock, ar_time deadline) {
  (void)call((lua_clock *)clock, "_autojump", ar_time_to_seconds(deadline));
}

static int collect(lua_State *L) {
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, lua_touserdata(L, 1));
  return 0;
}

ar_clock *ar_lclock_open(lua_State *L, int self, int opts) {
  lua_clock *c;
  if (opts == 0 || lua_getfield(L, opts, "clock") == LUA_TNIL) {
    if (opts != 0)
      lua_pop(L, 1);
    return NULL;
  }
  /* stack: clock object. The C side is kept by the run, the object by the
   * registry until the C side is collected. */
  c = lua_newuserdatauv(L, sizeof *c, 0);
  c->clock.now = now;
  c->clock.to_sleep = to_sleep;
  c->clock.threshold = NULL;
  c->clock.jump = NULL;
  c->clock.offset = 0;
  c->clock.is_far = NULL;
  c->run = lua_touserdata(L, self);
  c->host = c->run->host;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, c);
  lua_setiuservalue(L, self, AR_RUN_CLOCK);
  if (lua_getfield(L, -1, "autojump_threshold") != LUA_TNIL) {
    c->clock.threshold = threshold;
    c->clock.jump = jump;
  }
  lua_pop(L, 1);
  c->run->L = L;
  lua_getfield(L, -1, "start_clock");
  lua_insert(L, -2);
  if (lua_isnil(L, -2)) {
    lua_pop(L, 2);
  } else if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    ar_push_error(L, "TrioInternalError", "the scheduler failed");
    lua_insert(L, -2);
    lua_setfield(L, -2, "cause");
    ar_rethrow(L);
  }
  return &c->clock;
}
