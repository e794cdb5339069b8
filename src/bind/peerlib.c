/*
 * Module _anyrun.peer: worker processes.
 *
 * A thread sends a request to the process and reads the answer; the task that
 * waits for it hears of that as of any other call.
 */

#include "bind/peerlib.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/calls.h"
#include "bind/libs.h"
#include "bind/worker.h"
#include "host/embed.h"
#include "host/interrupt.h"
#include "host/lrun.h"
#include "host/marshal.h"
#include "host/raise.h"
#include "io/peer.h"

#define PEER "WorkerProcess"

/* Nothing of this process has a meaning in another one. */
static const char *const labels[] = {"context", "name", "function"};

static const ar_copying requests = {false, true, labels,
                                    (int)ar_countof(labels), "argument"};

static const char *const answer_labels[] = {"answer"};

static const ar_copying answers = {false, false, answer_labels,
                                   (int)ar_countof(answer_labels), "result"};

/* ---- in the process ----------------------------------------------------- */

/* Control-C is for the function that runs: it reaches the whole terminal, and
 * not only who waits for the function. At other times it means nothing here. */
static ar_parcel *answer_it(lua_State *L, ar_parcel *parcel, bool listen) {
  if (listen)
    ar_interrupt_listen(ar_host_of(L), true);
  parcel = ar_worker_answer(L, NULL, parcel, &answers, "anyrun");
  if (listen)
    ar_interrupt_listen(ar_host_of(L), false);
  return parcel;
}

/* Serve requests until nobody sends any more. */
static int serve_all(int fd, const char *backend, bool listen) {
  lua_State *L = ar_worker_state(backend, false);
  ar_parcel *parcel = ar_parcel_new();
  ar_err err = L == NULL || parcel == NULL ? AR_ENOMEM : 0;
  while (err == 0) {
    ar_parcel_clear(parcel);
    err = ar_peer_read(fd, parcel);
    if (err != 0)
      break;
    parcel = answer_it(L, parcel, listen);
    err = parcel != NULL ? ar_peer_write(fd, parcel) : AR_ENOMEM;
  }
  ar_parcel_free(parcel);
  if (L != NULL)
    ar_host_closestate(L);
  return err == AR_EOF ? EXIT_SUCCESS : EXIT_FAILURE;
}

bool ar_peer_main(int argc, char **argv, int *status) {
  const size_t length = strlen(AR_PEER_OPTION);
  bool listen;
  char *end;
  long fd;
  if (argc != 2 || strncmp(argv[1], AR_PEER_OPTION, length) != 0)
    return false;
  fd = strtol(argv[1] + length, &end, 10);
  /* Where it was ignored before, as of a job in the background, it stays so. */
  listen = signal(SIGINT, SIG_IGN) != SIG_IGN;
  *status = EXIT_FAILURE;
  if (*end == ',' && fd > 2 && fd < 1 << 20 && ar_peer_become((int)fd))
    *status = serve_all((int)fd, end + 1, listen);
  return true;
}

/* ---- the processes of a run --------------------------------------------- */

typedef struct {
  ar_loose loose;
  ar_peer *peer; /* counted; NULL: given up */
} box;

static void give_up(box *b) {
  ar_peer *peer = b->peer;
  b->peer = NULL;
  ar_list_remove(&b->loose.link);
  if (peer == NULL)
    return;
  ar_peer_kill(peer);
  ar_peer_drop(peer);
}

/* The run ends, and its processes with it. */
static void drop(lua_State *L, ar_loose *loose) {
  (void)L;
  give_up(ar_container_of(loose, box, loose));
}

static box *check_peer(lua_State *L, int idx) {
  return luaL_checkudata(L, idx, PEER);
}

/* start() -> a worker process of the current run */
static int peer_start(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  box *b = lua_newuserdatauv(L, sizeof *b, 0);
  ar_err err;
  memset(b, 0, sizeof *b);
  ar_link_init(&b->loose.link);
  b->loose.drop = drop;
  luaL_setmetatable(L, PEER);
  err = ar_peer_start(ar_host_of(L)->backend, &b->peer);
  if (err != 0)
    ar_raise_oserror(L, err, "cannot start a worker process");
  ar_list_push(&run->loose, &b->loose.link);
  return 1;
}

static int peer_kill(lua_State *L) {
  give_up(check_peer(L, 1));
  return 0;
}

/* process:is_idle() -> is it alive, between two calls? */
static int peer_is_idle(lua_State *L) {
  const ar_peer *peer = check_peer(L, 1)->peer;
  lua_pushboolean(L, peer != NULL && ar_peer_is_idle(peer));
  return 1;
}

/* process:ending() -> after a call that was refused: its exit status, or the
 * signal that killed it, negative; nil where that is not known */
static int peer_ending(lua_State *L) {
  const ar_peer *peer = check_peer(L, 1)->peer;
  int status;
  if (peer == NULL || !ar_peer_end(peer, &status))
    return 0;
  lua_pushinteger(L, status);
  return 1;
}

