/*
 * Copies values from one Lua state to another: the writing side.
 */

#include "host/marshal.h"

#include <lauxlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "host/copier.h"
#include "host/known.h"
#include "host/marshal_int.h"
#include "host/raise.h"

static void put_attached(ar_writer *w, unsigned char tag, ar_shared *shared) {
  size_t number;
  if (ar_parcel_attach(w->m, shared, &number) != 0)
    ar_no_memory(w);
  ar_put_tagged(w, tag, number);
}

/* The userdata at idx goes, and nobody may have it any more before the walk is
 * over: another one at its address would be taken for it. */
static void anchor(ar_writer *w, int idx) {
  lua_pushvalue(w->L, idx);
  lua_rawsetp(w->L, w->works, lua_topointer(w->L, idx));
  w->boxes = true;
}

/* The reference userdata at idx. */
static bool put_reference(ar_writer *w, int idx) {
  lua_State *L = w->L;
  int path;
  ar_ref *ref = ar_reference_at(L, idx, &path);
  lua_Integer n = 0;
  if (ref == NULL)
    return false;
  if (!w->how->by_reference)
    ar_writer_refuse(w, idx);
  put_attached(w, TAG_REFERENCE, &ref->shared);
  if (path)
    n = (lua_Integer)lua_rawlen(L, -1);
  ar_put_number(w, (uint64_t)n);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    ar_put_string(w, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, path);
  return true;
}

static void put_by_reference(ar_writer *w, int idx) {
  if (!w->how->by_reference)
    ar_writer_refuse(w, idx);
  ar_copier_refer(w->L, idx);
  (void)put_reference(w, lua_gettop(w->L));
  ar_reference_expire(w->L, -1); /* the parcel has it now */
  lua_pop(w->L, 1);
}

/* ---- what goes by name -------------------------------------------------- */

static bool put_module(ar_writer *w, int idx) {
  if (!ar_known_push_module(w->L, w->c, idx))
    return false;
  ar_put_byte(w, TAG_MODULE);
  ar_put_string(w, -1);
  lua_pop(w->L, 1);
  return true;
}

static bool put_field(ar_writer *w, int idx) {
  if (!ar_known_push_field(w->L, w->c, w->self, idx))
    return false;
  ar_put_byte(w, TAG_FIELD);
  ar_put_string(w, -2);
  ar_put_string(w, -1);
  lua_pop(w->L, 2);
  return true;
}

/* ---- objects ------------------------------------------------------------ */

/* A table or function whose content comes later: it is at idx. */
static void add_work(ar_writer *w, int idx) {
  ar_walk *walk = w->walk;
  uint32_t *parents = walk->parents;
  if (w->n_works == walk->parents_capacity) {
    size_t capacity = w->n_works == 0 ? 64 : (size_t)w->n_works * 2;
    parents = ar_mem_realloc(parents, walk->parents_capacity * sizeof *parents,
                             capacity * sizeof *parents);
    if (parents == NULL)
      ar_no_memory(w);
    walk->parents = parents;
    walk->parents_capacity = capacity;
  }
  parents[w->n_works++] = w->at;
  lua_pushvalue(w->L, idx);
  lua_rawseti(w->L, w->works, w->n_works);
}

/* A token that no other state gives, nor this one again. */
static void make_token(ar_copier *c, unsigned char *token) {
  c->tokens++;
  memcpy(token, &c->id, 8);
  memcpy(token + 8, &c->tokens, 8);
}

/* [-0, +0] The token of the table at idx, made if it has none. */
static void put_token(ar_writer *w, int idx) {
  lua_State *L = w->L;
  unsigned char token[AR_TOKEN_SIZE];
  lua_getiuservalue(L, w->self, AR_COPIER_TOKENS);
  lua_pushvalue(L, idx);
  if (lua_rawget(L, -2) != LUA_TSTRING) {
    lua_pop(L, 1);
    make_token(w->c, token);
    lua_pushlstring(L, (const char *)token, sizeof token);
    lua_pushvalue(L, idx);
    lua_pushvalue(L, -2);
    lua_rawset(L, -4); /* stack: tokens, token */
    lua_getiuservalue(L, w->self, AR_COPIER_BY_TOKEN);
    lua_pushvalue(L, -2);
    lua_pushvalue(L, idx);
    lua_rawset(L, -3);
    lua_pop(L, 1);
  }
  ar_put_bytes(w, lua_tostring(L, -1), AR_TOKEN_SIZE);
  lua_pop(L, 2);
}

