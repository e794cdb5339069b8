/*
 * Values that every Lua state has under a name; how instances of classes
 * travel; and, for what cannot go, where it was found.
 *
 * Modules, some fifty, are read anew in each walk that asks for a table: a
 * script may put what it likes into package.loaded. They are read again where
 * the walk itself has loaded one, by what a value has to say of its copy. For
 * functions of Lua, which hardly ever are modules, those do that were read
 * last, unless `require` has loaded one since. Fields of modules are read when
 * one is asked for that is not known and modules were loaded since the last
 * time; what was read is only a hint, and looked up before it is used.
 */

#include "host/known.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <string.h>

#include "host/embed.h"
#include "host/host.h"
#include "host/marshal_int.h"
#include "host/raise.h"
#include "host/weak.h"

const char ar_key_standard[] = "names of standard functions";

static bool is_object(int type) {
  return type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA;
}

/* [-0, +1] package.loaded, whatever `package` is now, or what is loaded and
 * hidden. */
static void push_loaded(lua_State *L, bool hidden) {
  if (hidden)
    ar_embed_push_hidden(L);
  else
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
}

/* [-1, +0] stack: ..., loaded */
static uint32_t add_modules(lua_State *L, ar_copier *c, uint32_t n) {
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    if (is_object(lua_type(L, -1)) && lua_type(L, -2) == LUA_TSTRING &&
        ar_ptrmap_put(&c->modules, lua_topointer(L, -1), n++) == AR_PTRMAP_NONE)
      luaL_error(L, "not enough memory");
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return n;
}

void ar_known_begin(lua_State *L, ar_copier *c) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  c->globals = lua_topointer(L, -1);
  lua_pop(L, 1);
  c->modules_read = false;
}

static void note_modules(lua_State *L, ar_copier *c) {
  uint32_t n;
  if (c->modules_read && c->loads == ar_host_of(L)->loads)
    return;
  ar_ptrmap_clear(&c->modules);
  push_loaded(L, false);
  n = add_modules(L, c, 0);
  push_loaded(L, true);
  (void)add_modules(L, c, n);
  c->loads = ar_host_of(L)->loads;
  c->modules_read = true;
}

/* [-0, +0 or 1] "_G", if that is the value at idx. */
static bool push_globals_name(lua_State *L, int idx) {
  bool is;
  push_loaded(L, false);
  lua_pushliteral(L, LUA_GNAME);
  lua_pushvalue(L, -1);
  (void)lua_rawget(L, -3);
  is = lua_rawequal(L, -1, idx);
  lua_pop(L, 1);
  lua_replace(L, -2);
  if (!is)
    lua_pop(L, 1);
  return is;
}

