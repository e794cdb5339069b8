/*
 * Module _anyrun.thread: Lua states in threads of their own.
 */

#include <string.h>

#include "base/err.h"
#include "bind/calls.h"
#include "bind/libs.h"
#include "bind/worker.h"
#include "host/copier.h"
#include "host/lrun.h"
#include "host/marshal.h"
#include "host/raise.h"

/* The crews of a Lua state. */
typedef enum {
  CREW_THREAD,      /* serve many calls */
  CREW_INTERPRETER, /* the same, apart */
  CREW_DAEMON,      /* one call each; nobody waits for them in the end */
  CREW_AWAITED,     /* one call each; the end of the state waits for them */
  CREW_COUNT
} crew_kind;

static const char *const crew_names[] = {"thread", "interpreter", "daemon",
                                         "awaited", NULL};

/* What a call is submitted as: to one of the crews, or to CREW_THREAD, but
 * without a way back into the run. */
enum {
  STRAY = CREW_COUNT
};

static const char *const submit_names[] = {"thread",  "interpreter", "daemon",
                                           "awaited", "stray",       NULL};

static const ar_duty *const duties[CREW_COUNT] = {
    &ar_worker_thread, &ar_worker_interpreter, &ar_worker_once,
    &ar_worker_once};

typedef struct {
  ar_crew *crews[CREW_COUNT]; /* owned; NULL: not yet made */
} workforce;

static const char key_workforce[] = "threads of the state";

static int workforce_gc(lua_State *L) {
  workforce *w = lua_touserdata(L, 1);
  for (int i = CREW_COUNT - 1; i >= 0; i--) {
    if (w->crews[i] != NULL)
      ar_crew_close(w->crews[i], i == CREW_AWAITED);
    w->crews[i] = NULL;
  }
  return 0;
}

static workforce *new_workforce(lua_State *L) {
  workforce *w = lua_newuserdatauv(L, sizeof *w, 0);
  memset(w, 0, sizeof *w);
  if (luaL_newmetatable(L, "Workforce")) {
    lua_pushcfunction(L, workforce_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key_workforce);
  return w;
}

static workforce *get_workforce(lua_State *L) {
  workforce *w = NULL;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, key_workforce) == LUA_TUSERDATA)
    w = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return w;
}

static ar_crew *check_crew(lua_State *L, crew_kind kind) {
  workforce *w = get_workforce(L);
  if (w == NULL)
    w = new_workforce(L);
  if (w->crews[kind] == NULL)
    w->crews[kind] = ar_crew_new(duties[kind]);
  if (w->crews[kind] == NULL)
    luaL_error(L, "not enough memory");
  return w->crews[kind];
}

/* submit(kind, context, name, f, ...) -> Call: a thread calls f. In a run, the
 * task that waits for it hears of it in its loop; a "stray" one has none. */
static int thread_submit(lua_State *L) {
  int kind = luaL_checkoption(L, 1, NULL, submit_names);
  ar_host *host = ar_host_of(L);
  const int first = 6; /* stack place of the first argument, in the end */
  ar_crew *crew;
  ar_call *call;
  ar_err err;
  luaL_checkany(L, 4);
  crew = check_crew(L, kind == STRAY ? CREW_THREAD : (crew_kind)kind);
  call = ar_call_push_new(L);
  lua_insert(L, 1);
  call->backend = host->backend;
  if (host->run != NULL && kind <= CREW_INTERPRETER)
    ar_call_at_home(L, call, host->run);
  call->interruptible = kind == CREW_INTERPRETER; /* it knows of no run */
  /* stack: call, kind, context, name, f, args... */
  if (kind == CREW_DAEMON && luaL_testudata(L, first, ar_call_class.name)) {
    /* Somebody waits for what the thread says in between. */
    call->backs = ar_check_call(L, first);
    ar_shared_take(&call->backs->shared);
  }
  ar_worker_pack_request(L, call, lua_gettop(L) - 2);
  ar_shared_take(&call->shared); /* the job's */
  err = ar_crew_run(crew, call);
  if (err != 0) {
    ar_call_drop(call);
    ar_raise_oserror(L, err, "cannot start a thread");
  }
  lua_settop(L, 1);
  return 1;
}