typedef struct {
  uint64_t narr;
  uint64_t nhash;
} counts;

/* How many of its values stand at 1, 2, 3, ... in the order of lua_next, and
 * how many elsewhere. */
static counts count(lua_State *L, int idx) {
  counts n = {0, 0};
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    if (n.nhash == 0 && lua_isinteger(L, -2) &&
        (uint64_t)lua_tointeger(L, -2) == n.narr + 1)
      n.narr++;
    else
      n.nhash++;
    lua_pop(L, 1);
  }
  return n;
}

static void put_table(ar_writer *w, int idx, bool is_metatable) {
  lua_State *L = w->L;
  ar_manner how = ar_writer_manner(w, idx);
  bool class = is_metatable || how == AR_BY_IDENTITY;
  counts n;
  if (how == AR_BY_REFERENCE) {
    put_by_reference(w, idx);
    return;
  }
  if (!class) {
    lua_pushvalue(L, w->key);
    class = lua_rawget(L, idx) != LUA_TNIL;
    lua_pop(L, 1);
  }
  if (class && put_field(w, idx))
    return;
  ar_put_byte(w, class ? TAG_CLASS : TAG_TABLE);
  if (class)
    put_token(w, idx);
  n = count(L, idx);
  ar_put_number(w, n.narr);
  ar_put_number(w, n.nhash);
  add_work(w, idx);
}

/* A part of a function's bytecode, from lua_dump. */
static int append(lua_State *L, const void *bytes, size_t n, void *ud) {
  ar_writer *w = ud;
  (void)L;
  if (ar_parcel_reserve(w->m, n) != 0)
    return 1;
  memcpy(w->m->bytes + w->m->size, bytes, n);
  w->m->size += n;
  return 0;
}

/* The function at idx, but for its upvalues. */
static void put_new_dump(ar_writer *w, int idx) {
  lua_State *L = w->L;
  bool constant = lua_getupvalue(L, idx, 1) == NULL;
  unsigned char token[AR_TOKEN_SIZE];
  size_t at, start;
  uint32_t length = 0;
  if (!constant)
    lua_pop(L, 1);
  ar_put_byte(w, constant);
  at = w->m->size;
  ar_put_bytes(w, &length, sizeof length);
  if (constant) {
    make_token(w->c, token);
    ar_put_bytes(w, token, sizeof token);
  }
  start = w->m->size;
  lua_pushvalue(L, idx);
  if (lua_dump(L, append, w, 0) != 0 || w->m->size - start > UINT32_MAX)
    ar_no_memory(w);
  lua_pop(L, 1);
  length = (uint32_t)(w->m->size - start);
  memcpy(w->m->bytes + at, &length, sizeof length);
}

/* ... which is kept for the next time. */
static void put_dump(ar_writer *w, int idx) {
  lua_State *L = w->L;
  size_t start = w->m->size;
  lua_getiuservalue(L, w->self, AR_COPIER_DUMPS);
  lua_pushvalue(L, idx);
  if (lua_rawget(L, -2) == LUA_TSTRING) {
    size_t n;
    const char *dump = lua_tolstring(L, -1, &n);
    ar_put_bytes(w, dump, n);
    lua_pop(L, 2);
    return;
  }
  lua_pop(L, 1);
  put_new_dump(w, idx);
  lua_pushvalue(L, idx);
  lua_pushlstring(L, (const char *)w->m->bytes + start, w->m->size - start);
  lua_rawset(L, -3); /* stack: dumps */
  lua_pop(L, 1);
}

/* Is the function at idx, of Lua, one of the built-in library? */
static bool is_library_code(lua_State *L, int idx) {
  lua_Debug ar;
  lua_pushvalue(L, idx);
  lua_getinfo(L, ">S", &ar);
  return strncmp(ar.source, "@anyrun:", 8) == 0;
}

