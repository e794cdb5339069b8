/*
 * A Lua state that lives on the scheduler.
 */

#include "host/host.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/slab.h"
#include "host/anchor.h"
#include "host/baselib.h"
#include "host/cancelled.h"
#include "host/coro.h"
#include "host/corolib.h"
#include "host/embed.h"
#include "host/interrupt.h"

const char ar_key_globals[] = "the globals that scripts see";
const char ar_key_context[] = "context outside any task";

/* A global that loads its module when it is called. It stays the function it
 * is: the same as the module's own field of that name. */
static int call_lazily(lua_State *L) {
  int nargs = lua_gettop(L);
  ar_embed_require(L, lua_tostring(L, lua_upvalueindex(2)));
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_gettable(L, -2);
  lua_replace(L, -2);
  lua_insert(L, 1);
  return ar_callk_all(L, nargs);
}

static void set_lazy_global(lua_State *L, const char *name,
                            const char *module) {
  lua_pushstring(L, name);
  lua_pushstring(L, module);
  lua_pushcclosure(L, call_lazily, 2);
  lua_pushvalue(L, -1);
  lua_setglobal(L, name);
  lua_rawgetp(L, LUA_REGISTRYINDEX, ar_key_globals);
  lua_insert(L, -2);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

static int host_gc(lua_State *L) {
  ar_host *host = lua_touserdata(L, 1);
  ar_anchors_free(host);
  return 0;
}

static void new_table(lua_State *L, const char *key) {
  lua_newtable(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

static lua_State *main_thread(lua_State *L) {
  lua_State *main;
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  main = lua_tothread(L, -1);
  lua_pop(L, 1);
  return main;
}

void ar_host_open(lua_State *L, const char *backend) {
  ar_host_open_thread(L, backend);
  ar_interrupt_open(ar_host_of(L));
}

void ar_host_open_thread(lua_State *L, const char *backend) {
  ar_host *host = lua_newuserdatauv(L, sizeof *host, 0);
  memset(host, 0, sizeof *host);
  AR_ASSERT(((uintptr_t)host & 3) == 0);
  host->L = main_thread(L);
  host->backend = backend;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, host_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  (void)luaL_ref(L, LUA_REGISTRYINDEX);
  *(ar_host **)lua_getextraspace(host->L) = host;
  *(ar_host **)lua_getextraspace(L) = host;
  new_table(L, ar_key_globals);
  ar_corolib_open(L);
  ar_baselib_open(L);
  ar_embed_open(L);
  ar_coro_transparent(L, call_lazily);
  set_lazy_global(L, "run", "anyrun.run");
  set_lazy_global(L, "current_async_library", "anyrun.library");
  luaL_getmetatable(L, "TaskHandle");
  ar_class_set(L, AR_CLASS_TASK);
  lua_pop(L, 1);
}

void ar_class_set(lua_State *L, ar_class class) {
  ar_host *host = ar_host_of(L);
  if (host->classes[class] != NULL)
    return;
  lua_pushvalue(L, -1);
  host->class_refs[class] = luaL_ref(L, LUA_REGISTRYINDEX);
  host->classes[class] = lua_topointer(L, -1);
}

void ar_host_set_options(lua_State *L) {
  lua_rawsetp(L, LUA_REGISTRYINDEX, ar_key_options);
}

void ar_host_dies_of(lua_State *L, int signal) {
  ar_host_of(L)->died_of = signal;
}

int ar_host_signal(lua_State *L) {
  return ar_host_of(L)->died_of;
}

void ar_host_close(lua_State *L) {
  ar_interrupt_close(ar_host_of(L));
}

/* ---- the state under it ------------------------------------------------- */

/* It lives on slabs of its own, which no other thread asks. The debug build
 * looks at each block by itself. */
lua_State *ar_host_newstate(void) {
#ifdef AR_DEBUG
  ar_slabs *slabs = NULL;
  lua_State *L = lua_newstate(ar_mem_lua_alloc, NULL);
#else
  ar_slabs *slabs = ar_slabs_new();
  lua_State *L = slabs != NULL ? lua_newstate(ar_slabs_lua_alloc, slabs) : NULL;
#endif
  if (L == NULL)
    ar_slabs_free(slabs);
  return L;
}

void ar_host_closestate(lua_State *L) {
  void *slabs = NULL;
  (void)lua_getallocf(L, &slabs);
  lua_close(L);
  ar_slabs_free(slabs);
}

/* A message may come in pieces: to_be_continued after all but the last. It is
 * printed here, outside `cli`: those of a worker go no other way. */
void ar_warnings_print(void *ud, const char *piece, int to_be_continued) {
  ar_warnings *w = ud;
  if (!w->inside) {
    if (!to_be_continued && *piece == '@') {
      if (strcmp(piece, "@on") == 0)
        w->on = true;
      else if (strcmp(piece, "@off") == 0)
        w->on = false;
      return;
    }
    /* "error in " is how Lua itself begins when a finalizer failed. */
    w->shown = w->on || (to_be_continued && strcmp(piece, "error in ") == 0);
    if (w->shown)
      (void)fputs("Lua warning: ", stderr);
  }
  w->inside = to_be_continued != 0;
  if (w->shown)
    (void)fprintf(stderr, "%s%s", piece, w->inside ? "" : "\n");
}
