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

const char ar_key_shared[] = "shared object";

/* Parents of what the caller gave: its number, marked. */
#define ROOT UINT32_C(0x80000000)

/* A class's verdict on its instances. */
typedef enum {
  BY_VALUE,
  BY_IDENTITY,
  BY_REFERENCE
} manner;

typedef struct {
  lua_State *L;
  ar_parcel *m;
  ar_copier *c;
  const ar_copying *how;
  int self;  /* stack place of the copier's userdata */
  int works; /* of the list of tables and functions */
  int key;   /* of the string "__index" */
  uint32_t n_objects;
  uint32_t n_works;
  uint32_t n_cells; /* upvalues */
  uint32_t at;      /* whose content is being written, or ROOT | number */
  bool known_begun;
  const void *judged; /* the metatable that was looked at last */
  manner verdict;     /* on it */
} writer;

/* ---- bytes -------------------------------------------------------------- */

static void no_memory(writer *w) {
  luaL_error(w->L, "not enough memory");
}

static unsigned char *room(writer *w, size_t n) {
  if (AR_UNLIKELY(ar_parcel_reserve(w->m, n) != 0))
    no_memory(w);
  return w->m->bytes + w->m->size;
}

static void put_byte(writer *w, unsigned char byte) {
  *room(w, 1) = byte;
  w->m->size++;
}

static unsigned char *encode(unsigned char *p, uint64_t n) {
  while (n >= 0x80) {
    *p++ = (unsigned char)(n | 0x80);
    n >>= 7;
  }
  *p++ = (unsigned char)n;
  return p;
}

static void put_number(writer *w, uint64_t n) {
  unsigned char *p = room(w, 10);
  w->m->size += (size_t)(encode(p, n) - p);
}

static void put_tagged(writer *w, unsigned char tag, uint64_t n) {
  unsigned char *p = room(w, 11);
  *p = tag;
  w->m->size += (size_t)(encode(p + 1, n) - p);
}

static void put_bytes(writer *w, const void *bytes, size_t n) {
  memcpy(room(w, n), bytes, n);
  w->m->size += n;
}

/* The string at idx, without a tag. */
static void put_string(writer *w, int idx) {
  size_t length;
  const char *s = lua_tolstring(w->L, idx, &length);
  put_number(w, length);
  put_bytes(w, s, length);
}

static void put_eight(writer *w, unsigned char tag, const void *bytes) {
  unsigned char *p = room(w, 9);
  *p = tag;
  memcpy(p + 1, bytes, 8);
  w->m->size += 9;
}

static void put_integer(writer *w, lua_Integer i) {
  uint64_t u = (uint64_t)i;
  put_tagged(w, TAG_INTEGER, (u << 1) ^ (i < 0 ? UINT64_MAX : 0));
}

/* ---- what cannot be copied ---------------------------------------------- */

