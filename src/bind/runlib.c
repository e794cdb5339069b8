/*
 * Module _anyrun.run: runs, their callbacks, their statistics.
 */

#include "bind/runlib.h"

#include <math.h>

#include "base/err.h"
#include "bind/item.h"
#include "bind/libs.h"
#include "bind/luax.h"
#include "host/embed.h"
#include "host/hooks.h"
#include "host/lrun.h"
#include "host/raise.h"
#include "host/traceback.h"

static ar_lrun *check_run(lua_State *L, int idx) {
  return luaL_checkudata(L, idx, "Run");
}

/* ---- running ------------------------------------------------------------ */

/* [-0, +1] Open a run with the options table at `opts`. */
static ar_lrun *open_run(lua_State *L, int opts) {
  ar_lrun *run = ar_lrun_open(L, opts);
  int self = lua_gettop(L);
  ar_push_context(L);
  lua_setiuservalue(L, self, AR_RUN_CONTEXT);
  return run;
}

/* What the options say of the main task: its name, its context. */
static void name_main(lua_State *L, int self, int opts) {
  if (lua_getfield(L, opts, "context") != LUA_TNIL)
    lua_setiuservalue(L, self, AR_RUN_CONTEXT);
  else
    lua_pop(L, 1);
  lua_getfield(L, opts, "name");
  lua_setiuservalue(L, self, AR_RUN_NAME);
}

/* [-1, does not return] The driving failed: an error of the scheduler, of a
 * script's clock for instance. On trio that is an internal error. */
static int raise_driving(lua_State *L, ar_lrun *run) {
  ar_lrun_abandon(L, run);
  if (!run->run.backend->policy->counts && !lua_isstring(L, -1)) {
    ar_push_error(L, "TrioInternalError", "the scheduler failed");
    lua_insert(L, -2);
    lua_setfield(L, -2, "cause");
  }
  ar_rethrow(L);
}

/* run(opts, main, ...) */
static int run_run(lua_State *L) {
  int nargs = lua_gettop(L) - 2, status;
  ar_lrun *run;
  luaL_checktype(L, 1, LUA_TTABLE);
  luaL_checkany(L, 2);
  ar_lrun_refuse_nested(L);
  run = open_run(L, 1);
  lua_insert(L, 2); /* stack: opts, run, main, args... */
  name_main(L, 2, 1);
  status = ar_lrun_main(L, 2, nargs);
  if (status != LUA_OK)
    return raise_driving(L, run);
  ar_lrun_close(L, 2);
  return ar_lrun_results(L, 2);
}

static int run_open(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  ar_lrun_refuse_nested(L);
  (void)open_run(L, 1);
  return 1;
}

/* r:run(main, ...) */
static int run_main(lua_State *L) {
  ar_lrun *run = check_run(L, 1);
  int status;
  luaL_checkany(L, 2);
  ar_lrun_refuse_nested(L);
  status = ar_lrun_main(L, 1, lua_gettop(L) - 2);
  if (status != LUA_OK)
    return raise_driving(L, run);
  lua_getiuservalue(L, 1, AR_RUN_ERROR);
  if (!lua_isnil(L, -1)) {
    lua_pushnil(L);
    lua_setiuservalue(L, 1, AR_RUN_ERROR);
    run->run.stop = false;
    ar_rethrow(L);
  }
  lua_pop(L, 1);
  return ar_lrun_results(L, 1);
}

static int run_close(lua_State *L) {
  (void)check_run(L, 1);
  if (((ar_lrun *)lua_touserdata(L, 1))->open)
    ar_lrun_refuse_nested(L);
  lua_settop(L, 1);
  ar_lrun_close(L, 1);
  return 0;
}

static int run_gc(lua_State *L) {
  ar_lrun *run = lua_touserdata(L, 1);
  /* An open run that nobody has any more: the loop goes, the tasks with it. */
  if (run->open)
    ar_lrun_abandon_quietly(L, run);
  return 0;
}

static int run_stop_main(lua_State *L) {
  ar_lrun *run = check_run(L, 1);
  run->run.stop = true;
  return 0;
}

/* r:vars() */
static int run_own_vars(lua_State *L) {
  (void)check_run(L, 1);
  lua_getiuservalue(L, 1, AR_RUN_VARS);
  return 1;
}

static int own_call_soon(lua_State *L) {
  ar_lrun *run = check_run(L, 1);
  luaL_checkany(L, 2);
  if (!run->open)
    ar_raise(L, "RuntimeError", "Event loop is closed");
  if (lua_isnone(L, 3))
    lua_pushnil(L);
  return ar_item_soon(L, run, 2, 3, lua_gettop(L) - 3);
}

