/*
 * Module _anyrun.signal: names of signals, receivers, handlers.
 *
 * A receiver keeps each of its signals at most once, in the order in which
 * they began to wait to be read. A handler is a function that the scheduler
 * calls.
 */

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "bind/await.h"
#include "bind/libs.h"
#include "bind/luax.h"
#include "host/lrun.h"
#include "host/raise.h"
#include "loop/signal.h"

/* ---- names -------------------------------------------------------------- */

static const struct {
  const char *name;
  int number;
} names[] = {
    {"SIGABRT", SIGABRT},     {"SIGALRM", SIGALRM},     {"SIGBUS", SIGBUS},
    {"SIGCHLD", SIGCHLD},     {"SIGCONT", SIGCONT},     {"SIGFPE", SIGFPE},
    {"SIGHUP", SIGHUP},       {"SIGILL", SIGILL},       {"SIGINT", SIGINT},
    {"SIGIO", SIGIO},         {"SIGKILL", SIGKILL},     {"SIGPIPE", SIGPIPE},
    {"SIGPROF", SIGPROF},     {"SIGPWR", SIGPWR},       {"SIGQUIT", SIGQUIT},
    {"SIGSEGV", SIGSEGV},     {"SIGSTKFLT", SIGSTKFLT}, {"SIGSTOP", SIGSTOP},
    {"SIGSYS", SIGSYS},       {"SIGTERM", SIGTERM},     {"SIGTRAP", SIGTRAP},
    {"SIGTSTP", SIGTSTP},     {"SIGTTIN", SIGTTIN},     {"SIGTTOU", SIGTTOU},
    {"SIGURG", SIGURG},       {"SIGUSR1", SIGUSR1},     {"SIGUSR2", SIGUSR2},
    {"SIGVTALRM", SIGVTALRM}, {"SIGWINCH", SIGWINCH},   {"SIGXCPU", SIGXCPU},
    {"SIGXFSZ", SIGXFSZ}};

/* 0: none is called so. */
static int number_of(const char *name) {
  char *end;
  long offset;
  for (size_t i = 0; i < ar_countof(names); i++)
    if (strcmp(names[i].name, name) == 0)
      return names[i].number;
  if (strncmp(name, "SIGRTMIN", 8) != 0)
    return 0;
  if (name[8] == '\0')
    return SIGRTMIN;
  offset = strtol(name + 8, &end, 10);
  if (name[8] != '+' || *end != '\0' || offset > SIGRTMAX - SIGRTMIN)
    return 0;
  return SIGRTMIN + (int)offset;
}

/* number(name or number) -> number, or nil if there is no such signal */
static int signal_number(lua_State *L) {
  lua_Integer number;
  if (lua_type(L, 1) == LUA_TSTRING) {
    number = number_of(lua_tostring(L, 1));
  } else {
    number = luaL_checkinteger(L, 1);
  }
  if (number < 1 || number > SIGRTMAX)
    lua_pushnil(L);
  else
    lua_pushinteger(L, number);
  return 1;
}

static void push_name(lua_State *L, int number) {
  for (size_t i = 0; i < ar_countof(names); i++) {
    if (names[i].number == number) {
      lua_pushstring(L, names[i].name);
      return;
    }
  }
  if (number == SIGRTMIN)
    lua_pushliteral(L, "SIGRTMIN");
  else if (number > SIGRTMIN)
    lua_pushfstring(L, "SIGRTMIN+%d", number - SIGRTMIN);
  else
    lua_pushfstring(L, "%d", number);
}

static int signal_name(lua_State *L) {
  push_name(L, (int)luaL_checkinteger(L, 1));
  return 1;
}

AR_NORETURN static void raise_refused(lua_State *L, ar_err err, int signum) {
  push_name(L, signum);
  if (err == AR_EPERM)
    ar_raise(L, "RuntimeError",
             "signals can be received only in the main thread");
  if (err == AR_EINVAL)
    ar_raise(L, "ValueError", "signal %s cannot be received",
             lua_tostring(L, -1));
  ar_raise_oserror(L, err, lua_tostring(L, -1));
}

/* ---- Receiver ----------------------------------------------------------- */

typedef struct receiver receiver;

/* One of its signals. */
typedef struct {
  ar_signal_watch watch; /* first */
  ar_link unread;        /* in receiver.unread while it is */
  receiver *owner;
} part;

struct receiver {
  ar_op op; /* a task waits for the next one */
  ar_loose loose;
  ar_lrun *run;   /* borrowed: closes it; NULL: closed */
  ar_list unread; /* parts, the one that has waited longest first */
  size_t n;
  part parts[];
};

