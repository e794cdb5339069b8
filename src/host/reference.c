/*
 * What one Lua state has of others: references, and shared objects.
 */

#include "host/reference.h"

#include <lauxlib.h>

#include "host/embed.h"
#include "host/raise.h"
#include "host/sharedbox.h"

#define NAME "Reference"

/* A reference as Lua has it. User value 1: nil, or a list of keys. */
typedef struct {
  ar_ref *ref; /* counted; NULL: expired */
} box;

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

/* ---- shared objects ----------------------------------------------------- */

const char ar_key_shared[] = "shared object";

bool ar_shared_is(lua_State *L, int idx) {
  bool is;
  if (!lua_getmetatable(L, idx))
    return false;
  lua_pushliteral(L, AR_SHARED_FIELD);
  (void)lua_rawget(L, -2);
  is = lua_touserdata(L, -1) == (void *)ar_key_shared;
  lua_pop(L, 2);
  return is;
}

void ar_shared_push(lua_State *L, ar_shared *shared) {
  ar_shared_box *b = lua_newuserdatauv(L, sizeof *b, 1);
  b->shared = NULL;
  if (luaL_getmetatable(L, shared->class->name) == LUA_TNIL) {
    lua_pop(L, 1);
    ar_embed_require(L, shared->class->module);
    lua_pop(L, 1);
    luaL_getmetatable(L, shared->class->name);
  }
  lua_setmetatable(L, -2);
  ar_shared_take(shared);
  b->shared = shared;
}

static int shared_gc(lua_State *L) {
  ar_shared_box *b = lua_touserdata(L, 1);
  ar_shared_drop(b->shared);
  b->shared = NULL;
  return 0;
}

void ar_shared_open(lua_State *L, const ar_shared_class *class) {
  if (luaL_newmetatable(L, class->name)) {
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pushlightuserdata(L, (void *)ar_key_shared);
    lua_setfield(L, -2, AR_SHARED_FIELD);
    lua_pushcfunction(L, shared_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_pop(L, 1);
}
