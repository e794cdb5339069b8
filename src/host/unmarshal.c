/*
 * Copies values from one Lua state to another: the reading side.
 *
 * Nothing is believed: lengths are held against the bytes that are left, and
 * what tables ask for in advance is bounded by the size of the whole message,
 * so that a small one cannot make large ones.
 */

#include "host/marshal.h"

#include <limits.h>
#include <lauxlib.h>
#include <math.h>
#include <string.h>

#include "host/copier.h"
#include "host/embed.h"
#include "host/marshal_int.h"
#include "host/raise.h"

/* A message of so many bytes is read with the collector at rest. */
#define MUCH ((size_t)64 * 1024)

/* ---- objects ------------------------------------------------------------ */

/* The value on top is the next object. */
static void add_object(ar_reader *r) {
  lua_pushvalue(r->L, -1);
  lua_rawseti(r->L, r->objects, ++r->n_objects);
}

/* The value on top has content that comes later. */
static void add_work(ar_reader *r) {
  lua_pushvalue(r->L, -1);
  lua_rawseti(r->L, r->works, ++r->n_works);
}

/* [-0, +1] A table as large as is said, if the message can hold that. */
static void push_table(ar_reader *r) {
  uint64_t narr = ar_get_number(r), nhash = ar_get_number(r);
  if (narr > INT_MAX || nhash > INT_MAX || narr + 2 * nhash > r->budget)
    ar_reader_corrupt(r, "a table that is larger than the whole");
  r->budget -= narr + 2 * nhash;
  lua_createtable(r->L, (int)narr, (int)nhash);
  add_work(r);
}

/* A list at a fixed place, made when the first of its kind is met: the place
 * was kept free. */
static void need_list(ar_reader *r, int *list, int place) {
  if (*list != 0)
    return;
  lua_newtable(r->L);
  lua_replace(r->L, place);
  *list = place;
}

/* The content of the table on top is read, and then it is dropped: it gets no
 * metatable, so that no finalizer sees it. */
static void drop_content(ar_reader *r) {
  need_list(r, &r->dropped, r->works + 3);
  lua_pushvalue(r->L, -1);
  lua_pushboolean(r->L, 1);
  lua_rawset(r->L, r->dropped);
}

/* [-0, +1] A table that is known by its token, or will be. */
static void get_class(ar_reader *r) {
  lua_State *L = r->L;
  const unsigned char *token = ar_get_bytes(r, AR_TOKEN_SIZE);
  int top = lua_gettop(L);
  lua_getiuservalue(L, r->self, AR_COPIER_BY_TOKEN);
  lua_pushlstring(L, (const char *)token, AR_TOKEN_SIZE);
  lua_pushvalue(L, top + 2);
  if (lua_rawget(L, top + 1) == LUA_TTABLE) {
    push_table(r);
    drop_content(r);
    lua_settop(L, top + 3);
    lua_replace(L, top + 1);
    lua_settop(L, top + 1);
    return;
  }
  lua_pop(L, 1);
  push_table(r); /* stack: by token, token, table */
  lua_pushvalue(L, top + 2);
  lua_pushvalue(L, top + 3);
  lua_rawset(L, top + 1);
  lua_getiuservalue(L, r->self, AR_COPIER_TOKENS);
  lua_pushvalue(L, top + 3);
  lua_pushvalue(L, top + 2);
  lua_rawset(L, -3);
  lua_settop(L, top + 3);
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}

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

