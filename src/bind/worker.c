/*
 * Lua states in threads of their own: what runs the calls of others.
 *
 * A state is made when its thread gets its first call, and has anyrun's
 * libraries and no run: no task, hence no current async library. os.exit
 * raises a SystemExit there: it ends the call, and what that means is for
 * whoever waits for it.
 */

#include "bind/worker.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/err.h"
#include "bind/libs.h"
#include "host/copier.h"
#include "host/host.h"
#include "host/marshal.h"
#include "host/raise.h"
#include "host/traceback.h"

#define SECOND INT64_C(1000000000)

/* A parcel of so many bytes is kept for the answer. */
#define MUCH ((size_t)64 * 1024)

static const char key_name[] = "name of the thread";

/* ---- what travels ------------------------------------------------------- */

static const char *const request_labels[] = {"context", "name", "function"};

static const ar_copying request_copying = {
    true, true, request_labels, (int)ar_countof(request_labels), "argument"};

static const char *const answer_labels[] = {"answer"};

const ar_copying ar_worker_answers = {true, false, answer_labels,
                                      (int)ar_countof(answer_labels), "result"};

void ar_worker_pack_request(lua_State *L, ar_call *call, int n) {
  call->request = ar_parcel_new();
  if (call->request == NULL)
    luaL_error(L, "not enough memory");
  ar_marshal(L, call->request, lua_gettop(L) - n + 1, n, &request_copying);
  lua_pop(L, n);
}

typedef struct {
  ar_parcel *parcel;
  const ar_copying *how;
} packing;

/* stack: packing, values... */
static int pack(lua_State *L) {
  const packing *p = lua_touserdata(L, 1);
  ar_marshal(L, p->parcel, 2, lua_gettop(L) - 1, p->how);
  return 0;
}

/* [-n, +0 or 1] ... into the parcel, which is emptied. False: they cannot be,
 * for the error that is on top then. */
static bool try_pack(lua_State *L, ar_parcel *parcel, int n,
                     const ar_copying *how) {
  packing p = {parcel, how};
  int first = lua_gettop(L) - n + 1;
  ar_parcel_clear(parcel);
  if (!lua_checkstack(L, 8)) {
    lua_settop(L, first); /* that one place will do for what is to be said */
    lua_pushnil(L);
    lua_replace(L, first);
    return false;
  }
  lua_pushcfunction(L, pack);
  lua_insert(L, first);
  lua_pushlightuserdata(L, &p);
  lua_insert(L, first + 1);
  return lua_pcall(L, n + 1, 0, 0) == LUA_OK;
}

/* [-1, +0] The error that is on top instead. False: no memory. */
static bool pack_instead(lua_State *L, ar_parcel *parcel,
                         const ar_copying *how) {
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  if (try_pack(L, parcel, 2, how))
    return true;
  lua_pop(L, 1);
  return false;
}

/* [-n, +0] ... or an error instead. */
static bool pack_into(lua_State *L, ar_parcel *parcel, int n,
                      const ar_copying *how) {
  return try_pack(L, parcel, n, how) || pack_instead(L, parcel, how);
}

static int to_text(lua_State *L) {
  (void)luaL_tolstring(L, 1, NULL);
  return 1;
}

/* stack: an error, why it cannot be told as it was */
static int combine(lua_State *L) {
  lua_settop(L, 2);
  lua_pushcfunction(L, to_text);
  lua_pushvalue(L, 1);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK)
    lua_pushstring(L, luaL_typename(L, 1));
  lua_replace(L, 1);
  lua_settop(L, 2);
  if (ar_is_error(L, 2))
    lua_getfield(L, 2, "message");
  else
    lua_pushvalue(L, 2);
  ar_raise(L, "TypeError", "%s; the error was: %s", lua_tostring(L, 3),
           lua_tostring(L, 1));
}

/* [-3, +0] false, an error, its traceback: into the parcel. Where the error
 * cannot be copied, at least what it said. */
static bool pack_error(lua_State *L, ar_parcel *parcel, const ar_copying *how) {
  static const char *const labels[] = {"answer", "error", "traceback"};
  ar_copying mine = *how;
  int saved = lua_gettop(L) - 2;
  mine.labels = labels;
  mine.n_labels = (int)ar_countof(labels);
  lua_pushvalue(L, saved + 1);
  lua_insert(L, saved); /* stack: error, false, error, traceback */
  if (try_pack(L, parcel, 3, &mine)) {
    lua_settop(L, saved - 1);
    return true;
  }
  /* stack: error, the other error */
  lua_pushcfunction(L, combine);
  lua_insert(L, saved);
  (void)lua_pcall(L, 2, 0, 0);
  return pack_instead(L, parcel, how);
}