/* [-0, +1] The value at idx, as a key is written behind a table's name. */
static void push_key(lua_State *L, int idx) {
  const char *s = lua_type(L, idx) == LUA_TSTRING ? lua_tostring(L, idx) : NULL;
  if (s != NULL && s[strspn(s, "abcdefghijklmnopqrstuvwxyz_"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")] == 0) {
    lua_pushfstring(L, ".%s", s);
    return;
  }
  if (s != NULL || lua_type(L, idx) == LUA_TNUMBER) {
    lua_pushvalue(L, idx);
    lua_pushfstring(L, s != NULL ? "['%s']" : "[%s]", lua_tostring(L, -1));
    lua_remove(L, -2);
    return;
  }
  lua_pushfstring(L, "[%s]", luaL_typename(L, idx));
}

/* [-0, +1] How the table at `holder` holds the value at `value`. */
static void push_step_in_table(lua_State *L, int holder, int value) {
  lua_pushnil(L);
  while (lua_next(L, holder)) {
    if (lua_rawequal(L, -1, value)) {
      lua_pop(L, 1);
      push_key(L, lua_gettop(L));
      lua_remove(L, -2);
      return;
    }
    if (lua_rawequal(L, -2, value)) {
      lua_pop(L, 2);
      lua_pushliteral(L, " (a key)");
      return;
    }
    lua_pop(L, 1);
  }
  lua_pushliteral(L, " (its metatable)");
}

static void push_step_in_function(lua_State *L, int holder, int value) {
  const char *name;
  for (int i = 1; (name = lua_getupvalue(L, holder, i)) != NULL; i++) {
    bool is = lua_rawequal(L, -1, value);
    lua_pop(L, 1);
    if (is) {
      lua_pushfstring(L, " (upvalue '%s')", name);
      return;
    }
  }
  lua_pushliteral(L, "");
}

/* [-1, +1] The path to the value on top: "argument 2.config.handle". */
static void push_path(writer *w) {
  lua_State *L = w->L;
  int value = lua_gettop(L), path = value + 1;
  uint32_t at = w->at, root;
  const ar_copying *how = w->how;
  lua_pushliteral(L, "");
  while ((at & ROOT) == 0) {
    lua_rawgeti(L, w->works, at + 1); /* stack: value, path, holder */
    if (lua_istable(L, -1))
      push_step_in_table(L, path + 1, value);
    else
      push_step_in_function(L, path + 1, value);
    lua_pushvalue(L, path);
    lua_concat(L, 2);
    lua_replace(L, path);
    lua_replace(L, value); /* the holder is the next to be found */
    at = w->c->parents[at];
  }
  root = at & ~ROOT;
  if ((int)root < how->n_labels)
    lua_pushstring(L, how->labels[root]);
  else
    lua_pushfstring(L, "%s %d", how->rest, (int)root - how->n_labels + 1);
  lua_pushvalue(L, path);
  lua_concat(L, 2);
  lua_replace(L, value);
  lua_settop(L, value);
}

static void refuse(writer *w, int idx) {
  lua_State *L = w->L;
  const char *what = luaL_typename(L, idx);
  luaL_checkstack(L, 20, NULL);
  if (luaL_getmetafield(L, idx, "__name") == LUA_TSTRING)
    what = lua_tostring(L, -1);
  else if (lua_iscfunction(L, idx))
    what = "a function of C";
  lua_pushvalue(L, idx);
  push_path(w);
  ar_raise(L, "TypeError", "%s: %s (it cannot be copied to another process)",
           lua_tostring(L, -1), what);
}

static void put_attached(writer *w, unsigned char tag, ar_shared *shared) {
  size_t number;
  if (ar_parcel_attach(w->m, shared, &number) != 0)
    no_memory(w);
  put_tagged(w, tag, number);
}

/* The reference userdata at idx. */
static bool put_reference(writer *w, int idx) {
  lua_State *L = w->L;
  int path;
  ar_ref *ref = ar_reference_at(L, idx, &path);
  lua_Integer n = 0;
  if (ref == NULL)
    return false;
  if (!w->how->by_reference)
    refuse(w, idx);
  put_attached(w, TAG_REFERENCE, &ref->shared);
  if (path)
    n = (lua_Integer)lua_rawlen(L, -1);
  put_number(w, (uint64_t)n);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, -1, i);
    put_string(w, -1);
    lua_pop(L, 1);
  }
  lua_pop(L, path);
  return true;
}

static void put_by_reference(writer *w, int idx) {
  if (!w->how->by_reference)
    refuse(w, idx);
  ar_copier_refer(w->L, idx);
  (void)put_reference(w, lua_gettop(w->L));
  ar_reference_expire(w->L, -1); /* the parcel has it now */
  lua_pop(w->L, 1);
}

/* ---- what goes by name -------------------------------------------------- */

static bool put_module(writer *w, int idx) {
  if (!w->known_begun) {
    ar_known_begin(w->L, w->c);
    w->known_begun = true;
  }
  if (!ar_known_push_module(w->L, w->c, idx))
    return false;
  put_byte(w, TAG_MODULE);
  put_string(w, -1);
  lua_pop(w->L, 1);
  return true;
}

static bool put_field(writer *w, int idx) {
  if (!ar_known_push_field(w->L, w->c, w->self, idx))
    return false;
  put_byte(w, TAG_FIELD);
  put_string(w, -2);
  put_string(w, -1);
  lua_pop(w->L, 2);
  return true;
}

/* ---- objects ------------------------------------------------------------ */