static void put_function(ar_writer *w, int idx) {
  bool native = lua_iscfunction(w->L, idx);
  if ((native || is_library_code(w->L, idx)) && put_field(w, idx))
    return;
  if (native) {
    put_by_reference(w, idx);
    return;
  }
  ar_put_byte(w, TAG_FUNCTION);
  put_dump(w, idx);
  add_work(w, idx);
}

static void put_userdata(ar_writer *w, int idx) {
  const ar_shared_box *b;
  anchor(w, idx);
  if (put_reference(w, idx))
    return;
  if (!ar_shared_is(w->L, idx)) {
    if (!put_field(w, idx))
      put_by_reference(w, idx);
    return;
  }
  b = lua_touserdata(w->L, idx);
  if (!w->how->by_reference || b->shared == NULL)
    ar_writer_refuse(w, idx);
  put_attached(w, TAG_SHARED, b->shared);
}

static void put_top(ar_writer *w);

/* The table at idx, if its class says that something else goes in its place:
 * the same each time, for one object. */
static bool put_substitute(ar_writer *w, int idx) {
  lua_State *L = w->L;
  if (lua_type(L, idx) != LUA_TTABLE ||
      ar_writer_manner(w, idx) != AR_BY_SUBSTITUTE)
    return false;
  luaL_checkstack(L, 16, NULL);
  (void)luaL_getmetafield(L, idx, "__copies");
  lua_pushvalue(L, idx);
  lua_call(L, 1, 1);
  put_top(w);
  lua_pop(L, 1);
  return true;
}

/* The first object: most answers have none. */
static void begin_objects(ar_writer *w) {
  lua_State *L = w->L;
  if (w->walk != NULL)
    return;
  w->walk = ar_copier_borrow_walk(L, w->self);
  lua_replace(L, w->works);
  lua_replace(L, w->place);
  lua_pushliteral(L, "__index");
  lua_replace(L, w->key);
  ar_known_begin(L, w->c);
}

/* A table, function, userdata or coroutine. */
static void put_object(ar_writer *w, int idx, bool is_metatable) {
  lua_State *L = w->L;
  uint32_t number;
  begin_objects(w);
  if (put_substitute(w, idx))
    return;
  number = ar_ptrmap_put(&w->walk->seen, lua_topointer(L, idx), w->n_objects);
  if (number == AR_PTRMAP_NONE)
    ar_no_memory(w);
  if (number != w->n_objects) {
    ar_put_tagged(w, TAG_OLD, number);
    return;
  }
  w->n_objects++;
  if (put_module(w, idx))
    return;
  switch (lua_type(L, idx)) {
    case LUA_TTABLE: put_table(w, idx, is_metatable); return;
    case LUA_TFUNCTION: put_function(w, idx); return;
    case LUA_TUSERDATA: put_userdata(w, idx); return;
    default: put_by_reference(w, idx);
  }
}

static void put_light(ar_writer *w, int idx) {
  void *p = lua_touserdata(w->L, idx);
  if (p != NULL && !w->how->by_reference)
    ar_writer_refuse(w, idx);
  ar_put_eight(w, TAG_LIGHT, &p);
}

/* The value on top of the stack, which stays there. */
static void put_top(ar_writer *w) {
  lua_State *L = w->L;
  int idx = lua_gettop(L);
  switch (lua_type(L, idx)) {
    case LUA_TNIL: ar_put_byte(w, TAG_NIL); return;
    case LUA_TBOOLEAN:
      ar_put_byte(w, lua_toboolean(L, idx) ? TAG_TRUE : TAG_FALSE);
      return;
    case LUA_TNUMBER:
      if (lua_isinteger(L, idx)) {
        ar_put_integer(w, lua_tointeger(L, idx));
      } else {
        lua_Number n = lua_tonumber(L, idx);
        ar_put_eight(w, TAG_FLOAT, &n);
      }
      return;
    case LUA_TSTRING:
      ar_put_byte(w, TAG_STRING);
      ar_put_string(w, idx);
      return;
    case LUA_TLIGHTUSERDATA: put_light(w, idx); return;
    default: put_object(w, idx, false);
  }
}

/* ---- contents ----------------------------------------------------------- */