static bool cancel_wait(ar_op *op) {
  (void)op;
  return true;
}

static void orphan_wait(ar_op *op) {
  (void)op; /* it is part of its receiver */
}

static const ar_op_kind next_kind = {cancel_wait, orphan_wait};

static void arrived(ar_signal_watch *watch) {
  part *p = ar_container_of(watch, part, watch);
  if (!ar_link_is_linked(&p->unread))
    ar_list_push(&p->owner->unread, &p->unread);
  if (ar_op_is_pending(&p->owner->op))
    ar_op_end(&p->owner->op, 0);
}

static void close_receiver(receiver *r) {
  if (r->run == NULL)
    return;
  r->run = NULL;
  ar_list_remove(&r->loose.link);
  if (ar_op_is_pending(&r->op))
    ar_op_end(&r->op, AR_EBADF);
  for (size_t i = 0; i < r->n; i++) {
    bool unread = ar_link_is_linked(&r->parts[i].unread);
    ar_list_remove(&r->parts[i].unread);
    ar_signal_unwatch(&r->parts[i].watch, unread);
  }
}

static void run_ends(lua_State *L, ar_loose *loose) {
  receiver *r = ar_container_of(loose, receiver, loose);
  (void)L;
  ar_link_init(&loose->link);
  ar_op_abandon(&r->op);
  close_receiver(r);
}

