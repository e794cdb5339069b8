/*
 * The script is the main task: of an implicit run, begun when it is needed.
 *
 * The chunk runs in a coroutine of its own from the start, so that it can be
 * suspended; but there is no loop, no clock and no task until something asks
 * for them. Then the coroutine, which is running, becomes a running task.
 */

#include <lauxlib.h>

#include "host/cancelled.h"
#include "host/embed.h"
#include "host/hooks.h"
#include "host/interrupt.h"
#include "host/lrun.h"
#include "host/raise.h"
#include "host/settle.h"
#include "host/traceback.h"

static const char key_implicit[] = "the script's run";
static const char key_main[] = "the script's task, once it has ended";

void ar_lrun_begin_script(lua_State *L) {
  ar_host *host = ar_host_of(L);
  ar_lrun *run;
  ar_coro *c;
  ar_hop *hop = host->hop;
  while (hop->up != NULL)
    hop = hop->up;
  luaL_checkstack(L, 16, NULL);
  ar_embed_require(L, "anyrun.run");
  lua_getfield(L, -1, "implicit_options");
  lua_remove(L, -2);
  lua_call(L, 0, 1); /* stack: options */
  run = ar_lrun_open(L, lua_gettop(L));
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key_implicit);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, run); /* current from now on */
  run->outer = NULL;
  run->L = host->L;
  lua_rawgetp(L, LUA_REGISTRYINDEX, ar_key_context);
  lua_setiuservalue(L, -2, AR_RUN_CONTEXT);
  c = ar_coro_adopt(L, hop->L, run);
  lua_rawgetp(L, LUA_REGISTRYINDEX, ar_key_context);
  ar_coro_set_context(L, -2);
  lua_pushliteral(L, "main");
  ar_coro_set_extra(L, -2, "name");
  c->parent = 0;
  lua_pop(L, 3);
  ar_run_main(&run->run, &c->task);
  host->run = run;
  host->implicit = run;
  host->script = c;
  ar_interrupt_attach(host);
}

static int chunk_end(lua_State *L, int status, lua_KContext ctx) {
  ar_host *host = (ar_host *)ctx;
  host->script_failed = status != LUA_OK && status != LUA_YIELD;
  if (host->script != NULL)
    host->script->failed = host->script_failed;
  return host->script_failed ? 1 : lua_gettop(L) - 1; /* not the handler */
}

/* The bottom of the chunk's coroutine: as root() in coro.c. */
static int chunk_root(lua_State *L) {
  lua_KContext ctx = (lua_KContext)ar_host_of(L);
  lua_pushcfunction(L, ar_traceback_handler);
  lua_insert(L, 1);
  return chunk_end(
      L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, ctx, chunk_end), ctx);
}

/* Drive the implicit run to the end of main, then of everybody; then raise
 * main's error or return its results. stack: run userdata */
static int finish_implicit(lua_State *L) {
  ar_host *host = ar_host_of(L);
  ar_lrun *run = host->implicit;
  run->L = L;
  if (host->script != NULL) {
    ar_coro_push(L, host->script);
    ar_lrun_drive(L, run);
  } else { /* it has ended already */
    lua_rawgetp(L, LUA_REGISTRYINDEX, key_main);
  }
  host->run = NULL; /* ar_lrun_close makes it current once more */
  ar_lrun_close(L, 1);
  return ar_lrun_results(L, 1);
}

/* The chunk's coroutine gave way or ended with the implicit run begun. */
static int end_script(lua_State *L, int status, int nres) {
  ar_host *host = ar_host_of(L);
  ar_lrun *run = host->implicit;
  int handler;
  lua_pushcfunction(L, ar_traceback_handler);
  handler = lua_gettop(L);
  lua_pushcfunction(L, finish_implicit);
  lua_rawgetp(L, LUA_REGISTRYINDEX, key_implicit);
  run->L = L;
  host->suspending = false;
  if (status != LUA_YIELD) {
    ar_coro *c = host->script;
    host->script = NULL;
    ar_coro_push(L, c);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key_main);
    ar_coro_ended(c, status, nres);
  }
  status = lua_pcall(L, 1, LUA_MULTRET, handler);
  ar_lrun_abandon(L, run);
  host->implicit = NULL;
  host->script = NULL;
  lua_remove(L, handler);
  return status;
}

/* What the process should die of, if this error (on top) ends it. */
static void note_signal(lua_State *L, ar_host *host) {
  lua_pushvalue(L, -1);
  ar_call_errors(L, "signal_of", 1, 1);
  host->died_of = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
}

int ar_host_main(lua_State *L, int nargs) {
  ar_host *host = ar_host_of(L);
  int base = lua_gettop(L) - nargs, status, nres = 0;
  lua_State *co = lua_newthread(L);
  lua_insert(L, base);
  ar_coro_set_bits(co, AR_CORO_ROOT);
  lua_pushcfunction(co, chunk_root);
  lua_xmove(L, co, nargs + 1);
  /* stack: coroutine */
  host->in_script = true;
  host->chunk = co;
  ar_interrupt_attach(host);
  status = ar_coro_run(host, co, L, nargs + 1, &nres);
  if (host->implicit != NULL) {
    status = end_script(L, status, nres);
  } else {
    if (status == LUA_OK && host->script_failed)
      status = LUA_ERRRUN;
    lua_xmove(co, L, status == LUA_OK ? nres : 1);
  }
  host->in_script = false;
  host->chunk = NULL;
  lua_remove(L, base);
  if (status != LUA_OK)
    note_signal(L, host);
  return status;
}
