/*
 * Weak tables.
 */

#ifndef ar_weak_h
#define ar_weak_h

#include <lua.h>

/* [-0, +1] A new table, weak by `mode`: "k", "v" or "kv". */
static inline void ar_weak_push_new(lua_State *L, const char *mode) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushstring(L, mode);
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
}

/* [-0, +1] The one that the registry has under `key`, made when first asked
 * for. */
static inline void ar_weak_push(lua_State *L, const void *key,
                                const char *mode) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, key) == LUA_TTABLE)
    return;
  lua_pop(L, 1);
  ar_weak_push_new(L, mode);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key);
}

#endif
