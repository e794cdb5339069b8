/*
 * Lua's coroutine library again, so that a suspension passes through the
 * coroutines of a script untouched.
 *
 * When a task waits inside a coroutine of the script, the yield arrives here,
 * in whoever resumed that coroutine. host->suspending tells that it is not
 * the script's: then this coroutine gives way as well, until the task's own
 * is reached; and when the task goes on, the continuation resumes the inner
 * coroutine where it was. The script never sees any of it. Everything else
 * behaves as in Lua's lcorolib.
 */

#include "host/corolib.h"

#include <lauxlib.h>
#include <stdbool.h>

#include "host/coro.h"
#include "host/interrupt.h"
#include "host/raise.h"
#include "host/settle.h"
#include "host/traceback.h"

static lua_State *get_co(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  luaL_argexpected(L, co, 1, "coroutine");
  return co;
}

/* [-?, +1] Why `co` cannot be resumed with narg values; NULL if it can. */
static const char *why_not(lua_State *L, lua_State *co, int narg) {
  if (!lua_checkstack(co, narg))
    return "too many arguments to resume";
  if (ar_coro_bits(co) != 0 || co == L)
    return "cannot resume non-suspended coroutine";
  if (lua_status(co) == LUA_OK && lua_gettop(co) == 0)
    return "cannot resume dead coroutine";
  return NULL;
}

static int resumek(lua_State *L, int status, lua_KContext ctx);

enum {
  MODE_RESUME,
  MODE_WRAP
};

/* Finish a resume: its values from `co`, or its error. */
static int finish_resume(lua_State *L, lua_State *co, int mode, int status,
                         int nres) {
  if (AR_LIKELY(status == LUA_OK || status == LUA_YIELD)) {
    if (AR_UNLIKELY(!lua_checkstack(L, nres + 1))) {
      lua_pop(co, nres);
      lua_pushliteral(L, "too many results to resume");
      goto failed;
    }
    if (mode == MODE_RESUME)
      lua_pushboolean(L, 1);
    lua_xmove(co, L, nres);
    return mode == MODE_RESUME ? nres + 1 : nres;
  }
  lua_xmove(co, L, 1); /* the error */
  ar_traceback_of_coroutine(L, co, -1);
failed:
  if (mode == MODE_RESUME) {
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
  }
  if (status != LUA_OK && status != LUA_YIELD) {
    lua_State *dead = co;
    status = lua_resetthread(dead); /* closes its variables */
    if (status != LUA_OK && lua_gettop(dead) > 0) {
      lua_pop(L, 1);
      lua_xmove(dead, L, 1);
    }
  }
  if (lua_type(L, -1) == LUA_TSTRING) {
    ar_traceback_push(L, -1);
    lua_insert(L, -2);
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
    lua_insert(L, -2); /* stack: ..., error, traceback */
    ar_traceback_set(L, -2);
  }
  ar_traceback_resumed(L, -1);
  ar_rethrow(L);
}

/* Resume `co`, which is at stack place 1 of a frame of mode `mode`. */
static int resume(lua_State *L, lua_State *co, int mode, int narg) {
  ar_host *host = ar_host_of(L);
  ar_hop hop = {co, host->hop};
  int status, nres;
  ar_hop_enter(host, &hop);
  status = lua_resume(co, L, narg, &nres);
  ar_hop_leave(host, &hop);
  if (AR_UNLIKELY(status == LUA_YIELD && host->suspending)) {
    /* The wait went through ar_coro_check: every coroutine up to the task's
     * can yield, so this cannot fail. */
    ar_coro_set_bits(co, AR_CORO_AWAITING);
    lua_settop(L, 0);
    lua_pushthread(co);
    lua_xmove(co, L, 1);
    return lua_yieldk(L, 0, (lua_KContext)mode, resumek);
  }
  return finish_resume(L, co, mode, status, nres);
}

static int resumek(lua_State *L, int status, lua_KContext ctx) {
  lua_State *co = lua_tothread(L, 1);
  (void)status;
  ar_coro_set_bits(co, 0);
  return resume(L, co, (int)ctx, 0);
}

static int co_resume(lua_State *L) {
  lua_State *co = get_co(L);
  int narg = lua_gettop(L) - 1;
  const char *problem = why_not(L, co, narg);
  if (problem != NULL) {
    lua_pushboolean(L, 0);
    lua_pushstring(L, problem);
    return 2;
  }
  lua_xmove(L, co, narg);
  return resume(L, co, MODE_RESUME, narg);
}

