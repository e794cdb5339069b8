/*
 * Anchors: what keeps a value of Lua's alive, and finds it, by a number.
 */

#include "host/anchor.h"

#include "base/mem.h"

/* Places that are made at a time. */
#define AR_AT_ONCE 32

/* Room to remember one more place, so that letting go of it cannot fail. */
static void reserve(lua_State *L, ar_anchors *a) {
  size_t capacity = a->capacity == 0 ? 64 : a->capacity * 2;
  int *spare;
  if (a->n_made < a->capacity)
    return;
  spare = ar_mem_realloc(a->spare, a->capacity * sizeof *spare,
                         capacity * sizeof *spare);
  if (spare == NULL)
    luaL_error(L, "not enough memory");
  a->spare = spare;
  a->capacity = capacity;
}

/* A script may have left gaps between the places of others. */
static bool is_free(lua_State *L, lua_Integer at) {
  bool is = lua_rawgeti(L, LUA_REGISTRYINDEX, at) == LUA_TNIL;
  lua_pop(L, 1);
  return is;
}

/* More places, where luaL_ref would make them: behind all that are taken. */
static void make_some(lua_State *L, ar_anchors *a) {
  lua_Integer at = (lua_Integer)lua_rawlen(L, LUA_REGISTRYINDEX) + 1;
  reserve(L, a);
  do {
    lua_pushboolean(L, 0);
    lua_rawseti(L, LUA_REGISTRYINDEX, at);
    a->spare[a->n_spare++] = (int)at++;
    a->n_made++;
  } while (a->n_spare < AR_AT_ONCE && a->n_made < a->capacity &&
           is_free(L, at));
}

int ar_anchor_take(lua_State *L, ar_host *host) {
  ar_anchors *a = &host->anchors;
  int anchor;
  if (AR_LIKELY(a->n_spare > 0)) {
    anchor = a->spare[--a->n_spare];
    lua_rawseti(L, LUA_REGISTRYINDEX, anchor);
    return anchor;
  }
  make_some(L, a);
  anchor = a->spare[--a->n_spare];
  lua_rawseti(L, LUA_REGISTRYINDEX, anchor);
  return anchor;
}

void ar_anchor_drop(lua_State *L, ar_host *host, int anchor) {
  ar_anchors *a = &host->anchors;
  if (anchor == LUA_NOREF)
    return;
  lua_pushboolean(L, 0); /* luaL_ref wants no holes */
  lua_rawseti(L, LUA_REGISTRYINDEX, anchor);
  a->spare[a->n_spare++] = anchor;
}

void ar_anchors_free(ar_host *host) {
  ar_anchors *a = &host->anchors;
  ar_mem_free(a->spare, a->capacity * sizeof *a->spare);
  a->spare = NULL;
  a->n_spare = 0;
  a->n_made = 0;
  a->capacity = 0;
}
