/*
 * A cell: values that several threads share, and change one at a time.
 *
 * They are kept as a copy. Who wants to see or change them locks the cell,
 * which gives the values, and gives the new ones when unlocking it.
 */

#include <pthread.h>

#include "base/mem.h"
#include "bind/calls.h"
#include "host/marshal.h"

typedef struct {
  ar_shared shared; /* first */
  pthread_mutex_t mutex;
  ar_parcel *values; /* owned, under the mutex; NULL: none */
} cell;

static void free_cell(ar_shared *shared) {
  cell *c = (cell *)(void *)shared;
  ar_parcel_free(c->values);
  (void)pthread_mutex_destroy(&c->mutex);
  ar_mem_free(c, sizeof *c);
}

static const ar_shared_class cell_class = {"Cell", "_anyrun.thread", free_cell};

static const ar_copying copying = {.by_reference = true, .rest = "value"};

/* cell() -> a new one, without values */
int ar_thread_cell(lua_State *L) {
  cell *c = ar_mem_zalloc(sizeof *c);
  if (c == NULL)
    return luaL_error(L, "not enough memory");
  ar_shared_init(&c->shared, &cell_class);
  (void)pthread_mutex_init(&c->mutex, NULL);
  ar_shared_push(L, &c->shared);
  ar_shared_drop(&c->shared);
  return 1;
}

static cell *check_cell(lua_State *L) {
  const ar_shared_box *b = luaL_checkudata(L, 1, cell_class.name);
  return (cell *)(void *)b->shared;
}

/* cell:lock() -> its values; blocks while another thread has it. It stays
 * locked until unlock, in this thread. */
static int cell_lock(lua_State *L) {
  cell *c = check_cell(L);
  (void)pthread_mutex_lock(&c->mutex);
  return c->values != NULL ? ar_unmarshal(L, c->values, true) : 0;
}

/* stack: cell, values... -> parcel as light userdata */
static int pack(lua_State *L) {
  ar_parcel *parcel = lua_touserdata(L, 1);
  ar_marshal(L, parcel, 2, lua_gettop(L) - 1, &copying);
  return 0;
}

/* cell:unlock(...): these are its values now; none where they do not fit. */
static int cell_unlock(lua_State *L) {
  cell *c = check_cell(L);
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
  (void)pthread_mutex_unlock(&c->mutex);
  if (status != LUA_OK)
    return luaL_error(L, "not enough memory");
  return 0;
}

static const luaL_Reg methods[] = {
    {"lock", cell_lock}, {"unlock", cell_unlock}, {NULL, NULL}};

void ar_cells_open(lua_State *L) {
  ar_shared_open(L, &cell_class);
  luaL_getmetatable(L, cell_class.name);
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
}
