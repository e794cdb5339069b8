/*
 * A cell: values that several threads share, and change one at a time.
 *
 * They are kept as a copy. Who wants to see or change them locks the cell,
 * which gives the values, and gives the new ones when unlocking it.
 */

#include "bind/calls.h"
#include "host/marshal.h"
#include "loop/cell.h"

static const ar_copying copying = {.by_reference = true, .rest = "value"};

/* cell() -> a new one, without values */
int ar_thread_cell(lua_State *L) {
  ar_cell *c = ar_cell_new();
  if (c == NULL)
    return luaL_error(L, "not enough memory");
  ar_shared_push(L, &c->shared);
  ar_shared_drop(&c->shared);
  return 1;
}

static ar_cell *check_cell(lua_State *L) {
  const ar_shared_box *b = luaL_checkudata(L, 1, ar_cell_class.name);
  return (ar_cell *)(void *)b->shared;
}

static int unpack(lua_State *L) {
  const ar_cell *c = lua_touserdata(L, 1);
  lua_settop(L, 0);
  return c->values != NULL ? ar_unmarshal(L, c->values, true) : 0;
}

/* cell:lock() -> its values; blocks while another thread has it. It stays
 * locked until unlock, in this thread, but where the values cannot be read. */
static int cell_lock(lua_State *L) {
  ar_cell *c = check_cell(L);
  lua_settop(L, 1);
  lua_pushcfunction(L, unpack);
  lua_pushlightuserdata(L, c);
  ar_cell_lock(c);
  if (lua_pcall(L, 1, LUA_MULTRET, 0) == LUA_OK)
    return lua_gettop(L) - 1;
  ar_cell_unlock(c);
  return lua_error(L);
}

/* stack: parcel, values... */
static int pack(lua_State *L) {
  ar_parcel *parcel = lua_touserdata(L, 1);
  ar_marshal(L, parcel, 2, lua_gettop(L) - 1, &copying);
  return 0;
}

/* cell:unlock(...): these are its values now; none where there is no memory. */
static int cell_unlock(lua_State *L) {
  ar_cell *c = check_cell(L);
  ar_parcel *parcel = ar_parcel_new();
  int n = lua_gettop(L) - 1, status = LUA_ERRMEM;
  if (parcel != NULL) {
    lua_pushcfunction(L, pack);
    lua_pushlightuserdata(L, parcel);
    lua_rotate(L, 2, 2);
    status = lua_pcall(L, n + 1, 0, 0);
  }
  if (status != LUA_OK) {
    ar_parcel_free(parcel);
    parcel = NULL;
  }
  ar_parcel_free(c->values);
  c->values = parcel;
  ar_cell_unlock(c);
  if (status != LUA_OK)
    return luaL_error(L, "not enough memory");
  return 0;
}

static const luaL_Reg methods[] = {
    {"lock", cell_lock}, {"unlock", cell_unlock}, {NULL, NULL}};

void ar_cells_open(lua_State *L) {
  ar_shared_open(L, &ar_cell_class);
  luaL_getmetatable(L, ar_cell_class.name);
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
}