/* ask(door or nil, ...) -> Call with these values: for a run, or for whoever
 * waits for the call that this thread serves, which is to wait for the answer;
 * nil where there is nobody. */
static int thread_ask(lua_State *L) {
  ar_door *door = NULL;
  ar_call *served = NULL, *call;
  if (!lua_isnil(L, 1))
    door = ar_check_door(L, 1);
  else
    served = ar_worker_current(L);
  if (served != NULL)
    door = served->door;
  if (door == NULL)
    return 0;
  call = ar_call_push_new(L);
  lua_replace(L, 1);
  ar_worker_pack_request(L, call, lua_gettop(L) - 1);
  if (served != NULL) {
    ar_shared_take(&served->shared);
    call->from = served;
  }
  if (served == NULL || !ar_call_ask(served, call))
    ar_door_knock(door, call);
  return 1;
}

/* promise() -> a Call that somebody will fulfil */
static int thread_promise(lua_State *L) {
  (void)ar_call_push_new(L);
  return 1;
}

/* current() -> the Call that this thread serves, or nil */
static int thread_current(lua_State *L) {
  ar_call *call = ar_worker_current(L);
  if (call == NULL)
    return 0;
  ar_shared_push(L, &call->shared);
  return 1;
}

/* name() -> as it was given to the thread, or nil */
static int thread_name(lua_State *L) {
  lua_pushstring(L, ar_worker_name(L));
  return 1;
}

/* dismiss(kind): idle threads end */
static int thread_dismiss(lua_State *L) {
  int kind = luaL_checkoption(L, 1, NULL, crew_names);
  const workforce *w = get_workforce(L);
  if (w != NULL && w->crews[kind] != NULL)
    ar_crew_dismiss(w->crews[kind]);
  return 0;
}

void ar_workers_dismiss(lua_State *L) {
  const workforce *w = get_workforce(L);
  if (w != NULL && w->crews[CREW_THREAD] != NULL)
    ar_crew_dismiss(w->crews[CREW_THREAD]);
}

/* counts(kind) -> at work, idle, seconds after which an idle one ends */
static int thread_counts(lua_State *L) {
  int kind = luaL_checkoption(L, 1, NULL, crew_names);
  const workforce *w = get_workforce(L);
  unsigned busy = 0, idle = 0;
  if (w != NULL && w->crews[kind] != NULL)
    ar_crew_count(w->crews[kind], &busy, &idle);
  lua_pushinteger(L, busy);
  lua_pushinteger(L, idle);
  lua_pushnumber(L, ar_time_to_seconds(duties[kind]->patience));
  return 3;
}

/* must_begin(task) -> the task: its first step is made in any case, since
 * another thread waits for what it does */
static int thread_must_begin(lua_State *L) {
  ar_check_task(L, 1)->task.must_begin = true;
  lua_settop(L, 1);
  return 1;
}

/* refer(value) -> a reference to it */
static int thread_refer(lua_State *L) {
  luaL_checkany(L, 1);
  ar_copier_refer(L, 1);
  return 1;
}

static const luaL_Reg functions[] = {
    {"submit", thread_submit},   {"ask", thread_ask},
    {"promise", thread_promise}, {"current", thread_current},
    {"door", ar_thread_door},    {"name", thread_name},
    {"cell", ar_thread_cell},    {"dismiss", thread_dismiss},
    {"counts", thread_counts},   {"must_begin", thread_must_begin},
    {"refer", thread_refer},     {NULL, NULL}};

int luaopen_anyrun_thread(lua_State *L) {
  ar_calls_open(L);
  ar_doors_open(L);
  ar_cells_open(L);
  luaL_newlib(L, functions);
  return 1;
}
