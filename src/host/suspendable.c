/*
 * May this task be suspended here? And if not: what is in the way?
 *
 * Lua can suspend a coroutine from anywhere but inside a C function that did
 * not provide for it. The answer must be known before anything is arranged
 * (a task that is marked parked, and then cannot yield, is lost), and it is
 * worth a good message: the function that is in the way has a name.
 */

#include <lauxlib.h>
#include <string.h>

#include "host/coro.h"
#include "host/lrun.h"
#include "host/raise.h"

static const char key_transparent[] = "functions that can be suspended";

/* [-0, +1] The name of the function in ar, as a script would write it. */
static void push_function_name(lua_State *L, lua_Debug *ar) {
  int top = lua_gettop(L);
  lua_getinfo(L, "f", ar);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushnil(L);
  while (lua_next(L, top + 2)) {
    const char *module = lua_tostring(L, -2);
    if (lua_type(L, -2) == LUA_TSTRING && lua_istable(L, -1)) {
      lua_pushnil(L);
      while (lua_next(L, -2)) {
        if (lua_type(L, -2) == LUA_TSTRING && lua_rawequal(L, -1, top + 1)) {
          const char *name = lua_tostring(L, -2);
          if (module[0] == '_' && module[1] == 'G' && module[2] == '\0')
            lua_pushstring(L, name);
          else
            lua_pushfstring(L, "%s.%s", module, name);
          lua_replace(L, top + 1);
          lua_settop(L, top + 1);
          return;
        }
        lua_pop(L, 1);
      }
    }
    lua_pop(L, 1);
  }
  lua_settop(L, top);
  lua_pushstring(L, ar->name != NULL ? ar->name : "?");
}

/* Functions of C that can be suspended: all others are in the way. */
static bool is_transparent(lua_State *L, lua_Debug *ar) {
  bool is;
  lua_CFunction f;
  lua_getinfo(L, "f", ar);
  f = lua_tocfunction(L, -1);
  lua_rawgetp(L, LUA_REGISTRYINDEX, key_transparent);
  lua_rawgetp(L, -1, (const void *)(uintptr_t)f);
  is = lua_toboolean(L, -1);
  lua_pop(L, 3);
  return is;
}

void ar_coro_transparent(lua_State *L, lua_CFunction f) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, key_transparent) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key_transparent);
  }
  lua_pushboolean(L, 1);
  lua_rawsetp(L, -2, (const void *)(uintptr_t)f);
  lua_pop(L, 1);
}

static bool is_finalizer(const lua_Debug *ar) {
  return ar->namewhat[0] == 'm' && ar->name != NULL &&
         (strcmp(ar->name, "__gc") == 0 || strcmp(ar->name, "gc") == 0);
}

/* Raise the error that names the C function in the way in coroutine `in`. */
AR_NORETURN static void refuse(lua_State *L, lua_State *in) {
  lua_Debug ar;
  const ar_hop *hop = ar_host_of(L)->hop;
  int level = in == L ? 1 : 0;
  luaL_checkstack(L, LUA_MINSTACK, NULL);
  if (in != L)
    (void)lua_checkstack(in, LUA_MINSTACK);
  for (; lua_getstack(in, level, &ar); level++) {
    lua_getinfo(in, "Sn", &ar);
    if (is_finalizer(&ar))
      ar_raise(L, "RuntimeError",
               "cannot await inside '__gc' (a finalizer cannot be suspended)");
    if (strcmp(ar.namewhat, "hook") == 0)
      ar_raise(L, "RuntimeError",
               "cannot await inside a hook of debug.sethook");
    if (*ar.what != 'C' || is_transparent(in, &ar))
      continue;
    push_function_name(in, &ar);
    if (in != L)
      lua_xmove(in, L, 1);
    ar_raise(L, "RuntimeError",
             "cannot await inside '%s' (a C function that cannot be suspended)",
             lua_tostring(L, -1));
  }
  /* What this coroutine still has to close is closed from outside of it: by
   * coroutine.close, or by a failed coroutine.wrap. */
  if (hop != NULL && hop->L != in && lua_getstack(hop->L, 0, &ar)) {
    lua_getinfo(hop->L, "S", &ar);
    if (*ar.what == 'C' && is_transparent(hop->L, &ar))
      ar_raise(L, "RuntimeError",
               "cannot await inside 'coroutine.wrap' (a C function that cannot "
               "be suspended)");
    refuse(L, hop->L);
  }
  ar_raise(L, "RuntimeError",
           "cannot await inside a C function that cannot be suspended");
}

bool ar_coro_in_finalizer(lua_State *L) {
  lua_Debug ar;
  if (lua_isyieldable(L))
    return false;
  for (int level = 0; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "n", &ar);
    if (is_finalizer(&ar))
      return true;
  }
  return false;
}

/* A finalizer runs whenever Lua likes: it must not begin the script's run. */
static bool may_begin_script(lua_State *L, const ar_host *host) {
  return host->run == NULL && host->in_script && host->hop != NULL &&
         !ar_coro_in_finalizer(L);
}

ar_coro *ar_coro_current(lua_State *L) {
  ar_host *host = ar_host_of(L);
  ar_task *t = ar_host_running(host);
  if (AR_LIKELY(t != NULL))
    return ar_coro_of(t);
  if (may_begin_script(L, host)) {
    ar_lrun_begin_script(L);
    return host->script;
  }
  if (host->run != NULL)
    ar_raise(L, "NoEventLoopError",
             "no task is running here (a callback of the loop is no task)");
  ar_raise(L, "NoEventLoopError", "no event loop is running in this thread");
}

ar_coro *ar_coro_check_well(lua_State *L) {
  ar_coro *c = ar_coro_current(L);
  ar_frame *f = ar_frame_of(&c->task);
  ar_hop *hop = ar_host_of(L)->hop;
  if (AR_UNLIKELY(!lua_isyieldable(L)))
    refuse(L, L);
  f->inner = L;
  if (AR_LIKELY(hop != NULL && hop->L == f->L && L == f->L))
    return c;
  /* Between the task and here are coroutines of the script: each of them
   * must be one that this host resumes, and able to yield. */
  if (hop == NULL || hop->L != L)
    ar_raise(L, "RuntimeError",
             "cannot await in a coroutine that C code has resumed");
  while (hop->L != f->L) {
    hop = hop->up;
    if (hop == NULL)
      ar_raise(L, "RuntimeError", "cannot await outside the running task");
    if (!lua_isyieldable(hop->L))
      refuse(L, hop->L);
  }
  return c;
}

bool ar_coro_is_suspendable(lua_State *L) {
  ar_host *host = ar_host_of(L);
  ar_task *t = ar_host_running(host);
  ar_hop *hop = host->hop;
  if (t == NULL || hop == NULL || hop->L != L)
    return false;
  for (; hop != NULL; hop = hop->up) {
    if (!lua_isyieldable(hop->L))
      return false;
    if (hop->L == ar_frame_of(t)->L)
      return true;
  }
  return false;
}
