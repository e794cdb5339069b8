/*
 * A ring of Lua values: the buffer of a channel.
 */

#include "bind/ring.h"

/* [-0, +1] */
static void push_ring(lua_State *L) {
  lua_getiuservalue(L, 1, AR_RING_OWNER);
  lua_getiuservalue(L, -1, AR_RING_TABLE);
  lua_remove(L, -2);
}

static lua_Integer slot(const ar_ring *r, size_t i) {
  size_t at = r->head + i;
  return (lua_Integer)(at < r->capacity ? at : at - r->capacity) + 1;
}

/* Twice the room. The ring is on top: a larger one replaces it. */
static void grow(lua_State *L, ar_ring *r) {
  size_t capacity = r->capacity == 0 ? 4 : r->capacity * 2;
  lua_createtable(L, (int)capacity, 0);
  for (size_t i = 0; i < r->used; i++) {
    lua_rawgeti(L, -2, slot(r, i));
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  lua_getiuservalue(L, 1, AR_RING_OWNER);
  lua_pushvalue(L, -2);
  lua_setiuservalue(L, -2, AR_RING_TABLE);
  lua_pop(L, 1);
  lua_replace(L, -2);
  r->head = 0;
  r->capacity = capacity;
}

void ar_ring_put(lua_State *L, ar_ring *r) {
  push_ring(L);
  if (AR_UNLIKELY(r->used == r->capacity))
    grow(L, r);
  lua_insert(L, -2);
  lua_rawseti(L, -2, slot(r, r->used));
  lua_pop(L, 1);
  r->used++;
  if (r->used > r->peak)
    r->peak = r->used;
}

void ar_ring_put_back(lua_State *L, ar_ring *r) {
  push_ring(L);
  if (r->used == r->capacity)
    grow(L, r);
  r->head = r->head == 0 ? r->capacity - 1 : r->head - 1;
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)r->head + 1);
  lua_pop(L, 1);
  r->used++;
}

void ar_ring_take(lua_State *L, ar_ring *r) {
  lua_Integer at = slot(r, 0);
  push_ring(L);
  lua_rawgeti(L, -1, at);
  lua_pushnil(L);
  lua_rawseti(L, -3, at);
  lua_remove(L, -2);
  r->used--;
  r->head++;
  if (r->head == r->capacity)
    r->head = 0;
}