static int wrapped(lua_State *L) {
  lua_State *co = lua_tothread(L, lua_upvalueindex(1));
  int narg = lua_gettop(L);
  const char *problem = why_not(L, co, narg);
  if (problem != NULL)
    return luaL_error(L, "%s", problem);
  lua_xmove(L, co, narg);
  return resume(L, co, MODE_WRAP, narg);
}

static int co_create(lua_State *L) {
  lua_State *co;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  return 1;
}

static int wrap_end(lua_State *L, int status, lua_KContext ctx) {
  (void)ctx;
  if (status != LUA_OK && status != LUA_YIELD)
    ar_rethrow(L);
  return lua_gettop(L) - 1; /* not the handler */
}

/* The bottom of a wrapped coroutine, as of a task's: when its function fails,
 * <close> variables are closed while they can still be suspended. (Nobody can
 * see the dead coroutine of a wrap, so nothing else shows.) */
static int wrap_root(lua_State *L) {
  lua_pushcfunction(L, ar_traceback_handler);
  lua_insert(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 2);
  return wrap_end(
      L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, 0, wrap_end), 0);
}

static int co_wrap(lua_State *L) {
  lua_State *co;
  luaL_checktype(L, 1, LUA_TFUNCTION);
  co = lua_newthread(L);
  lua_pushvalue(L, 1);
  /* Made here, not in `co`: an error there would have nobody to catch it. */
  if (ar_host_of(L)->run != NULL) /* outside, it is Lua's in all respects */
    lua_pushcclosure(L, wrap_root, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, wrapped, 1);
  return 1;
}

/* Is L the coroutine of a task, or the script's? Lua's main thread, to it. */
static bool is_root(lua_State *L) {
  return (ar_coro_bits(L) & AR_CORO_ROOT) != 0;
}

static int co_yield (lua_State *L) {
  if (is_root(L))
    return luaL_error(L, "attempt to yield from outside a coroutine");
  return lua_yield(L, lua_gettop(L));
}

static const char *status_of(lua_State *L, lua_State *co) {
  if (L == co)
    return "running";
  if (ar_coro_bits(co) != 0)
    return "normal";
  switch (lua_status(co)) {
    case LUA_YIELD: return "suspended";
    case LUA_OK: {
      lua_Debug ar;
      if (lua_getstack(co, 0, &ar))
        return "normal";
      return lua_gettop(co) == 0 ? "dead" : "suspended";
    }
    default: return "dead";
  }
}

static int co_status(lua_State *L) {
  lua_State *co = get_co(L);
  lua_pushstring(L, status_of(L, co));
  return 1;
}

static int co_isyieldable(lua_State *L) {
  lua_State *co = lua_isnone(L, 1) ? L : get_co(L);
  lua_pushboolean(L, !is_root(co) && lua_isyieldable(co));
  return 1;
}

static int co_running(lua_State *L) {
  bool main = lua_pushthread(L) == 1;
  lua_pushboolean(L, main || is_root(L));
  return 2;
}

static int co_close(lua_State *L) {
  lua_State *co = get_co(L);
  const char *status = status_of(L, co);
  if (status[0] == 'r' || status[0] == 'n')
    return luaL_error(L, "cannot close a %s coroutine", status);
  int outcome = lua_resetthread(co);
  ar_coro_closed(L, co);
  if (outcome == LUA_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushboolean(L, 0);
  lua_xmove(co, L, 1);
  return 2;
}

static const luaL_Reg functions[] = {{"create", co_create},
                                     {"resume", co_resume},
                                     {"running", co_running},
                                     {"status", co_status},
                                     {"wrap", co_wrap},
                                     {"yield", co_yield },
                                     {"isyieldable", co_isyieldable},
                                     {"close", co_close},
                                     {NULL, NULL}};

void ar_corolib_open(lua_State *L) {
  lua_getglobal(L, "coroutine");
  luaL_setfuncs(L, functions, 0);
  lua_pop(L, 1);
  ar_coro_transparent(L, co_resume);
  ar_coro_transparent(L, wrapped);
  ar_coro_transparent(L, wrap_root);
}