static int own_timer(lua_State *L) {
  ar_lrun *run = check_run(L, 1);
  lua_Number when = ar_check_seconds(L, 2);
  luaL_checkany(L, 3);
  if (!run->open)
    ar_raise(L, "RuntimeError", "Event loop is closed");
  return ar_item_timer(L, run, ar_time_of_seconds(when), 3);
}

static int own_now(lua_State *L) {
  ar_lrun *run = check_run(L, 1);
  lua_pushnumber(L, ar_time_to_seconds(ar_sched_now(&run->run.sched)));
  return 1;
}

/* ---- which run is it ---------------------------------------------------- */

/* As sniffio sees it: asyncio's callbacks have none. */
static int run_backend(lua_State *L) {
  ar_host *host = ar_host_of(L);
  ar_lrun *run = host->run;
  if (ar_coro_in_finalizer(L))
    return 0;
  if (run == NULL) {
    if (!host->in_script || host->hop == NULL)
      return 0;
    lua_pushstring(L, host->backend); /* the run the script would begin */
    return 1;
  }
  if (run->run.sched.current == NULL && run->run.sched.policy->counts)
    return 0;
  lua_pushstring(L, run->run.backend->name);
  return 1;
}

static int run_active(lua_State *L) {
  ar_lrun *run = ar_host_of(L)->run;
  if (run == NULL)
    return 0;
  lua_pushstring(L, run->run.backend->name);
  return 1;
}

static int run_default_backend(lua_State *L) {
  lua_pushstring(L, ar_host_of(L)->backend);
  return 1;
}

static int run_default_options(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, ar_key_options);
  return 1;
}

static int run_vars(lua_State *L) {
  ar_lrun_push(L, ar_check_run(L));
  lua_getiuservalue(L, -1, AR_RUN_VARS);
  return 1;
}

static int run_current(lua_State *L) {
  ar_lrun_push(L, ar_check_run(L));
  return 1;
}

/* ---- callbacks ---------------------------------------------------------- */

static int run_call_soon(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  luaL_checkany(L, 1);
  if (lua_isnone(L, 2))
    lua_pushnil(L);
  return ar_item_soon(L, run, 1, 2, lua_gettop(L) - 2);
}

static int run_report(lua_State *L) {
  ar_lrun *run = ar_host_of(L)->run;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  if (run != NULL) {
    ar_lrun_report(L, run);
    return 0;
  }
  ar_embed_require(L, "anyrun.report");
  lua_insert(L, 1);
  lua_call(L, 1, 0);
  return 0;
}

static int run_set_report(lua_State *L) {
  lua_settop(L, 1);
  ar_lrun_push(L, ar_check_run(L));
  lua_insert(L, 1);
  lua_setiuservalue(L, 1, AR_RUN_REPORT);
  return 0;
}

static int run_crash(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  ar_lrun_crash(L, ar_check_run(L));
  return 0;
}

/* ---- statistics, idleness, instruments ---------------------------------- */

static int run_statistics(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  ar_sched *s = &run->run.sched;
  ar_time due = ar_heap_min_key(&s->deadlines);
  lua_createtable(L, 0, 5);
  lua_pushinteger(L, (lua_Integer)s->n_living);
  lua_setfield(L, -2, "tasks_living");
  lua_pushinteger(L, (lua_Integer)ar_sched_runnable(s));
  lua_setfield(L, -2, "tasks_runnable");
  if (due == AR_TIME_MAX)
    lua_pushnumber(L, HUGE_VAL);
  else
    lua_pushnumber(L, ar_time_to_seconds(due - ar_sched_now(s)));
  lua_setfield(L, -2, "seconds_to_next_deadline");
  lua_pushinteger(L, (lua_Integer)s->turns);
  lua_setfield(L, -2, "turns");
  lua_pushinteger(L, (lua_Integer)ar_heap_size(&s->deadlines));
  lua_setfield(L, -2, "deadlines");
  return 1;
}

/* A task that waits until all are blocked: on the C stack of nobody, hence
 * part of the userdata that it has on its own. */
typedef struct {
  ar_idler idler; /* first */
  ar_coro *c;
} waiter;

static void on_idle(ar_idler *idler) {
  ar_task_wake(&((waiter *)idler)->c->task, 0);
}

static ar_abort abort_idle(ar_task *t, ar_cause cause) {
  (void)cause;
  ar_list_remove(&((waiter *)(uintptr_t)t->kit->wait.object)->idler.link);
  return AR_ABORTED;
}