/* The content of the table on top. */
static void put_table_content(ar_writer *w) {
  lua_State *L = w->L;
  int table = lua_gettop(L);
  lua_Integer next = 1; /* 0: no more */
  if (lua_getmetatable(L, table)) {
    put_object(w, table + 1, true);
    lua_pop(L, 1);
  } else {
    ar_put_byte(w, TAG_NIL);
  }
  lua_pushnil(L);
  while (lua_next(L, table)) {
    if (next != 0 && lua_isinteger(L, -2) && lua_tointeger(L, -2) == next) {
      next++;
    } else {
      if (next != 0)
        ar_put_byte(w, TAG_NIL);
      next = 0;
      lua_pushvalue(L, -2);
      put_top(w);
      lua_pop(L, 1);
    }
    put_top(w);
    lua_pop(L, 1);
  }
  if (next != 0)
    ar_put_byte(w, TAG_NIL);
  ar_put_byte(w, TAG_NIL);
}

/* The content of the function on top. */
static void put_function_content(ar_writer *w) {
  lua_State *L = w->L;
  int f = lua_gettop(L), n = 0;
  while (lua_getupvalue(L, f, n + 1) != NULL) {
    lua_pop(L, 1);
    n++;
  }
  ar_put_byte(w, (unsigned char)n);
  for (int i = 1; i <= n; i++) {
    uint32_t cell =
        ar_ptrmap_put(&w->walk->seen, lua_upvalueid(L, f, i), w->n_cells);
    if (cell == AR_PTRMAP_NONE)
      ar_no_memory(w);
    if (cell != w->n_cells) {
      ar_put_byte(w, 1);
      ar_put_number(w, cell);
      continue;
    }
    w->n_cells++;
    ar_put_byte(w, 0);
    (void)lua_getupvalue(L, f, i);
    put_top(w);
    lua_pop(L, 1);
  }
}

/* Where modules are looked for, if they are to be found by the reader. */
static void put_paths(ar_writer *w) {
  static const char *const fields[] = {"path", "cpath"};
  lua_State *L = w->L;
  int top = lua_gettop(L);
  ar_put_byte(w, w->how->with_paths);
  if (!w->how->with_paths)
    return;
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "package");
  for (size_t i = 0; i < ar_countof(fields); i++) {
    if (!lua_istable(L, top + 2) ||
        lua_getfield(L, top + 2, fields[i]) != LUA_TSTRING)
      luaL_error(L, "'package.%s' must be a string", fields[i]);
    ar_put_string(w, -1);
    lua_pop(L, 1);
  }
  lua_settop(L, top);
}

/* What first appeared in the values, and in each other. */
static void put_contents(ar_writer *w) {
  lua_State *L = w->L;
  if (w->walk == NULL)
    return;
  for (w->at = 0; w->at < w->n_works; w->at++) {
    if (lua_rawgeti(L, w->works, (lua_Integer)w->at + 1) == LUA_TTABLE)
      put_table_content(w);
    else
      put_function_content(w);
    lua_pop(L, 1);
  }
  ar_copier_return_walk(L, w->self, w->place,
                        w->boxes ? LUA_MAXINTEGER : w->n_works);
}

void ar_marshal(lua_State *L, ar_parcel *m, int first, int n,
                const ar_copying *how) {
  int top = lua_gettop(L);
  ar_writer w = {.L = L, .m = m, .how = how};
  luaL_checkstack(L, 32, "too many values to copy");
  w.c = ar_copier_push(L);
  w.self = top + 1;
  w.place = top + 2;
  w.works = top + 3;
  w.key = top + 4;
  lua_settop(L, top + 4);
  ar_copier_reap(L, w.c, w.self);
  ar_put_bytes(&w, AR_FORM_MAGIC, AR_FORM_MAGIC_SIZE);
  put_paths(&w);
  ar_put_number(&w, (uint64_t)n);
  for (int i = 0; i < n; i++) {
    w.at = AR_WRITER_ROOT | (uint32_t)i;
    lua_pushvalue(L, first + i);
    put_top(&w);
    lua_pop(L, 1);
  }
  put_contents(&w);
  lua_settop(L, top);
}