static void get_function(ar_reader *r) {
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
static void check_code(ar_reader *r) {
  if (!r->code)
    ar_reader_corrupt(r, "a name, from where none may come");
}

static void get_module(ar_reader *r) {
  check_code(r);
  ar_get_string(r);
  ar_embed_require(r->L, lua_tostring(r->L, -1));
  lua_remove(r->L, -2);
}

static void get_field(ar_reader *r) {
  lua_State *L = r->L;
  int top = lua_gettop(L);
  get_module(r);
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

static ar_shared *get_attached(ar_reader *r) {
  uint64_t n = ar_get_number(r);
  if (n >= r->m->n_attached)
    ar_reader_corrupt(r, "an object that did not come with it");
  return r->m->attached[n];
}

/* [-1, +1] The value on top is a reference's; follow its path. */
static void follow(ar_reader *r, uint64_t n) {
  for (uint64_t i = 0; i < n; i++) {
    ar_get_string(r);
    (void)lua_gettable(r->L, -2);
    lua_replace(r->L, -2);
  }
}

/* A reference: the value itself where that is at home. */
static void get_reference(ar_reader *r) {
  lua_State *L = r->L;
  ar_ref *ref = (ar_ref *)(void *)get_attached(r);
  uint64_t n = ar_get_number(r);
  const ar_copier *c = lua_touserdata(L, r->self);
  if (ref->state == c->id) {
    lua_getiuservalue(L, r->self, AR_COPIER_SLOTS);
    lua_rawgeti(L, -1, ref->slot);
    lua_remove(L, -2);
    follow(r, n);
    return;
  }
  ar_reference_push(L, ref);
  ar_copier_add_expiring(L, r->self);
  if (n == 0)
    return;
  lua_newtable(L);
  for (uint64_t i = 1; i <= n; i++) {
    ar_get_string(r);
    lua_rawseti(L, -2, (lua_Integer)i);
  }
  ar_reference_set_path(L);
}

/* [-0, +1] */
static void get_object(ar_reader *r, unsigned char tag) {
  switch (tag) {
    case TAG_TABLE: push_table(r); break;
    case TAG_CLASS: get_class(r); break;
    case TAG_FUNCTION:
      get_function(r);
      add_work(r);
      break;
    case TAG_MODULE: get_module(r); break;
    case TAG_FIELD: get_field(r); break;
    case TAG_REFERENCE: get_reference(r); break;
    case TAG_SHARED: ar_shared_push(r->L, get_attached(r)); break;
    default: ar_reader_corrupt(r, "an unknown kind of value");
  }
  add_object(r);
}

/* [-0, +1] */
static void get_value(ar_reader *r) {
  lua_State *L = r->L;
  unsigned char tag = ar_get_byte(r);
  uint64_t n;
  lua_Number number;
  void *p;
  switch (tag) {
    case TAG_NIL: lua_pushnil(L); return;
    case TAG_FALSE: lua_pushboolean(L, 0); return;
    case TAG_TRUE: lua_pushboolean(L, 1); return;
    case TAG_INTEGER:
      n = ar_get_number(r);
      lua_pushinteger(L, (lua_Integer)((n >> 1) ^ (0 - (n & 1))));
      return;
    case TAG_FLOAT:
      memcpy(&number, ar_get_bytes(r, sizeof number), sizeof number);
      lua_pushnumber(L, number);
      return;
    case TAG_STRING: ar_get_string(r); return;
    case TAG_LIGHT:
      memcpy(&p, ar_get_bytes(r, sizeof p), sizeof p);
      lua_pushlightuserdata(L, p);
      return;
    case TAG_OLD:
      n = ar_get_number(r);
      if (n >= (uint64_t)r->n_objects)
        ar_reader_corrupt(r, "an object before its time");
      lua_rawgeti(L, r->objects, (lua_Integer)n + 1);
      return;
    default: get_object(r, tag);
  }
}

/* ---- contents ----------------------------------------------------------- */

/* stack: ..., table, metatable */
static bool is_dropped(ar_reader *r) {
  bool is;
  if (r->dropped == 0)
    return false;
  lua_pushvalue(r->L, -2);
  is = lua_rawget(r->L, r->dropped) != LUA_TNIL;
  lua_pop(r->L, 1);
  return is;
}

/* The table on top has the metatable that comes next, or none. Metatables are
 * set when all is complete, so that __gc and __mode count. */
static void get_metatable(ar_reader *r) {
  lua_State *L = r->L;
  get_value(r);
  if (lua_istable(L, -1)) {
    if (is_dropped(r)) {
      lua_pop(L, 1);
      return;
    }
    need_list(r, &r->metas, r->works + 2);
    lua_pushvalue(L, -2);
    lua_rawseti(L, r->metas, ++r->n_metas);
    lua_rawseti(L, r->metas, ++r->n_metas);
    return;
  }
  if (!lua_isnil(L, -1))
    ar_reader_corrupt(r, "a metatable that is no table");
  lua_pop(L, 1);
}

/* [-0, +1] A key of a table. */
static void get_key(ar_reader *r) {
  lua_State *L = r->L;
  get_value(r);
  if (lua_isnil(L, -1) || /* what a reference was to is gone */
      (lua_type(L, -1) == LUA_TNUMBER && isnan(lua_tonumber(L, -1))))
    ar_reader_corrupt(r, "a key that is none");
}

/* The content of the table on top. */
static void get_table_content(ar_reader *r) {
  lua_State *L = r->L;
  get_metatable(r);
  for (lua_Integer i = 1; !ar_get_end(r); i++) {
    get_value(r);
    lua_rawseti(L, -2, i);
  }
  while (!ar_get_end(r)) {
    get_key(r);
    get_value(r);
    lua_rawset(L, -3);
  }
}

/* Upvalue n of the function on top is an earlier one. */
static void join(ar_reader *r, int n) {
  lua_State *L = r->L;
  int f = lua_gettop(L);
  uint64_t cell = ar_get_number(r);
  lua_Integer place;
  if (cell >= (uint64_t)r->n_cells)
    ar_reader_corrupt(r, "an upvalue before its time");
  lua_rawgeti(L, r->cells, (lua_Integer)cell + 1);
  place = lua_tointeger(L, -1);
  lua_rawgeti(L, r->works, place >> 8);
  lua_upvaluejoin(L, f, n, f + 2, (int)(place & 0xff));
  lua_settop(L, f);
}

/* The content of the function on top, number `work` of those with contents.
 * (Its upvalues were counted when it was loaded: bytecode says how many.) */
static void get_function_content(ar_reader *r, lua_Integer work) {
  lua_State *L = r->L;
  int f = lua_gettop(L), n = ar_get_byte(r);
  for (int i = 1; i <= n; i++) {
    if (lua_getupvalue(L, f, i) == NULL)
      ar_reader_corrupt(r, "more upvalues than the function has");
    lua_pop(L, 1);
    if (ar_get_byte(r) != 0) {
      join(r, i);
      continue;
    }
    need_list(r, &r->cells, r->works + 1);
    lua_pushinteger(L, (work << 8) | i);
    lua_rawseti(L, r->cells, ++r->n_cells);
    get_value(r);
    (void)lua_setupvalue(L, f, i);
  }
}

static void set_metatables(ar_reader *r) {
  lua_State *L = r->L;
  for (lua_Integer i = 1; i < r->n_metas; i += 2) {
    lua_rawgeti(L, r->metas, i + 1);
    lua_rawgeti(L, r->metas, i); /* stack: table, metatable */
    lua_insert(L, -2);
    lua_setmetatable(L, -2);
    lua_pop(L, 1);
  }
}

static void get_contents(ar_reader *r) {
  lua_State *L = r->L;
  for (lua_Integer i = 1; i <= r->n_works; i++) {
    if (lua_rawgeti(L, r->works, i) == LUA_TTABLE)
      get_table_content(r);
    else
      get_function_content(r, i);
    lua_pop(L, 1);
  }
  if (r->at != r->end)
    ar_reader_corrupt(r, "something follows its end");
  set_metatables(r);
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

/* Modules are looked for as the writer would: before any is. */
static void get_paths(ar_reader *r) {
  lua_State *L = r->L;
  int top = lua_gettop(L);
  if (ar_get_byte(r) == 0)
    return;
  check_code(r);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, "package") != LUA_TTABLE)
    lua_newtable(L); /* a script took it away: nobody looks there */
  get_path(r, "path");
  get_path(r, "cpath");
  lua_settop(L, top);
}

/* [-0, +n] */
static int get_all(lua_State *L, const ar_parcel *m, bool code) {
  int top = lua_gettop(L);
  uint64_t n;
  ar_reader r = {.L = L, .m = m, .at = m->bytes, .end = m->bytes + m->size};
  luaL_checkstack(L, 32, "too many values in a copy");
  ar_copier_reap(L, ar_copier_push(L), top + 1);
  ar_copier_borrow(L, top + 1, AR_COPIER_OBJECTS);
  ar_copier_borrow(L, top + 1, AR_COPIER_READING);
  lua_settop(L, top + 6); /* the last three are made when they are used */
  r.code = code;
  r.self = top + 1;
  r.objects = top + 2;
  r.works = top + 3;
  r.budget = m->size;
  if (memcmp(ar_get_bytes(&r, AR_FORM_MAGIC_SIZE), AR_FORM_MAGIC,
             AR_FORM_MAGIC_SIZE) != 0)
    ar_reader_corrupt(&r, "it begins otherwise, or is of another version");
  get_paths(&r);
  n = ar_get_number(&r);
  if (n > r.budget)
    ar_reader_corrupt(&r, "it ends too soon");
  if (n > INT_MAX || !lua_checkstack(L, (int)n + 32))
    luaL_error(L, "too many values in a copy");
  for (uint64_t i = 0; i < n; i++)
    get_value(&r);
  get_contents(&r);
  ar_copier_return(L, r.self, AR_COPIER_OBJECTS, r.objects, r.n_objects);
  ar_copier_return(L, r.self, AR_COPIER_READING, r.works, r.n_works);
  lua_rotate(L, top + 1, (int)n);
  lua_settop(L, top + (int)n);
  return (int)n;
}

typedef struct {
  const ar_parcel *m;
  bool code;
} request;

static int get_protected(lua_State *L) {
  const request *q = lua_touserdata(L, 1);
  lua_settop(L, 0);
  return get_all(L, q->m, q->code);
}

int ar_unmarshal(lua_State *L, const ar_parcel *m, bool code) {
  request q = {m, code};
  int top = lua_gettop(L), status;
  if (m->size < MUCH || !lua_gc(L, LUA_GCISRUNNING))
    return get_all(L, m, code);
  /* Nothing of what is being built is garbage. */
  (void)lua_gc(L, LUA_GCSTOP);
  lua_pushcfunction(L, get_protected);
  lua_pushlightuserdata(L, &q);
  status = lua_pcall(L, 1, LUA_MULTRET, 0);
  (void)lua_gc(L, LUA_GCRESTART);
  if (status != LUA_OK)
    (void)lua_error(L);
  return lua_gettop(L) - top;
}
