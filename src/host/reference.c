/*
 * References to values of another Lua state.
 */

#include "host/reference.h"

#include <lauxlib.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "host/raise.h"

#define NAME "Reference"

struct ar_origin {
  ar_shared shared; /* first */
  pthread_mutex_t mutex;
  ar_list dropped; /* ar_ref */
  atomic_bool has_dropped;
  bool closed; /* nobody will look at the list any more */
};

/* A reference as Lua has it. User value 1: nil, or a list of keys. */
typedef struct {
  ar_ref *ref; /* counted; NULL: expired */
} box;

/* ---- origins ------------------------------------------------------------ */

static void free_origin(ar_shared *shared) {
  ar_origin *o = (ar_origin *)(void *)shared;
  (void)pthread_mutex_destroy(&o->mutex);
  ar_mem_free(o, sizeof *o);
}

static const ar_shared_class origin_class = {"Origin", NULL, free_origin};

ar_origin *ar_origin_new(void) {
  ar_origin *o = ar_mem_zalloc(sizeof *o);
  if (o == NULL)
    return NULL;
  ar_shared_init(&o->shared, &origin_class);
  (void)pthread_mutex_init(&o->mutex, NULL);
  ar_list_init(&o->dropped);
  return o;
}

ar_ref *ar_origin_next_dropped(ar_origin *origin) {
  ar_link *link;
  (void)pthread_mutex_lock(&origin->mutex);
  link = ar_list_pop(&origin->dropped);
  if (link == NULL)
    atomic_store(&origin->has_dropped, false);
  (void)pthread_mutex_unlock(&origin->mutex);
  return link != NULL ? ar_container_of(link, ar_ref, dropped) : NULL;
}

bool ar_origin_has_dropped(const ar_origin *origin) {
  return atomic_load_explicit(&origin->has_dropped, memory_order_relaxed);
}

void ar_origin_close(ar_origin *origin) {
  ar_ref *ref;
  (void)pthread_mutex_lock(&origin->mutex);
  origin->closed = true;
  (void)pthread_mutex_unlock(&origin->mutex);
  while ((ref = ar_origin_next_dropped(origin)) != NULL)
    ar_ref_free(ref);
  ar_shared_drop(&origin->shared);
}

/* ---- references --------------------------------------------------------- */

/* Nobody has it: by any thread. */
static void drop_ref(ar_shared *shared) {
  ar_ref *ref = (ar_ref *)(void *)shared;
  ar_origin *o = ref->origin;
  bool closed;
  (void)pthread_mutex_lock(&o->mutex);
  closed = o->closed;
  if (!closed) {
    ar_list_push(&o->dropped, &ref->dropped);
    atomic_store(&o->has_dropped, true);
  }
  (void)pthread_mutex_unlock(&o->mutex);
  if (closed)
    ar_ref_free(ref);
}

static const ar_shared_class ref_class = {NAME, NULL, drop_ref};

ar_ref *ar_ref_new(ar_origin *origin, uint64_t state, int slot,
                   const char *what) {
  ar_ref *ref = ar_mem_zalloc(sizeof *ref);
  if (ref == NULL)
    return NULL;
  ar_shared_init(&ref->shared, &ref_class);
  ar_shared_take(&origin->shared);
  ref->origin = origin;
  ref->state = state;
  ref->slot = slot;
  (void)snprintf(ref->what, sizeof ref->what, "%s", what);
  ar_link_init(&ref->dropped);
  return ref;
}

void ar_ref_free(ar_ref *ref) {
  ar_shared_drop(&ref->origin->shared);
  ar_mem_free(ref, sizeof *ref);
}

/* ---- in Lua ------------------------------------------------------------- */

void ar_reference_push(lua_State *L, ar_ref *ref) {
  box *b = lua_newuserdatauv(L, sizeof *b, 1);
  b->ref = NULL;
  luaL_setmetatable(L, NAME);
  ar_shared_take(&ref->shared);
  b->ref = ref;
}

void ar_reference_set_path(lua_State *L) {
  lua_setiuservalue(L, -2, 1);
}

ar_ref *ar_reference_at(lua_State *L, int idx, int *path) {
  box *b = luaL_testudata(L, idx, NAME);
  *path = 0;
  if (b == NULL)
    return NULL;
  if (b->ref == NULL)
    ar_raise(L, "RuntimeError",
             "a reference is handed back after the call it came with has "
             "ended");
  if (lua_getiuservalue(L, idx, 1) == LUA_TTABLE)
    *path = 1;
  else
    lua_pop(L, 1);
  return b->ref;
}

void ar_reference_expire(lua_State *L, int idx) {
  box *b = luaL_testudata(L, idx, NAME);
  if (b == NULL || b->ref == NULL)
    return;
  ar_shared_drop(&b->ref->shared);
  b->ref = NULL;
}

static int reference_gc(lua_State *L) {
  ar_reference_expire(L, 1);
  return 0;
}

/* A reference to a field: the same slot, one more key. */
static int reference_index(lua_State *L) {
  int path;
  ar_ref *ref = ar_reference_at(L, 1, &path);
  lua_Integer n = 0;
  if (ref == NULL)
    return luaL_typeerror(L, 1, NAME);
  if (lua_type(L, 2) != LUA_TSTRING)
    ar_raise(L, "TypeError",
             "a reference (%s) has fields with names only, for handing them "
             "back; it cannot be used in this thread",
             ref->what);
  ar_reference_push(L, ref);
  lua_newtable(L); /* stack: ref, key, path?, new, list */
  if (path) {
    n = (lua_Integer)lua_rawlen(L, 3);
    for (lua_Integer i = 1; i <= n; i++) {
      lua_rawgeti(L, 3, i);
      lua_rawseti(L, -2, i);
    }
  }
  lua_pushvalue(L, 2);
  lua_rawseti(L, -2, n + 1);
  ar_reference_set_path(L);
  return 1;
}

static int reference_refuse(lua_State *L) {
  const box *b = luaL_testudata(L, 1, NAME);
  ar_raise(L, "TypeError",
           "a reference (%s) can only be handed back, as an argument of "
           "from_thread.run_sync for example",
           b != NULL && b->ref != NULL ? b->ref->what : "expired");
}

static int reference_tostring(lua_State *L) {
  const box *b = luaL_checkudata(L, 1, NAME);
  if (b->ref == NULL) {
    lua_pushliteral(L, "<Reference: expired>");
    return 1;
  }
  lua_pushfstring(L, "<Reference: %s", b->ref->what);
  if (lua_getiuservalue(L, 1, 1) == LUA_TTABLE)
    for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, 3); i++) {
      lua_rawgeti(L, 3, i);
      lua_pushfstring(L, "%s.%s", lua_tostring(L, 2), lua_tostring(L, -1));
      lua_replace(L, 2);
      lua_settop(L, 3);
    }
  lua_pushfstring(L, "%s>", lua_tostring(L, 2));
  return 1;
}

static const luaL_Reg metamethods[] = {{"__gc", reference_gc},
                                       {"__index", reference_index},
                                       {"__newindex", reference_refuse},
                                       {"__call", reference_refuse},
                                       {"__tostring", reference_tostring},
                                       {NULL, NULL}};

void ar_reference_open(lua_State *L) {
  if (luaL_newmetatable(L, NAME))
    luaL_setfuncs(L, metamethods, 0);
  lua_pop(L, 1);
}