/* [-1, +0 or 1] stack: ..., loaded */
static bool push_name_of(lua_State *L, const void *p) {
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    if (lua_topointer(L, -1) == p && lua_type(L, -2) == LUA_TSTRING) {
      lua_pop(L, 1);
      lua_replace(L, -2);
      return true;
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return false;
}

bool ar_known_push_module(lua_State *L, ar_copier *c, int idx) {
  const void *p = lua_topointer(L, idx);
  bool code = lua_type(L, idx) == LUA_TFUNCTION && !lua_iscfunction(L, idx);
  if (p == c->globals && push_globals_name(L, idx))
    return true;
  if (!code || c->modules.used == 0 || c->loads != ar_host_of(L)->loads)
    note_modules(L, c);
  if (ar_ptrmap_get(&c->modules, p) == AR_PTRMAP_NONE)
    return false;
  for (int hidden = 0; hidden < 2; hidden++) {
    push_loaded(L, hidden != 0);
    if (push_name_of(L, p))
      return true;
  }
  return false;
}

bool ar_known_is_own(const char *module) {
  return strncmp(module, "_anyrun.", 8) == 0 || ar_embed_has(module);
}

/* Is the value on top one that goes by the name of its field? */
static bool goes_by_name(lua_State *L, bool own) {
  switch (lua_type(L, -1)) {
    case LUA_TFUNCTION: return own || lua_iscfunction(L, -1);
    case LUA_TTABLE: return own;
    default: return false;
  }
}

/* [-0, +0] stack: ..., names, ..., module at -1. Its fields get names, those
 * that have none. */
static void read_module(lua_State *L, int names, const char *module) {
  bool own = ar_known_is_own(module);
  int table = lua_gettop(L);
  lua_pushnil(L);
  while (lua_next(L, table)) {
    if (lua_type(L, -2) == LUA_TSTRING && goes_by_name(L, own)) {
      lua_pushvalue(L, -1);
      if (lua_rawget(L, names) == LUA_TNIL) {
        lua_pushvalue(L, -2); /* stack: key, value, nil, value */
        lua_pushstring(L, module);
        lua_pushlstring(L, "\0", 1);
        lua_pushvalue(L, table + 1);
        lua_concat(L, 3);
        lua_rawset(L, names);
      }
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
  }
}

/* [-1, +0] stack: names, ..., loaded */
static void read_modules(lua_State *L, int names) {
  lua_pushnil(L);
  while (lua_next(L, -2)) {
    if (lua_type(L, -2) == LUA_TSTRING && lua_type(L, -1) == LUA_TTABLE &&
        strcmp(lua_tostring(L, -2), LUA_GNAME) != 0)
      read_module(L, names, lua_tostring(L, -2));
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void read_names(lua_State *L, int self) {
  int top = lua_gettop(L);
  ar_weak_push_new(L, "k");
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, self, AR_COPIER_NAMES);
  push_loaded(L, false);
  read_modules(L, top + 1);
  push_loaded(L, true);
  read_modules(L, top + 1);
  /* Globals come last: a script's own alias is nothing that others have. */
  lua_pushglobaltable(L);
  read_module(L, top + 1, LUA_GNAME);
  lua_settop(L, top);
}

/* [-1, +2] "module\0field" in two strings. */
static void split_name(lua_State *L) {
  size_t length;
  const char *module = lua_tolstring(L, -1, &length);
  const char *field = module + strlen(module) + 1;
  lua_pushstring(L, module);
  lua_pushlstring(L, field, length - (size_t)(field - module));
  lua_remove(L, -3);
}

/* [-0, +0 or 2] Look the value at idx up in the names. False where it has
 * none; where what was read is not so any more, the names count as unread. */
static bool look_up(lua_State *L, ar_copier *c, int self, int idx) {
  int top = lua_gettop(L);
  bool is;
  lua_getiuservalue(L, self, AR_COPIER_NAMES);
  lua_pushvalue(L, idx);
  if (lua_rawget(L, top + 1) != LUA_TSTRING) {
    lua_settop(L, top);
    return false;
  }
  lua_replace(L, top + 1);
  split_name(L); /* stack: module, field */
  push_loaded(L, ar_embed_is_hidden(lua_tostring(L, top + 1)));
  lua_pushvalue(L, top + 1);
  is = lua_rawget(L, top + 3) == LUA_TTABLE;
  if (is) {
    lua_pushvalue(L, top + 2);
    (void)lua_rawget(L, -2);
    is = lua_rawequal(L, -1, idx);
  }
  if (!is)
    c->n_named = -1;
  lua_settop(L, is ? top + 2 : top);
  return is;
}

/* [-0, +0 or 2] The same for a function of C that every state has. */
static bool look_up_standard(lua_State *L, int self, int idx) {
  union {
    lua_CFunction f;
    void *p;
  } address = {.f = lua_tocfunction(L, idx)};
  int top = lua_gettop(L);
  if (address.f == NULL)
    return false;
  if (lua_getiuservalue(L, self, AR_COPIER_STANDARD) != LUA_TTABLE) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, ar_key_standard);
    lua_call(L, 0, 1);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, self, AR_COPIER_STANDARD);
  }
  if (lua_rawgetp(L, -1, address.p) != LUA_TSTRING) {
    lua_settop(L, top);
    return false;
  }
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
  split_name(L);
  return true;
}

