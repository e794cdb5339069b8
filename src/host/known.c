/*
 * Values that every Lua state has under a name.
 *
 * Modules are compared anew before each walk: there are some fifty. Their
 * fields are read when one is asked for that is not known and modules were
 * loaded since the last time; what was read is only a hint, and looked up
 * before it is used.
 */

#include "host/known.h"

#include <lauxlib.h>
#include <string.h>

#include "host/embed.h"

static bool is_object(int type) {
  return type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA;
}

/* [-0, +1] package.loaded, whatever `package` is now. */
static void push_loaded(lua_State *L) {
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
}

void ar_known_begin(lua_State *L, ar_copier *c) {
  uint32_t n = 0;
  ar_ptrmap_clear(&c->modules);
  push_loaded(L);
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    if (is_object(lua_type(L, -1)) && lua_type(L, -2) == LUA_TSTRING &&
        ar_ptrmap_put(&c->modules, lua_topointer(L, -1), n++) == AR_PTRMAP_NONE)
      luaL_error(L, "not enough memory");
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

bool ar_known_push_module(lua_State *L, ar_copier *c, int idx) {
  const void *p = lua_topointer(L, idx);
  if (ar_ptrmap_get(&c->modules, p) == AR_PTRMAP_NONE)
    return false;
  push_loaded(L);
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    if (lua_topointer(L, -1) == p && lua_type(L, -2) == LUA_TSTRING) {
      lua_pop(L, 1);
      lua_replace(L, -2);
      return true;
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return false;
}

bool ar_known_is_own(const char *module) {
  return strncmp(module, "_anyrun.", 8) == 0 || ar_embed_has(module);
}

/* Is the value on top one that goes by the name of its field? */
static bool goes_by_name(lua_State *L, const char *module, bool own) {
  switch (lua_type(L, -1)) {
    case LUA_TFUNCTION: return own || lua_iscfunction(L, -1);
    case LUA_TTABLE: return own;
    case LUA_TUSERDATA: return strcmp(module, "io") == 0;
    default: return false;
  }
}

/* [-0, +0] stack: ..., names, ..., module at -1. Its fields get names, those
 * that have none. */
static void read_module(lua_State *L, int names, const char *module) {
  bool own = ar_known_is_own(module);
  int table = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, table)) {
    if (lua_type(L, -2) == LUA_TSTRING && goes_by_name(L, module, own)) {
      lua_pushvalue(L, -1);
      if (lua_rawget(L, names) == LUA_TNIL) {
        lua_pushvalue(L, -2); /* stack: key, value, nil, value */
        lua_pushstring(L, module);
        lua_pushlstring(L, "\0", 1);
        lua_pushvalue(L, table + 1);
        lua_concat(L, 3);
        lua_rawset(L, names);
      }
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
}

static void read_names(lua_State *L, int self) {
  int top = lua_gettop(L);
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, self, AR_COPIER_NAMES);
  push_loaded(L);
  lua_pushnil(L);
  while (lua_next(L, top + 2)) {
    if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TTABLE &&
        strcmp(lua_tostring(L, -2), LUA_GNAME) != 0)
      read_module(L, top + 1, lua_tostring(L, -2));
    lua_pop(L, 1);
  }
  /* Globals come last: a script's own alias is nothing that others have. */
  lua_pushglobaltable(L);
  read_module(L, top + 1, LUA_GNAME);
  lua_settop(L, top);
}

/* [-0, +0 or 2] Look the value at idx up in the names. False where it has
 * none; where what was read is not so any more, the names count as unread. */
static bool look_up(lua_State *L, ar_copier *c, int self, int idx) {
  int top = lua_gettop(L);
  const char *module;
  size_t length;
  bool is;
  lua_getiuservalue(L, self, AR_COPIER_NAMES);
  lua_pushvalue(L, idx);
  if (lua_rawget(L, top + 1) != LUA_TSTRING) {
    lua_settop(L, top);
    return false;
  }
  lua_replace(L, top + 1);
  module = lua_tolstring(L, top + 1, &length);
  push_loaded(L);
  lua_pushstring(L, module);
  lua_pushlstring(L, module + strlen(module) + 1, length - strlen(module) - 1);
  /* stack: name, loaded, module, field */
  lua_pushvalue(L, top + 3);
  is = lua_rawget(L, top + 2) == LUA_TTABLE;
  if (is) {
    lua_pushvalue(L, top + 4);
    (void)lua_rawget(L, -2);
    is = lua_rawequal(L, -1, idx);
  }
  if (!is) {
    c->n_named = -1;
    lua_settop(L, top);
    return false;
  }
  lua_settop(L, top + 4);
  lua_remove(L, top + 1);
  lua_remove(L, top + 1);
  return true;
}

bool ar_known_push_field(lua_State *L, ar_copier *c, int self, int idx) {
  idx = lua_absindex(L, idx);
  if (look_up(L, c, self, idx))
    return true;
  if (c->n_named == (lua_Integer)c->modules.used)
    return false; /* nothing was loaded since the names were read */
  read_names(L, self);
  c->n_named = (lua_Integer)c->modules.used;
  return look_up(L, c, self, idx);
}