ar_parcel *ar_worker_pack_answer(lua_State *L, int n, const ar_copying *how) {
  ar_parcel *parcel = ar_parcel_new();
  if (parcel == NULL) {
    lua_pop(L, n);
    return NULL;
  }
  if (pack_into(L, parcel, n, how))
    return parcel;
  ar_parcel_free(parcel);
  return NULL;
}

/* ---- the state ---------------------------------------------------------- */

/* os.exit([status]) */
static int exit_call(lua_State *L) {
  if (lua_isnoneornil(L, 1))
    lua_pushinteger(L, 0);
  else if (lua_isboolean(L, 1))
    lua_pushinteger(L, lua_toboolean(L, 1) ? 0 : 1);
  else
    lua_pushinteger(L, luaL_checkinteger(L, 1));
  ar_call_errors(L, "SystemExit", 1, 1);
  return lua_error(L);
}

typedef struct {
  const char *backend;
  bool in_thread;
} setting;

/* Memory of the state is there until its last finalizer has run. */
static void set_warnings(lua_State *L) {
  ar_warnings *w = lua_newuserdatauv(L, sizeof *w, 0);
  memset(w, 0, sizeof *w);
  (void)luaL_ref(L, LUA_REGISTRYINDEX);
  lua_setwarnf(L, ar_warnings_print, w);
}

static int prepare(lua_State *L) {
  const setting *s = lua_touserdata(L, 1);
  lua_settop(L, 0);
  (void)lua_gc(L, LUA_GCSTOP);
  set_warnings(L);
  luaL_openlibs(L);
  ar_libs_open(L);
  ar_host_open_thread(L, s->backend);
  if (s->in_thread) {
    lua_getglobal(L, "os");
    lua_pushcfunction(L, exit_call);
    lua_setfield(L, -2, "exit");
  }
  (void)lua_gc(L, LUA_GCRESTART);
  (void)lua_gc(L, LUA_GCGEN, 0, 0);
  return 0;
}

lua_State *ar_worker_state(const char *backend, bool in_thread) {
  setting s = {backend, in_thread};
  lua_State *L = ar_host_newstate();
  if (L == NULL)
    return NULL;
  lua_pushcfunction(L, prepare);
  lua_pushlightuserdata(L, &s);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK)
    return L;
  ar_host_closestate(L);
  return NULL;
}

/* ---- a call ------------------------------------------------------------- */

typedef struct {
  ar_parcel *parcel; /* owned: the request, and then the answer */
  bool answered;
  bool dressed; /* it has a context or a name of its own */
  const ar_copying *how;
} turn;

ar_call *ar_worker_current(lua_State *L) {
  return ar_host_of(L)->serving;
}

const char *ar_worker_name(lua_State *L) {
  const char *name;
  lua_rawgetp(L, LUA_REGISTRYINDEX, key_name);
  name = lua_tostring(L, -1);
  lua_pop(L, 1); /* the registry keeps it */
  return name;
}

static void set_name(lua_State *L, int idx) {
  if (!lua_isstring(L, idx))
    return;
  lua_pushvalue(L, idx);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key_name);
  (void)prctl(PR_SET_NAME, lua_tostring(L, idx), 0, 0, 0);
}

/* What was a large request is read: its memory is not for the answer. */
static void forget_much(ar_parcel *parcel) {
  if (parcel->capacity > MUCH)
    ar_parcel_empty(parcel);
}

/* Call the function at AR_REQUEST_FUNCTION, and pack what comes of it. */
static void call_function(lua_State *L, turn *t) {
  int f = AR_REQUEST_FUNCTION, nargs = lua_gettop(L) - f, status;
  lua_pushcfunction(L, ar_traceback_handler);
  lua_replace(L, f - 1); /* the name is not needed any more */
  status = lua_pcall(L, nargs, LUA_MULTRET, f - 1);
  lua_pushboolean(L, status == LUA_OK);
  lua_replace(L, f - 1);
  if (status == LUA_OK) {
    t->answered = pack_into(L, t->parcel, lua_gettop(L) - f + 2, t->how);
    return;
  }
  ar_traceback_push(L, f); /* stack: ..., false, error, traceback */
  t->answered = pack_error(L, t->parcel, t->how);
}

