/*
 * Module _anyrun.test: what tests may look at, in debug builds only.
 */

#ifdef AR_DEBUG

#define _XOPEN_SOURCE 700 /* posix_openpt */

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/await.h"
#include "bind/libs.h"
#include "bind/luax.h"
#include "bind/pipe.h"
#include "host/raise.h"

static lua_Integer count_descriptors(void) {
  DIR *folder = opendir("/proc/self/fd");
  lua_Integer n = 0;
  if (folder == NULL)
    return 0;
  while (readdir(folder) != NULL)
    n++;
  (void)closedir(folder);
  return n;
}

/* Is there a child, running or not reaped? */
static bool has_child(void) {
  siginfo_t info;
  return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/* counts() -> {tasks, cancelled, descriptors, children}: what is anchored,
 * open, alive, outside this run too */
static int test_counts(lua_State *L) {
  ar_host *host = ar_host_of(L);
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, count_descriptors());
  lua_setfield(L, -2, "descriptors");
  lua_pushinteger(L, has_child());
  lua_setfield(L, -2, "children");
  lua_pushinteger(L, (lua_Integer)host->n_tasks);
  lua_setfield(L, -2, "tasks");
  lua_pushinteger(L, (lua_Integer)host->n_told);
  lua_setfield(L, -2, "cancelled");
  return 1;
}

/* fail_at(n, times=1): the n-th request for memory from now on, and times - 1
 * after it; 0 takes it back */
static int test_fail_at(lua_State *L) {
  lua_Integer n = luaL_checkinteger(L, 1);
  ar_mem_fail_from((uint64_t)n, (uint64_t)luaL_optinteger(L, 2, 1));
  return 0;
}

static int test_memory(lua_State *L) {
  ar_mem_stat stat = ar_mem_stats();
  lua_pushinteger(L, (lua_Integer)stat.live_blocks);
  lua_pushinteger(L, (lua_Integer)stat.live_bytes);
  lua_pushinteger(L, (lua_Integer)stat.calls);
  return 3;
}

/* turns() -> passes of the scheduler so far */
static int test_turns(lua_State *L) {
  ar_sched *s = ar_host_sched(ar_host_of(L));
  lua_pushinteger(L, s != NULL ? (lua_Integer)s->turns : 0);
  return 1;
}

/* ---- work that takes its time ------------------------------------------- */

typedef struct {
  ar_work work; /* first */
  ar_time takes;
} nap;

static void nap_run(ar_work *work) {
  ar_time ns = ((nap *)work)->takes;
  struct timespec left = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
  (void)nanosleep(&left, NULL);
}

static void nap_discard(ar_work *work) {
  ar_mem_free(work, sizeof(nap));
}

static int napk(lua_State *L, int status, lua_KContext ctx) {
  ar_work *work = (ar_work *)ctx;
  (void)status;
  if (!ar_await_left(L))
    nap_discard(work);
  (void)ar_awaited(L);
  lua_pushboolean(L, 1);
  return 1;
}

/* nap(seconds, way): a thread sleeps, the task waits for it. `way`:
 * leaves (default), shielded. */
static int test_nap(lua_State *L) {
  static const char *const ways[] = {"leaves", "shielded", NULL};
  lua_Number seconds = ar_check_seconds(L, 1);
  int way = luaL_checkoption(L, 2, "leaves", ways);
  ar_coro *c = ar_coro_check(L);
  ar_pool *pool = ar_check_pool(L);
  nap *n = ar_mem_zalloc(sizeof *n);
  ar_err err = n == NULL ? AR_ENOMEM : 0;
  if (err == 0) {
    ar_work_init(&n->work, nap_run, nap_discard);
    n->takes = ar_time_of_seconds(seconds);
    err = ar_pool_start(pool, c->task.sched->loop, &n->work);
  }
  if (err != 0) {
    ar_mem_free(n, sizeof *n);
    ar_raise_oserror(L, err, "nap");
  }
  return ar_await(L, c, &n->work.op,
                  way == 0 ? AR_AWAIT_LEAVES : AR_AWAIT_SHIELDED, "nap", napk,
                  (lua_KContext)n);
}

/* pause(seconds): the thread stands still */
static int test_pause(lua_State *L) {
  ar_time ns = ar_time_of_seconds(ar_check_seconds(L, 1));
  struct timespec left = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
  (void)nanosleep(&left, NULL);
  return 0;
}

/* terminal() -> a stream to whoever is at a new pseudo-terminal, and its name
 * for those who use it */
static int test_terminal(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  ar_pipe *p = ar_pipe_push(L);
  int fd = posix_openpt(O_RDWR | O_NOCTTY);
  ar_err err;
  if (fd < 0 || grantpt(fd) != 0 || unlockpt(fd) != 0 ||
      fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
      fcntl(fd, F_SETFD, FD_CLOEXEC) != 0)
    return luaL_error(L, "there is no pseudo-terminal to be had");
  err = ar_pipe_open(p, run, ar_endpoint_own(fd));
  if (err != 0)
    ar_raise_oserror(L, err, "terminal");
  lua_pushstring(L, ptsname(fd));
  return 2;
}

/* Which of the hard switches this build has; NULL: none. */
#if defined(AR_HARDGC)
static const char *const hard_switch = "gc";
#elif defined(AR_HARDYIELD)
static const char *const hard_switch = "yield";
#elif defined(AR_HARDORDER)
static const char *const hard_switch = "order";
#else
static const char *const hard_switch = NULL;
#endif

static const luaL_Reg functions[] = {
    {"counts", test_counts}, {"fail_at", test_fail_at},
    {"memory", test_memory}, {"nap", test_nap},
    {"pause", test_pause},   {"terminal", test_terminal},
    {"turns", test_turns},   {NULL, NULL}};

int luaopen_anyrun_test(lua_State *L) {
  luaL_newlib(L, functions);
  lua_pushstring(L, hard_switch);
  lua_setfield(L, -2, "hard");
  return 1;
}

#else

typedef int ar_testlib_is_empty; /* an empty file is not C */

#endif