/* A table or function whose content comes later: it is at idx. */
static void add_work(writer *w, int idx) {
  ar_copier *c = w->c;
  if (w->n_works == c->parents_capacity) {
    size_t capacity = w->n_works == 0 ? 64 : (size_t)w->n_works * 2;
    uint32_t *parents =
        ar_mem_realloc(c->parents, c->parents_capacity * sizeof *parents,
                       capacity * sizeof *parents);
    if (parents == NULL)
      no_memory(w);
    c->parents = parents;
    c->parents_capacity = capacity;
  }
  c->parents[w->n_works++] = w->at;
  lua_pushvalue(w->L, idx);
  lua_rawseti(w->L, w->works, w->n_works);
}

/* [-0, +0] Is there a raw field of this name in the table at idx? */
static bool has_raw(lua_State *L, int idx, const char *field) {
  bool has;
  lua_pushstring(L, field);
  has = lua_rawget(L, idx) != LUA_TNIL;
  lua_pop(L, 1);
  return has;
}

/* How instances of the class at idx, a metatable, travel. */
static manner judge(writer *w, int idx) {
  lua_State *L = w->L;
  int top = lua_gettop(L);
  manner verdict = BY_VALUE;
  if (has_raw(L, idx, "__kind"))
    return BY_VALUE; /* errors */
  lua_pushliteral(L, "__copies");
  if (lua_rawget(L, idx) == LUA_TSTRING) {
    if (strcmp(lua_tostring(L, -1), "identity") == 0)
      verdict = BY_IDENTITY;
    lua_settop(L, top);
    return verdict;
  }
  lua_settop(L, top);
  lua_pushvalue(L, idx);
  /* Is it a class of the library, or does it extend one? */
  for (int i = 0; i < 16 && lua_istable(L, -1); i++) {
    int cls = lua_gettop(L);
    if (ar_known_push_field(L, w->c, w->self, cls) ||
        (ar_known_push_module(L, w->c, cls) &&
         ar_known_is_own(lua_tostring(L, -1)))) {
      verdict = BY_REFERENCE;
      break;
    }
    lua_settop(L, cls);
    lua_pushliteral(L, "base");
    (void)lua_rawget(L, cls);
    lua_replace(L, cls);
  }
  lua_settop(L, top);
  return verdict;
}

/* How the table at idx, an instance with a metatable, travels. */
static manner manner_of(writer *w, int idx) {
  if (!lua_getmetatable(w->L, idx))
    return BY_VALUE;
  if (w->judged != lua_topointer(w->L, -1)) {
    w->judged = lua_topointer(w->L, -1);
    w->verdict = judge(w, lua_gettop(w->L));
  }
  lua_pop(w->L, 1);
  return w->verdict;
}

/* [-0, +0] The token of the table at idx, made if it has none. */
static void put_token(writer *w, int idx) {
  lua_State *L = w->L;
  unsigned char token[AR_TOKEN_SIZE];
  lua_getiuservalue(L, w->self, AR_COPIER_TOKENS);
  lua_pushvalue(L, idx);
  if (lua_rawget(L, -2) != LUA_TSTRING) {
    lua_pop(L, 1);
    w->c->tokens++;
    memcpy(token, &w->c->id, 8);
    memcpy(token + 8, &w->c->tokens, 8);
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
  put_bytes(w, lua_tostring(L, -1), AR_TOKEN_SIZE);
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
        lua_tointeger(L, -2) == (lua_Integer)(n.narr + 1))
      n.narr++;
    else
      n.nhash++;
    lua_pop(L, 1);
  }
  return n;
}