static int serve_protected(lua_State *L) {
  turn *t = lua_touserdata(L, 1);
  lua_settop(L, 0);
  ar_copier_begin_expiring(L);
  (void)ar_unmarshal(L, t->parcel, true);
  forget_much(t->parcel);
  t->dressed =
      !lua_isnil(L, AR_REQUEST_CONTEXT) || lua_isstring(L, AR_REQUEST_NAME);
  if (t->dressed) {
    lua_pushvalue(L, AR_REQUEST_CONTEXT);
    lua_rawsetp(L, LUA_REGISTRYINDEX, ar_key_context);
    set_name(L, AR_REQUEST_NAME);
  }
  call_function(L, t);
  ar_copier_expire(L);
  return 0;
}

/* The thread has neither the call's context nor its name any more. */
static int undress(lua_State *L) {
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, ar_key_context);
  if (ar_worker_name(L) != NULL) {
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key_name);
    (void)prctl(PR_SET_NAME, lua_touserdata(L, 1), 0, 0, 0);
  }
  return 0;
}

/* The state is as it was before the call. */
static void tidy(lua_State *L, const turn *t, const char *name) {
  ar_host_of(L)->serving = NULL;
  if (t->dressed) {
    lua_pushcfunction(L, undress);
    lua_pushlightuserdata(L, (void *)(uintptr_t)name);
    (void)lua_pcall(L, 1, 0, 0);
  }
  lua_settop(L, 0);
}

ar_parcel *ar_worker_answer(lua_State *L, ar_call *call, ar_parcel *parcel,
                            const ar_copying *how, const char *name) {
  turn t = {parcel, false, false, how};
  ar_host_of(L)->serving = call;
  lua_pushcfunction(L, serve_protected);
  lua_pushlightuserdata(L, &t);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK && !t.answered) {
    lua_pushliteral(L, "broken"); /* not an error of the function */
    lua_insert(L, -2);
    t.answered = pack_into(L, parcel, 2, how);
  }
  tidy(L, &t, name);
  if (t.answered)
    return parcel;
  ar_parcel_free(parcel);
  return NULL;
}

/* The answer; NULL: there is none, for lack of memory or of interest. */
static void *serve(void **own, ar_call *call, const ar_duty *duty) {
  ar_parcel *parcel = ar_call_take(call);
  lua_State *L = *own;
  if (parcel == NULL)
    return NULL;
  if (L == NULL) {
    L = ar_worker_state(call->backend, true);
    *own = L;
  }
  if (L != NULL)
    return ar_worker_answer(L, duty == &ar_worker_interpreter ? NULL : call,
                            parcel, &ar_worker_answers, duty->name);
  ar_parcel_free(parcel);
  return NULL;
}

static void tell(void *job, void *answer) {
  ar_call *call = job;
  (void)ar_call_finish(call, AR_CALL_ANSWERED, answer);
  ar_call_drop(call);
}

static void rest(void *own) {
  if (own != NULL)
    (void)lua_gc(own, LUA_GCCOLLECT);
}

static void end(void *own) {
  if (own != NULL)
    ar_host_closestate(own);
}

static void *run_thread(void **own, void *job) {
  return serve(own, job, &ar_worker_thread);
}

const ar_duty ar_worker_thread = {.name = "anyrun worker",
                                  .patience = 10 * SECOND,
                                  .pause = SECOND / 20,
                                  .run = run_thread,
                                  .tell = tell,
                                  .rest = rest,
                                  .end = end};

static void *run_interpreter(void **own, void *job) {
  return serve(own, job, &ar_worker_interpreter);
}

const ar_duty ar_worker_interpreter = {.name = "anyrun interp",
                                       .patience = 30 * SECOND,
                                       .pause = SECOND / 20,
                                       .run = run_interpreter,
                                       .tell = tell,
                                       .rest = rest,
                                       .end = end};

static void *run_once(void **own, void *job) {
  return serve(own, job, &ar_worker_once);
}

const ar_duty ar_worker_once = {.name = "anyrun thread",
                                .once = true,
                                .run = run_once,
                                .tell = tell,
                                .rest = rest,
                                .end = end};