/* [-0, +0 or 2] The same for a standard file, wherever a script keeps it. */
static bool look_up_file(lua_State *L, int idx) {
  FILE *const files[] = {stdin, stdout, stderr};
  static const char *const names[] = {"stdin", "stdout", "stderr"};
  const luaL_Stream *stream = luaL_testudata(L, idx, LUA_FILEHANDLE);
  for (size_t i = 0; stream != NULL && i < ar_countof(files); i++)
    if (stream->closef != NULL && stream->f == files[i]) {
      lua_pushliteral(L, LUA_IOLIBNAME);
      lua_pushstring(L, names[i]);
      return true;
    }
  return false;
}

bool ar_known_push_field(lua_State *L, ar_copier *c, int self, int idx) {
  idx = lua_absindex(L, idx);
  if (lua_type(L, idx) == LUA_TUSERDATA)
    return look_up_file(L, idx);
  if (look_up_standard(L, self, idx) || look_up(L, c, self, idx))
    return true;
  note_modules(L, c);
  if (c->n_named == (lua_Integer)c->modules.used)
    return false; /* nothing was loaded since the names were read */
  read_names(L, self);
  c->n_named = (lua_Integer)c->modules.used;
  return look_up(L, c, self, idx);
}

/* ---- classes ------------------------------------------------------------ */

/* [-0, +0] Is there a raw field of this name in the table at idx? */
static bool has_raw(lua_State *L, int idx, const char *field) {
  bool has;
  lua_pushstring(L, field);
  has = lua_rawget(L, idx) != LUA_TNIL;
  lua_pop(L, 1);
  return has;
}

/* How instances of the class at idx, a metatable, travel. */
static ar_manner judge(ar_writer *w, int idx) {
  lua_State *L = w->L;
  int top = lua_gettop(L);
  ar_manner verdict = AR_BY_VALUE;
  if (has_raw(L, idx, "__kind"))
    return AR_BY_VALUE; /* errors */
  lua_pushliteral(L, "__copies");
  if (lua_rawget(L, idx) == LUA_TFUNCTION) {
    lua_settop(L, top);
    return AR_BY_SUBSTITUTE;
  }
  if (lua_type(L, -1) == LUA_TSTRING) {
    if (strcmp(lua_tostring(L, -1), "identity") == 0)
      verdict = AR_BY_IDENTITY;
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
      verdict = AR_BY_REFERENCE;
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
ar_manner ar_writer_manner(ar_writer *w, int idx) {
  if (!lua_getmetatable(w->L, idx))
    return AR_BY_VALUE;
  if (w->judged != lua_topointer(w->L, -1)) {
    w->judged = lua_topointer(w->L, -1);
    w->verdict = judge(w, lua_gettop(w->L));
  }
  lua_pop(w->L, 1);
  return w->verdict;
}

/* ---- what cannot go ----------------------------------------------------- */

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
  if (lua_isboolean(L, idx))
    lua_pushstring(L, lua_toboolean(L, idx) ? "[true]" : "[false]");
  else
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
static void push_path(ar_writer *w) {
  lua_State *L = w->L;
  int value = lua_gettop(L), path = value + 1;
  uint32_t at = w->at, root;
  const ar_copying *how = w->how;
  lua_pushliteral(L, "");
  while ((at & AR_WRITER_ROOT) == 0) {
    lua_rawgeti(L, w->works, at + 1); /* stack: value, path, holder */
    if (lua_istable(L, -1))
      push_step_in_table(L, path + 1, value);
    else
      push_step_in_function(L, path + 1, value);
    lua_pushvalue(L, path);
    lua_concat(L, 2);
    lua_replace(L, path);
    lua_replace(L, value); /* the holder is the next to be found */
    at = w->walk->parents[at];
  }
  root = at & ~AR_WRITER_ROOT;
  if ((int)root < how->n_labels)
    lua_pushstring(L, how->labels[root]);
  else
    lua_pushfstring(L, "%s %d", how->rest, (int)root - how->n_labels + 1);
  lua_pushvalue(L, path);
  lua_concat(L, 2);
  lua_replace(L, value);
  lua_settop(L, value);
}

void ar_writer_refuse(ar_writer *w, int idx) {
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