static int idlek(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  (void)ar_coro_resumed(L);
  return 0;
}

static int run_wait_idle(lua_State *L) {
  lua_Number cushion = luaL_optnumber(L, 1, 0);
  ar_coro *c = ar_coro_check(L);
  waiter *w;
  if (isnan(cushion) || cushion < 0)
    ar_raise(L, "ValueError", "cushion must not be negative");
  lua_settop(L, 1);
  w = lua_newuserdatauv(L, sizeof *w, 0);
  ar_link_init(&w->idler.link);
  w->idler.cushion = ar_time_of_seconds(cushion);
  w->idler.idle = on_idle;
  w->c = c;
  c->cancel_points++;
  c->schedule_points++;
  ar_sched_add_idler(c->task.sched, &w->idler);
  ar_task_park(&c->task, "all tasks to be blocked", w, abort_idle);
  return ar_suspend(L, idlek, 0);
}

static int run_add_instrument(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  ar_lrun_push(L, run);
  ar_hooks_add(L, run, 2, 1);
  return 0;
}

static int run_remove_instrument(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  ar_lrun_push(L, run);
  lua_pushboolean(L, ar_hooks_remove(L, run, 2, 1));
  return 1;
}

/* The clock was moved by hand: who waits must look again. */
static int run_clock_changed(lua_State *L) {
  ar_lrun *run = ar_host_of(L)->run;
  if (run != NULL)
    ar_loop_wake(run->run.loop);
  return 0;
}

/* ki_protection([bool]) -> what it was, for the running code */
static int run_ki_protection(lua_State *L) {
  ar_host *host = ar_host_of(L);
  ar_task *t = ar_host_running(host);
  bool old = t == NULL || ar_coro_of(t)->guarded;
  if (t != NULL && lua_isboolean(L, 1))
    ar_coro_of(t)->guarded = lua_toboolean(L, 1);
  lua_pushboolean(L, old);
  return 1;
}

/* globals() -> {run =, current_async_library =}: as scripts see them */
static int run_globals(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, ar_key_globals);
  return 1;
}

static int run_is_winding(lua_State *L) {
  ar_lrun *run = ar_host_of(L)->run;
  lua_pushboolean(L, run != NULL && run->run.winding);
  return 1;
}

/* is_deserted() -> has the last task of the current run ended? */
static int run_is_deserted(lua_State *L) {
  ar_lrun *run = ar_host_of(L)->run;
  lua_pushboolean(L, run != NULL && run->run.winding &&
                         ar_list_is_empty(&run->run.sched.living));
  return 1;
}

/* is_sealed() -> is the current run so near its end that it lets nobody in? */
static int run_is_sealed(lua_State *L) {
  ar_lrun *run = ar_host_of(L)->run;
  lua_pushboolean(L, run != NULL && run->run.sealed);
  return 1;
}

static int run_refuse_nested(lua_State *L) {
  ar_lrun_refuse_nested(L);
  return 0;
}

static const luaL_Reg functions[] = {
    {"run", run_run},
    {"open", run_open},
    {"backend", run_backend},
    {"active", run_active},
    {"current", run_current},
    {"default_backend", run_default_backend},
    {"default_options", run_default_options},
    {"vars", run_vars},
    {"call_soon", run_call_soon},
    {"report", run_report},
    {"set_report", run_set_report},
    {"crash", run_crash},
    {"statistics", run_statistics},
    {"wait_idle", run_wait_idle},
    {"add_instrument", run_add_instrument},
    {"remove_instrument", run_remove_instrument},
    {"clock_changed", run_clock_changed},
    {"ki_protection", run_ki_protection},
    {"globals", run_globals},
    {"is_winding", run_is_winding},
    {"is_sealed", run_is_sealed},
    {"is_deserted", run_is_deserted},
    {"refuse_nested", run_refuse_nested},
    {NULL, NULL}};

static const luaL_Reg methods[] = {{"run", run_main},
                                   {"close", run_close},
                                   {"stop", run_stop_main},
                                   {"vars", run_own_vars},
                                   {"call_soon", own_call_soon},
                                   {"timer", own_timer},
                                   {"now", own_now},
                                   {"__gc", run_gc},
                                   {NULL, NULL}};

void ar_run_class_open(lua_State *L) {
  luaL_getmetatable(L, "Run");
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
  ar_item_open(L);
}

int luaopen_anyrun_run(lua_State *L) {
  luaL_newlib(L, functions);
  return 1;
}
