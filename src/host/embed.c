/*
 * The Lua library that is built into the program.
 */

#include "host/embed.h"

#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

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

/* A searcher for package.searchers. */
static int search(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  const ar_embed_module *m = find(name);
  if (m == NULL)
    return 0; /* nothing to add to the list of places that stock Lua gives */
  lua_pushfstring(L, "@anyrun:%s", name);
  if (luaL_loadbufferx(L, (const char *)m->code, m->size, lua_tostring(L, -1),
                       "b") != LUA_OK)
    return luaL_error(L, "built-in module '%s': %s", name, lua_tostring(L, -1));
  lua_pushfstring(L, ":builtin:%s", name);
  return 2;
}

void ar_embed_open(lua_State *L) {
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "searchers");
  for (lua_Integer i = (lua_Integer)lua_rawlen(L, -1); i >= 2; i--) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushcfunction(L, search);
  lua_rawseti(L, -2, 2); /* after package.preload */
  lua_pop(L, 2);
}
