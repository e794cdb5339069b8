/*
 * Reading a copy of values, whatever the bytes are: refused, or read without
 * harm, and what was read can be written and read again.
 *
 * Without code: bytecode is never loaded from bytes that are not our own.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <lualib.h>

#include "base/base.h"
#include "base/mem.h"
#include "bind/libs.h"
#include "host/host.h"
#include "host/marshal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ar_copying how = {.rest = "value"};

static int prepare(lua_State *L) {
  luaL_openlibs(L);
  ar_libs_open(L);
  ar_host_open_thread(L, "asyncio");
  return 0;
}

static lua_State *new_state(void) {
  lua_State *L = lua_newstate(ar_mem_lua_alloc, NULL);
  if (L == NULL)
    abort();
  lua_pushcfunction(L, prepare);
  if (lua_pcall(L, 0, 0, 0) != LUA_OK)
    abort();
  return L;
}

/* stack: parcel -> values */
static int read_values(lua_State *L) {
  const ar_parcel *parcel = lua_touserdata(L, 1);
  lua_settop(L, 0);
  return ar_unmarshal(L, parcel, false);
}

/* stack: parcel, values... */
static int write_values(lua_State *L) {
  ar_parcel *parcel = lua_touserdata(L, 1);
  ar_marshal(L, parcel, 2, lua_gettop(L) - 1, &how);
  return 0;
}

/* What was read must survive the way once more. */
static void write_again(lua_State *L, int n) {
  ar_parcel *again = ar_parcel_new();
  if (again == NULL)
    abort();
  lua_pushcfunction(L, write_values);
  lua_insert(L, 1);
  lua_pushlightuserdata(L, again);
  lua_insert(L, 2);
  if (lua_pcall(L, n + 1, 0, 0) == LUA_OK) {
    lua_pushcfunction(L, read_values);
    lua_pushlightuserdata(L, again);
    if (lua_pcall(L, 1, LUA_MULTRET, 0) != LUA_OK || lua_gettop(L) != n)
      abort();
  }
  lua_settop(L, 0);
  ar_parcel_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static lua_State *L;
  static int rounds;
  ar_parcel *parcel;
  if (L != NULL && ++rounds > 10000) { /* tokens of classes pile up */
    lua_close(L);
    L = NULL;
    rounds = 0;
  }
  if (L == NULL)
    L = new_state();
  parcel = ar_parcel_new();
  if (parcel == NULL || ar_parcel_reserve(parcel, size + 1) != 0)
    abort();
  if (size > 0)
    memcpy(parcel->bytes, data, size);
  parcel->size = size;
  lua_pushcfunction(L, read_values);
  lua_pushlightuserdata(L, parcel);
  if (lua_pcall(L, 1, LUA_MULTRET, 0) == LUA_OK)
    write_again(L, lua_gettop(L));
  lua_settop(L, 0);
  ar_parcel_free(parcel);
  return 0;
}