/* ---- calls -------------------------------------------------------------- */

typedef struct {
  ar_call *call;      /* counted */
  ar_peer *peer;      /* counted */
  ar_parcel *request; /* owned */
} job;

static void *exchange(void **own, void *arg) {
  job *j = arg;
  ar_parcel *answer = ar_parcel_new();
  ar_err err = answer != NULL ? ar_peer_exchange(j->peer, j->request, answer)
                              : AR_ENOMEM;
  (void)own;
  if (err != 0) {
    ar_parcel_free(answer);
    answer = NULL;
    j->call->failure = err;
  }
  ar_parcel_free(j->request);
  ar_peer_drop(j->peer);
  return answer;
}

static void tell(void *arg, void *answer) {
  job *j = arg;
  (void)ar_call_finish(
      j->call, answer != NULL ? AR_CALL_ANSWERED : AR_CALL_REFUSED, answer);
  ar_call_drop(j->call);
  ar_mem_free(j, sizeof *j);
}

static void do_nothing(void *own) {
  (void)own;
}

static const ar_duty duty = {.name = "anyrun process",
                             .patience = INT64_C(10000000000),
                             .pause = INT64_C(10000000000),
                             .run = exchange,
                             .tell = tell,
                             .rest = do_nothing,
                             .end = do_nothing};

static const char key_crew[] = "threads of worker processes";

static int crew_gc(lua_State *L) {
  ar_crew **crew = lua_touserdata(L, 1);
  if (*crew != NULL)
    ar_crew_close(*crew, false);
  *crew = NULL;
  return 0;
}

static ar_crew *check_crew(lua_State *L) {
  ar_crew **crew;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, key_crew) != LUA_TUSERDATA) {
    lua_pop(L, 1);
    crew = lua_newuserdatauv(L, sizeof(ar_crew *), 0);
    *crew = NULL;
    if (luaL_newmetatable(L, "PeerCrew")) {
      lua_pushcfunction(L, crew_gc);
      lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key_crew);
  }
  crew = lua_touserdata(L, -1);
  lua_pop(L, 1);
  if (*crew == NULL)
    *crew = ar_crew_new(&duty);
  if (*crew == NULL)
    luaL_error(L, "not enough memory");
  return *crew;
}

/* prepare(f, ...) -> Call: the request is packed, nothing else */
static int peer_prepare(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  ar_call *call;
  luaL_checkany(L, 1);
  call = ar_call_push_new(L);
  lua_insert(L, 1);
  ar_call_at_home(L, call, run);
  call->interruptible = true; /* the process can be killed */
  lua_pushnil(L);             /* no context, no name */
  lua_pushnil(L);
  lua_rotate(L, 2, 2);
  call->request = ar_parcel_new();
  if (call->request == NULL)
    luaL_error(L, "not enough memory");
  ar_marshal(L, call->request, 2, lua_gettop(L) - 1, &requests);
  lua_settop(L, 1);
  return 1;
}

/* exchange(call, peer): have the process answer it */
static int peer_exchange(lua_State *L) {
  ar_call *call = ar_check_call(L, 1);
  const box *b = check_peer(L, 2);
  ar_crew *crew = check_crew(L);
  ar_err err;
  job *j;
  luaL_argcheck(L, b->peer != NULL, 2, "the process was killed");
  j = ar_mem_zalloc(sizeof *j);
  if (j == NULL)
    return luaL_error(L, "not enough memory");
  j->call = call;
  j->peer = b->peer;
  j->request = ar_call_take(call);
  ar_shared_take(&call->shared);
  ar_peer_take(b->peer);
  err = ar_crew_run(crew, j);
  if (err == 0)
    return 0;
  ar_parcel_free(j->request);
  ar_peer_drop(j->peer);
  ar_call_drop(j->call);
  ar_mem_free(j, sizeof *j);
  ar_raise_oserror(L, err, "cannot start a thread");
}

/* cpus() -> how many, or nil */
static int peer_cpus(lua_State *L) {
  long n = sysconf(_SC_NPROCESSORS_ONLN);
  if (n < 1)
    return 0;
  lua_pushinteger(L, n);
  return 1;
}

static const luaL_Reg methods[] = {{"kill", peer_kill},
                                   {"is_idle", peer_is_idle},
                                   {"ending", peer_ending},
                                   {"__gc", peer_kill},
                                   {NULL, NULL}};

static const luaL_Reg functions[] = {{"start", peer_start},
                                     {"prepare", peer_prepare},
                                     {"exchange", peer_exchange},
                                     {"cpus", peer_cpus},
                                     {NULL, NULL}};

int luaopen_anyrun_peer(lua_State *L) {
  ar_embed_require(L, "_anyrun.thread");
  ar_class_open(L, PEER);
  luaL_getmetatable(L, PEER);
  luaL_setfuncs(L, methods, 0);
  luaL_newlib(L, functions);
  return 1;
}
