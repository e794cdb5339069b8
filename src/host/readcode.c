/*
 * Copies values from one Lua state to another: reading functions, and what goes
 * by a name, which may be one. Only where code may come from: see marshal.h.
 */

#include "host/unmarshal_int.h"

#include <lauxlib.h>
#include <string.h>

#include "host/copier.h"

typedef struct {
  const char *bytes;
  size_t size;
} chunk;

static const char *read_chunk(lua_State *L, void *ud, size_t *size) {
  chunk *c = ud;
  const char *bytes = c->bytes;
  (void)L;
  *size = c->size;
  c->bytes = NULL;
  c->size = 0;
  return bytes;
}

/* [-0, +1] */
static void load(ar_reader *r, const unsigned char *code, size_t length) {
  chunk c = {(const char *)code, length};
  if (lua_load(r->L, read_chunk, &c, "=copy", "b") != LUA_OK)
    ar_reader_corrupt(r, lua_tostring(r->L, -1));
}

/* [-0, +1] One without upvalues, known by its token: copies of it do not
 * differ in anything, so that one is enough while it is there. */
static void get_constant(ar_reader *r, const unsigned char *token,
                         const unsigned char *code, size_t length) {
  lua_State *L = r->L;
  int top = lua_gettop(L);
  lua_getiuservalue(L, r->self, AR_COPIER_LOADED);
  lua_pushlstring(L, (const char *)token, AR_TOKEN_SIZE);
  lua_pushvalue(L, -1);
  if (lua_rawget(L, top + 1) != LUA_TFUNCTION) {
    lua_pop(L, 1);
    load(r, code, length);
    lua_pushvalue(L, top + 2);
    lua_pushvalue(L, top + 3);
    lua_rawset(L, top + 1);
  }
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}

void ar_read_function(ar_reader *r) {
  bool constant = ar_get_byte(r) != 0;
  const unsigned char *token, *code;
  uint32_t length;
  memcpy(&length, ar_get_bytes(r, sizeof length), sizeof length);
  token = constant ? ar_get_bytes(r, AR_TOKEN_SIZE) : NULL;
  code = ar_get_bytes(r, length);
  if (!r->code)
    ar_reader_corrupt(r, "a function, from where none may come");
  if (constant)
    get_constant(r, token, code, length);
  else
    load(r, code, length);
}

/* What goes by name can be a function, too. */
static void ar_reader_check_code(ar_reader *r) {
  if (!r->code)
    ar_reader_corrupt(r, "a name, from where none may come");
}

void ar_read_module(ar_reader *r) {
  ar_reader_check_code(r);
  lua_getglobal(r->L, "require");
  ar_get_string(r);
  lua_call(r->L, 1, 1);
}

void ar_read_field(ar_reader *r) {
  lua_State *L = r->L;
  int top = lua_gettop(L);
  ar_read_module(r);
  ar_get_string(r);
  lua_pushvalue(L, -1);
  if (lua_gettable(L, top + 1) == LUA_TNIL)
    ar_raise(L, "LookupError",
             "a copied value is '%s' of a module that has "
             "no such field here",
             lua_tostring(L, top + 2));
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}

/* The field of the table on top becomes the string that comes next. */
static void get_path(ar_reader *r, const char *field) {
  lua_State *L = r->L;
  uint64_t n = ar_get_number(r);
  const char *bytes = (const char *)ar_get_bytes(r, n);
  size_t length = 0;
  const char *old;
  lua_getfield(L, -1, field);
  old = lua_tolstring(L, -1, &length);
  if (old == NULL || length != n || memcmp(old, bytes, length) != 0) {
    lua_pushlstring(L, bytes, (size_t)n);
    lua_setfield(L, -3, field);
  }
  lua_pop(L, 1);
}

void ar_read_paths(ar_reader *r) {
  lua_State *L = r->L;
  int top = lua_gettop(L);
  if (ar_get_byte(r) == 0)
    return;
  ar_reader_check_code(r);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, "package") != LUA_TTABLE)
    lua_newtable(L); /* a script took it away: nobody looks there */
  get_path(r, "path");
  get_path(r, "cpath");
  lua_settop(L, top);
}
