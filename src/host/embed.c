/*
 * The Lua library that is built into the program.
 */

#include "host/embed.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

static const char key_hidden[] = "modules that scripts do not see";
static const char key_require[] = "require";

static int by_name(const void *key, const void *module) {
  return strcmp(key, ((const ar_embed_module *)module)->name);
}

static const ar_embed_module *find(const char *name) {
  return bsearch(name, ar_embed_modules, ar_embed_count,
                 sizeof *ar_embed_modules, by_name);
}

bool ar_embed_has(const char *name) {
  return find(name) != NULL;
}

bool ar_embed_is_hidden(const char *name) {
  return strncmp(name, "_anyrun.", 8) == 0 ||
         (strncmp(name, "anyrun.", 7) == 0 && ar_embed_has(name));
}

void ar_embed_push_hidden(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, key_hidden);
}

void ar_embed_require(lua_State *L, const char *name) {
  luaL_checkstack(L, 3, NULL);
  lua_rawgetp(L, LUA_REGISTRYINDEX, key_require);
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
}

/* A searcher for package.searchers. Upvalue: the modules' globals. */
static int search(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  const ar_embed_module *m = find(name);
  if (m == NULL)
    return 0; /* nothing to add to the list of places that stock Lua gives */
  lua_pushfstring(L, "@anyrun:%s", name);
  if (luaL_loadbufferx(L, (const char *)m->code, m->size, lua_tostring(L, -1),
                       "b") != LUA_OK)
    return luaL_error(L, "built-in module '%s': %s", name, lua_tostring(L, -1));
  lua_pushvalue(L, lua_upvalueindex(1));
  (void)lua_setupvalue(L, -2, 1);
  lua_pushfstring(L, ":builtin:%s", name);
  return 2;
}

/* [-0, +1] A copy of the globals. It is a module, so that functions which are
 * copied to other threads find it there. */
static void push_globals(lua_State *L) {
  lua_createtable(L, 0, 32);
  lua_pushglobaltable(L);
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2); /* stack: copy, globals, key, key, value */
    lua_rawset(L, -5);
  }
  lua_pop(L, 1);
}

static void keep_require(lua_State *L, int globals) {
  lua_newtable(L);
  lua_pushvalue(L, globals);
  lua_setfield(L, -2, "_anyrun.globals");
  lua_rawsetp(L, LUA_REGISTRYINDEX, key_hidden);
  lua_getfield(L, globals, "require");
  lua_rawsetp(L, LUA_REGISTRYINDEX, key_require);
}

void ar_embed_open(lua_State *L) {
  int globals = lua_gettop(L) + 1;
  push_globals(L);
  keep_require(L, globals);
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 2; i--) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushvalue(L, globals);
  lua_pushcclosure(L, search, 1);
  lua_rawseti(L, -2, 2); /* after package.preload */
  lua_settop(L, globals - 1);
}
