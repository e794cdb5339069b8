/*
 * What a Lua state knows for copying values to others and from others.
 */

#include "host/copier.h"

#include <lauxlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rand.h"
#include "host/weak.h"

#define WALK "Walk"

static const char key_copier[] = "copier";

static int copier_gc(lua_State *L) {
  ar_copier *c = lua_touserdata(L, 1);
  ar_ptrmap_close(&c->modules);
  if (c->origin != NULL)
    ar_origin_close(c->origin);
  c->origin = NULL;
  return 0;
}

static void forget_parents(ar_walk *walk) {
  ar_mem_free(walk->parents, walk->parents_capacity * sizeof *walk->parents);
  walk->parents = NULL;
  walk->parents_capacity = 0;
}

static int walk_gc(lua_State *L) {
  ar_walk *walk = lua_touserdata(L, 1);
  ar_ptrmap_close(&walk->seen);
  forget_parents(walk);
  return 0;
}

/* [-0, +0] A table as a user value, its metatable {__mode = mode}. */
static void set_table(lua_State *L, int self, int which, const char *mode) {
  if (mode != NULL)
    ar_weak_push_new(L, mode);
  else
    lua_newtable(L);
  lua_setiuservalue(L, self, which);
}

static ar_copier *make(lua_State *L) {
  ar_copier *c = lua_newuserdatauv(L, sizeof *c, AR_COPIER_COUNT);
  int self = lua_gettop(L);
  memset(c, 0, sizeof *c);
  ar_ptrmap_init(&c->modules);
  c->id = ar_rand_entropy();
  c->n_named = -1;
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, copier_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, self);
  set_table(L, self, AR_COPIER_SLOTS, NULL);
  set_table(L, self, AR_COPIER_BY_TOKEN, "v");
  set_table(L, self, AR_COPIER_TOKENS, "k");
  set_table(L, self, AR_COPIER_NAMES, "k");
  set_table(L, self, AR_COPIER_DUMPS, "k");
  set_table(L, self, AR_COPIER_LOADED, "v");
  ar_reference_open(L);
  if (luaL_newmetatable(L, WALK)) {
    lua_pushcfunction(L, walk_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_pop(L, 1);
  lua_pushvalue(L, self);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key_copier);
  return c;
}

ar_copier *ar_copier_push(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, key_copier) == LUA_TUSERDATA)
    return lua_touserdata(L, -1);
  lua_pop(L, 1);
  return make(L);
}

void ar_copier_reap(lua_State *L, ar_copier *c, int idx) {
  ar_ref *ref;
  if (c->origin == NULL || !ar_origin_has_dropped(c->origin))
    return;
  lua_getiuservalue(L, idx, AR_COPIER_SLOTS);
  while ((ref = ar_origin_next_dropped(c->origin)) != NULL) {
    luaL_unref(L, -1, ref->slot);
    ar_ref_free(ref);
  }
  lua_pop(L, 1);
}

void ar_copier_refer(lua_State *L, int idx) {
  ar_copier *c;
  ar_ref *ref;
  int slot, self;
  idx = lua_absindex(L, idx);
  c = ar_copier_push(L);
  self = lua_gettop(L);
  ar_copier_reap(L, c, self);
  if (c->origin == NULL)
    c->origin = ar_origin_new();
  if (c->origin == NULL)
    luaL_error(L, "not enough memory");
  lua_getiuservalue(L, self, AR_COPIER_SLOTS);
  lua_pushvalue(L, idx);
  slot = luaL_ref(L, -2);
  ref = ar_ref_new(c->origin, c->id, slot, luaL_typename(L, idx));
  if (ref == NULL) {
    luaL_unref(L, -1, slot);
    (void)luaL_error(L, "not enough memory");
    AR_UNREACHABLE();
  }
  ar_reference_push(L, ref);
  ar_shared_drop(&ref->shared); /* the userdata has it now */
  lua_replace(L, self);
  lua_settop(L, self);
}

void ar_copier_expire(lua_State *L) {
  int top = lua_gettop(L);
  ar_copier *c = ar_copier_push(L);
  c->expiring = false;
  if (lua_getiuservalue(L, top + 1, AR_COPIER_EXPIRING) == LUA_TTABLE) {
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= n; i++) {
      lua_rawgeti(L, top + 2, i);
      ar_reference_expire(L, -1);
      lua_pop(L, 1);
    }
    lua_pushnil(L);
    lua_setiuservalue(L, top + 1, AR_COPIER_EXPIRING);
  }
  lua_settop(L, top);
}

void ar_copier_begin_expiring(lua_State *L) {
  ar_copier_push(L)->expiring = true;
  lua_pop(L, 1);
}

void ar_copier_add_expiring(lua_State *L, int idx) {
  const ar_copier *c = lua_touserdata(L, idx);
  if (!c->expiring)
    return;
  if (lua_getiuservalue(L, idx, AR_COPIER_EXPIRING) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, idx, AR_COPIER_EXPIRING);
  }
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 1);
}

/* ---- lists -------------------------------------------------------------- */

enum {
  KEPT = 16 /* elements: a longer list is not worth emptying */
};

void ar_copier_borrow(lua_State *L, int idx, int which) {
  if (lua_getiuservalue(L, idx, which) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_createtable(L, 4, 0);
    return;
  }
  lua_pushnil(L); /* who is called meanwhile makes another one */
  lua_setiuservalue(L, idx, which);
}

static void empty(lua_State *L, int list, lua_Integer n) {
  for (lua_Integer i = n; i >= 1; i--) {
    lua_pushnil(L);
    lua_rawseti(L, list, i);
  }
}

void ar_copier_return(lua_State *L, int idx, int which, int list,
                      lua_Integer n) {
  if (n > KEPT)
    return;
  empty(L, list, n);
  lua_pushvalue(L, list);
  lua_setiuservalue(L, idx, which);
}

/* [-0, +1] */
static ar_walk *new_walk(lua_State *L) {
  ar_walk *walk = lua_newuserdatauv(L, sizeof *walk, 1);
  memset(walk, 0, sizeof *walk);
  ar_ptrmap_init(&walk->seen);
  luaL_setmetatable(L, WALK);
  return walk;
}

ar_walk *ar_copier_borrow_walk(lua_State *L, int idx) {
  ar_walk *walk;
  if (lua_getiuservalue(L, idx, AR_COPIER_WRITING) == LUA_TUSERDATA) {
    walk = lua_touserdata(L, -1);
    ar_ptrmap_clear(&walk->seen);
    lua_pushnil(L);
    lua_setiuservalue(L, idx, AR_COPIER_WRITING);
  } else {
    lua_pop(L, 1);
    walk = new_walk(L);
  }
  if (lua_getiuservalue(L, -1, 1) == LUA_TTABLE)
    return walk;
  lua_pop(L, 1);
  lua_createtable(L, 4, 0);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, -3, 1);
  return walk;
}

void ar_copier_return_walk(lua_State *L, int idx, int walk, lua_Integer n) {
  if (n > KEPT) {
    lua_pushnil(L);
    lua_setiuservalue(L, walk, 1);
    forget_parents(lua_touserdata(L, walk));
  } else {
    empty(L, walk + 1, n);
  }
  lua_pushvalue(L, walk);
  lua_setiuservalue(L, idx, AR_COPIER_WRITING);
}