/* receive(numbers) -> Receiver */
static int receive(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  receiver *r;
  size_t n;
  luaL_checktype(L, 1, LUA_TTABLE);
  n = lua_rawlen(L, 1);
  r = lua_newuserdatauv(L, sizeof *r + n * sizeof r->parts[0], 0);
  ar_op_init(&r->op, &next_kind);
  ar_link_init(&r->loose.link);
  r->loose.drop = run_ends;
  r->run = run;
  ar_list_init(&r->unread);
  r->n = n;
  for (size_t i = 0; i < n; i++) {
    ar_signal_watch_init(&r->parts[i].watch);
    ar_link_init(&r->parts[i].unread);
    r->parts[i].owner = r;
  }
  ar_list_push(&run->loose, &r->loose.link);
  luaL_setmetatable(L, "SignalReceiver");
  for (size_t i = 0; i < n; i++) {
    int signum;
    ar_err err;
    lua_rawgeti(L, 1, (lua_Integer)i + 1);
    signum = (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    err = ar_signal_watch_start(&r->parts[i].watch, signum, arrived);
    if (err != 0) {
      close_receiver(r); /* what stood there before comes back */
      raise_refused(L, err, signum);
    }
  }
  return 1;
}

static receiver *check_receiver(lua_State *L) {
  receiver *r = luaL_checkudata(L, 1, "SignalReceiver");
  if (r->run == NULL)
    ar_raise(L, "ClosedResourceError", "this signal receiver is closed");
  if (ar_op_is_pending(&r->op))
    ar_raise(L, "BusyResourceError",
             "another task is already receiving from this signal receiver");
  return r;
}

static int nextk(lua_State *L, int status, lua_KContext ctx);

static int wait_next(lua_State *L, receiver *r, ar_coro *c) {
  ar_op_begin(&r->op, c->task.sched->loop);
  return ar_await(L, c, &r->op, AR_AWAIT_UNDOES, "a signal", nextk, 0);
}

static int next_once(lua_State *L, receiver *r, ar_coro *c) {
  ar_link *link = ar_list_pop(&r->unread);
  if (link == NULL)
    return wait_next(L, r, c);
  lua_pushinteger(L, ar_container_of(link, part, unread)->watch.signum);
  return 1;
}

static int nextk(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_awaited(L);
  (void)status;
  (void)ctx;
  return next_once(L, check_receiver(L), c);
}

static int next_begink(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_resumed(L);
  receiver *r = check_receiver(L);
  (void)status;
  (void)ctx;
  if (ar_task_pending(&c->task) != AR_CAUSE_NONE) /* a wait undone at once */
    return wait_next(L, r, c);
  return next_once(L, r, c);
}

/* next(receiver) -> number */
static int receiver_next(lua_State *L) {
  ar_coro *c = ar_coro_check(L);
  const receiver *r = check_receiver(L);
  if (&r->run->run.sched != c->task.sched)
    ar_raise(L, "RuntimeError", "this signal receiver belongs to another run");
  lua_settop(L, 1);
  c->cancel_points++;
  c->schedule_points++;
  ar_task_yield(&c->task);
  return ar_suspend(L, next_begink, 0);
}

static int receiver_close(lua_State *L) {
  close_receiver(luaL_checkudata(L, 1, "SignalReceiver"));
  return 0;
}

static int receiver_unread(lua_State *L) {
  receiver *r = luaL_checkudata(L, 1, "SignalReceiver");
  lua_pushinteger(L, (lua_Integer)ar_list_length(&r->unread));
  return 1;
}

/* ---- Handler ------------------------------------------------------------ */

typedef struct {
  ar_signal_watch watch; /* first */
  ar_job job;            /* queued when it has arrived */
  ar_loose loose;
  ar_lrun *run; /* borrowed: stops it; NULL: stopped */
} handler;

#define UV_FUNCTION 1

static void on_handled(ar_signal_watch *watch) {
  handler *h = ar_container_of(watch, handler, watch);
  if (!ar_link_is_linked(&h->job.ready))
    ar_sched_queue(&h->run->run.sched, &h->job);
}

static void call_handler(ar_job *job) {
  handler *h = ar_container_of(job, handler, job);
  lua_State *L = ar_host_stack(h->run->host);
  luaL_checkstack(L, 4, NULL);
  lua_rawgetp(L, LUA_REGISTRYINDEX, h);
  lua_getiuservalue(L, -1, UV_FUNCTION);
  lua_remove(L, -2);
  ar_lrun_callback(L, h->run, 0, "signal handler");
}

static void stop_handler(lua_State *L, handler *h) {
  ar_loop *loop;
  if (h->run == NULL)
    return;
  loop = h->run->run.loop;
  ar_signal_unwatch(&h->watch, ar_link_is_linked(&h->job.ready));
  h->run = NULL;
  ar_list_remove(&h->job.ready);
  ar_list_remove(&h->loose.link);
  ar_loop_expect(loop, -1);
  lua_pushnil(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, h);
}

static void drop_handler(lua_State *L, ar_loose *loose) {
  ar_link_init(&loose->link);
  stop_handler(L, ar_container_of(loose, handler, loose));
}

/* handle(number, f) -> Handler: f() is called, as a callback, when the signal
 * has arrived */
static int handle(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  int signum = (int)luaL_checkinteger(L, 1);
  handler *h;
  ar_err err;
  luaL_checktype(L, 2, LUA_TFUNCTION);
  lua_settop(L, 2);
  h = lua_newuserdatauv(L, sizeof *h, 1);
  ar_signal_watch_init(&h->watch);
  ar_link_init(&h->job.ready);
  h->job.step = call_handler;
  h->job.id = run->run.sched.next_id++;
  ar_link_init(&h->loose.link);
  h->loose.drop = drop_handler;
  h->run = NULL;
  luaL_setmetatable(L, "SignalHandler");
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 3, UV_FUNCTION);
  lua_pushvalue(L, 3);
  lua_rawsetp(L, LUA_REGISTRYINDEX, h); /* anchored while it listens */
  err = ar_signal_watch_start(&h->watch, signum, on_handled);
  if (err != 0) {
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, h);
    raise_refused(L, err, signum);
  }
  h->run = run;
  ar_list_push(&run->loose, &h->loose.link);
  ar_loop_expect(run->run.loop, 1);
  return 1;
}

static int handler_stop(lua_State *L) {
  stop_handler(L, luaL_checkudata(L, 1, "SignalHandler"));
  return 0;
}

static const luaL_Reg receiver_methods[] = {{"__gc", receiver_close},
                                            {"close", receiver_close},
                                            {"next", receiver_next},
                                            {"unread", receiver_unread},
                                            {NULL, NULL}};

static const luaL_Reg handler_methods[] = {{"stop", handler_stop},
                                           {NULL, NULL}};

static const luaL_Reg functions[] = {{"handle", handle},
                                     {"name", signal_name},
                                     {"number", signal_number},
                                     {"receive", receive},
                                     {NULL, NULL}};

static void open_class(lua_State *L, const char *name, const luaL_Reg *list) {
  ar_class_open(L, name);
  luaL_getmetatable(L, name);
  luaL_setfuncs(L, list, 0);
  lua_pop(L, 1);
}

int luaopen_anyrun_signal(lua_State *L) {
  open_class(L, "SignalReceiver", receiver_methods);
  open_class(L, "SignalHandler", handler_methods);
  luaL_newlib(L, functions);
  return 1;
}