static void put_table(writer *w, int idx, bool is_metatable) {
  lua_State *L = w->L;
  manner how = manner_of(w, idx);
  bool class = is_metatable || how == BY_IDENTITY;
  counts n;
  if (how == BY_REFERENCE) {
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
  put_byte(w, class ? TAG_CLASS : TAG_TABLE);
  if (class)
    put_token(w, idx);
  n = count(L, idx);
  put_number(w, n.narr);
  put_number(w, n.nhash);
  add_work(w, idx);
}

/* A part of a function's bytecode, from lua_dump. */
static int append(lua_State *L, const void *bytes, size_t n, void *ud) {
  writer *w = ud;
  (void)L;
  if (ar_parcel_reserve(w->m, n) != 0)
    return 1;
  memcpy(w->m->bytes + w->m->size, bytes, n);
  w->m->size += n;
  return 0;
}

/* The bytecode of the function at idx: kept for the next time. */
static void put_dump(writer *w, int idx) {
  lua_State *L = w->L;
  size_t start;
  uint32_t length;
  lua_getiuservalue(L, w->self, AR_COPIER_DUMPS);
  lua_pushvalue(L, idx);
  if (lua_rawget(L, -2) == LUA_TSTRING) {
    size_t n;
    const char *code = lua_tolstring(L, -1, &n);
    length = (uint32_t)n;
    put_bytes(w, &length, sizeof length);
    put_bytes(w, code, n);
    lua_pop(L, 2);
    return;
  }
  lua_pop(L, 1);
  start = w->m->size + sizeof length;
  (void)room(w, sizeof length);
  w->m->size = start;
  lua_pushvalue(L, idx);
  if (lua_dump(L, append, w, 0) != 0 || w->m->size - start > UINT32_MAX)
    no_memory(w);
  length = (uint32_t)(w->m->size - start);
  memcpy(w->m->bytes + start - sizeof length, &length, sizeof length);
  lua_pushlstring(L, (const char *)w->m->bytes + start, length);
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

static void put_function(writer *w, int idx) {
  bool native = lua_iscfunction(w->L, idx);
  if ((native || is_library_code(w->L, idx)) && put_field(w, idx))
    return;
  if (native) {
    put_by_reference(w, idx);
    return;
  }
  put_byte(w, TAG_FUNCTION);
  put_dump(w, idx);
  add_work(w, idx);
}

/* Is the userdata at idx a box of a shared object? */
static bool is_shared(lua_State *L, int idx) {
  bool is;
  if (!lua_getmetatable(L, idx))
    return false;
  lua_pushliteral(L, AR_SHARED_FIELD);
  (void)lua_rawget(L, -2);
  is = lua_touserdata(L, -1) == (void *)ar_key_shared;
  lua_pop(L, 2);
  return is;
}

static void put_userdata(writer *w, int idx) {
  const ar_shared_box *b;
  if (put_reference(w, idx))
    return;
  if (!is_shared(w->L, idx)) {
    if (!put_field(w, idx))
      put_by_reference(w, idx);
    return;
  }
  b = lua_touserdata(w->L, idx);
  if (!w->how->by_reference || b->shared == NULL)
    refuse(w, idx);
  put_attached(w, TAG_SHARED, b->shared);
}

/* A table, function, userdata or coroutine. */
static void put_object(writer *w, int idx, bool is_metatable) {
  lua_State *L = w->L;
  uint32_t number =
      ar_ptrmap_put(&w->c->seen, lua_topointer(L, idx), w->n_objects);
  if (number == AR_PTRMAP_NONE)
    no_memory(w);
  if (number != w->n_objects) {
    put_tagged(w, TAG_OLD, number);
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

static void put_light(writer *w, int idx) {
  void *p = lua_touserdata(w->L, idx);
  if (p != NULL && !w->how->by_reference)
    refuse(w, idx);
  put_eight(w, TAG_LIGHT, &p);
}

/* The value on top of the stack, which stays there. */
static void put_top(writer *w) {
  lua_State *L = w->L;
  int idx = lua_gettop(L);
  switch (lua_type(L, idx)) {
    case LUA_TNIL: put_byte(w, TAG_NIL); return;
    case LUA_TBOOLEAN:
      put_byte(w, lua_toboolean(L, idx) ? TAG_TRUE : TAG_FALSE);
      return;
    case LUA_TNUMBER:
      if (lua_isinteger(L, idx)) {
        put_integer(w, lua_tointeger(L, idx));
      } else {
        lua_Number n = lua_tonumber(L, idx);
        put_eight(w, TAG_FLOAT, &n);
      }
      return;
    case LUA_TSTRING:
      put_byte(w, TAG_STRING);
      put_string(w, idx);
      return;
    case LUA_TLIGHTUSERDATA: put_light(w, idx); return;
    default: put_object(w, idx, false);
  }
}

/* ---- contents ----------------------------------------------------------- */

/* The content of the table on top. */
static void put_table_content(writer *w) {
  lua_State *L = w->L;
  int table = lua_gettop(L);
  counts n = count(L, table);
  if (lua_getmetatable(L, table)) {
    put_object(w, table + 1, true);
    lua_pop(L, 1);
  } else {
    put_byte(w, TAG_NIL);
  }
  put_number(w, n.narr);
  put_number(w, n.nhash);
  lua_pushnil(L);
  for (uint64_t i = 0; lua_next(L, table); i++) {
    if (i >= n.narr) {
      lua_pushvalue(L, -2);
      put_top(w);
      lua_pop(L, 1);
    }
    put_top(w);
    lua_pop(L, 1);
  }
}

/* The content of the function on top. */
static void put_function_content(writer *w) {
  lua_State *L = w->L;
  int f = lua_gettop(L), n = 0;
  while (lua_getupvalue(L, f, n + 1) != NULL) {
    lua_pop(L, 1);
    n++;
  }
  put_byte(w, (unsigned char)n);
  for (int i = 1; i <= n; i++) {
    uint32_t cell =
        ar_ptrmap_put(&w->c->seen, lua_upvalueid(L, f, i), w->n_cells);
    if (cell == AR_PTRMAP_NONE)
      no_memory(w);
    if (cell != w->n_cells) {
      put_byte(w, 1);
      put_number(w, cell);
      continue;
    }
    w->n_cells++;
    put_byte(w, 0);
    (void)lua_getupvalue(L, f, i);
    put_top(w);
    lua_pop(L, 1);
  }
}

/* Where modules are looked for, if they are to be found by the reader. */
static void put_paths(writer *w) {
  static const char *const fields[] = {"path", "cpath"};
  lua_State *L = w->L;
  int top = lua_gettop(L);
  put_byte(w, w->how->with_paths);
  if (!w->how->with_paths)
    return;
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, "package");
  for (size_t i = 0; i < ar_countof(fields); i++) {
    if (!lua_istable(L, top + 2) ||
        lua_getfield(L, top + 2, fields[i]) != LUA_TSTRING)
      luaL_error(L, "'package.%s' must be a string", fields[i]);
    put_string(w, -1);
    lua_pop(L, 1);
  }
  lua_settop(L, top);
}

void ar_marshal(lua_State *L, ar_parcel *m, int first, int n,
                const ar_copying *how) {
  int top = lua_gettop(L);
  writer w = {.L = L, .m = m, .how = how};
  luaL_checkstack(L, 32, "too many values to copy");
  w.c = ar_copier_push(L);
  w.self = top + 1;
  lua_newtable(L);
  w.works = top + 2;
  lua_pushliteral(L, "__index");
  w.key = top + 3;
  ar_copier_reap(L, w.c, w.self);
  ar_ptrmap_clear(&w.c->seen);
  put_bytes(&w, AR_FORM_MAGIC, AR_FORM_MAGIC_SIZE);
  put_paths(&w);
  put_number(&w, (uint64_t)n);
  for (int i = 0; i < n; i++) {
    w.at = ROOT | (uint32_t)i;
    lua_pushvalue(L, first + i);
    put_top(&w);
    lua_pop(L, 1);
  }
  for (w.at = 0; w.at < w.n_works; w.at++) {
    if (lua_rawgeti(L, w.works, (lua_Integer)w.at + 1) == LUA_TTABLE)
      put_table_content(&w);
    else
      put_function_content(&w);
    lua_pop(L, 1);
  }
  lua_settop(L, top);
}

/* ---- shared objects ----------------------------------------------------- */

void ar_shared_push(lua_State *L, ar_shared *shared) {
  ar_shared_box *b = lua_newuserdatauv(L, sizeof *b, 1);
  b->shared = NULL;
  if (luaL_getmetatable(L, shared->class->name) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_getglobal(L, "require");
    lua_pushstring(L, shared->class->module);
    lua_call(L, 1, 0);
    luaL_getmetatable(L, shared->class->name);
  }
  lua_setmetatable(L, -2);
  ar_shared_take(shared);
  b->shared = shared;
}

static int shared_gc(lua_State *L) {
  ar_shared_box *b = lua_touserdata(L, 1);
  ar_shared_drop(b->shared);
  b->shared = NULL;
  return 0;
}

void ar_shared_open(lua_State *L, const ar_shared_class *class) {
  if (luaL_newmetatable(L, class->name)) {
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
    lua_pushlightuserdata(L, (void *)ar_key_shared);
    lua_setfield(L, -2, AR_SHARED_FIELD);
    lua_pushcfunction(L, shared_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_pop(L, 1);
}
