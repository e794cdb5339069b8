/*
 * Argument checks and pushers that the native modules share.
 */

#include "bind/luax.h"

#include <math.h>
#include <string.h>

#include "host/raise.h"

void ar_class_open(lua_State *L, const char *name) {
  if (luaL_newmetatable(L, name)) {
    lua_pushvalue(L, -1);
    lua_setfield(L, -2, "__index");
  }
  lua_pop(L, 1);
}

lua_Number ar_check_seconds(lua_State *L, int idx) {
  lua_Number s = luaL_checknumber(L, idx);
  if (isnan(s))
    ar_raise(L, "ValueError", "a time must not be NaN");
  return s;
}

void ar_self_error(lua_State *L, const char *class_name) {
  lua_Debug ar;
  const char *name = "?";
  if (lua_getstack(L, 0, &ar) != 0 && lua_getinfo(L, "n", &ar) != 0 &&
      ar.name != NULL)
    name = ar.name;
  (void)luaL_error(L,
                   "bad argument #1 to '%s' (%s expected, got %s: %s, it is "
                   "called as 'object:%s(...)')",
                   name, class_name,
                   lua_isnoneornil(L, 1) ? "no value" : luaL_typename(L, 1),
                   lua_isnoneornil(L, 1) ? "a colon is missing"
                                         : "perhaps a colon is missing",
                   name);
  AR_UNREACHABLE();
}

ar_coro *ar_check_task(lua_State *L, int idx) {
  ar_coro *c = ar_class_test(L, idx, AR_CLASS_TASK);
  if (AR_UNLIKELY(c == NULL)) {
    luaL_typeerror(L, idx, "TaskHandle");
    AR_UNREACHABLE();
  }
  return c;
}

ar_lgroup *ar_check_group(lua_State *L, int idx) {
  ar_lgroup *g = ar_lgroup_test(L, idx);
  if (AR_UNLIKELY(g == NULL)) {
    if (idx == 1)
      ar_self_error(L, "TaskGroup");
    luaL_typeerror(L, idx, "TaskGroup");
    AR_UNREACHABLE();
  }
  return g;
}

/* [-0, +1] The known names as "a, b, c". */
static void push_names(lua_State *L, const char *const *known) {
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  for (size_t i = 0; known[i] != NULL; i++) {
    if (i > 0)
      luaL_addstring(&b, ", ");
    luaL_addstring(&b, known[i]);
  }
  luaL_pushresult(&b);
}

static bool is_known(const char *name, const char *const *known) {
  for (; *known != NULL; known++)
    if (strcmp(name, *known) == 0)
      return true;
  return false;
}

void ar_check_options(lua_State *L, int idx, const char *fname,
                      const char *const *known) {
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    if (lua_type(L, -2) != LUA_TSTRING ||
        !is_known(lua_tostring(L, -2), known)) {
      const char *key = luaL_tolstring(L, -2, NULL);
      push_names(L, known);
      ar_raise(L, "TypeError", "unknown option '%s' for '%s' (known: %s)", key,
               fname, lua_tostring(L, -1));
    }
    lua_pop(L, 1);
  }
}

static bool is_callable(lua_State *L, int idx) {
  if (lua_isfunction(L, idx))
    return true;
  if (luaL_getmetafield(L, idx, "__call") == LUA_TNIL)
    return false;
  lua_pop(L, 1);
  return true;
}

static void check_spec_keys(lua_State *L, int idx, const char *fname) {
  lua_pushnil(L);
  while (lua_next(L, idx)) {
    bool known = lua_isinteger(L, -2) && lua_tointeger(L, -2) == 1;
    if (lua_type(L, -2) == LUA_TSTRING) {
      const char *key = lua_tostring(L, -2);
      known = strcmp(key, "name") == 0 || strcmp(key, "context") == 0 ||
              strcmp(key, "return_handle") == 0;
    }
    if (!known)
      ar_raise(L, "TypeError",
               "unknown key '%s' in the task spec of '%s' (known: 1 (the "
               "function), context, name)",
               luaL_tolstring(L, -2, NULL), fname);
    lua_pop(L, 1);
  }
}

/* A context must be one; anything else would fail where a variable is read. */
static void check_spec_context(lua_State *L, int idx, const char *fname) {
  int top = lua_gettop(L);
  if (lua_getfield(L, idx, "context") != LUA_TNIL &&
      (luaL_getmetafield(L, -1, "__name") != LUA_TSTRING ||
       strcmp(lua_tostring(L, -1), "Context") != 0))
    ar_raise(L, "TypeError",
             "bad argument #%d to '%s' (task spec: Context expected as "
             "'context', got %s)",
             idx > 1 ? idx - 1 : idx, fname, luaL_typename(L, top + 1));
}

ar_spec ar_check_spec(lua_State *L, int idx, const char *fname) {
  ar_spec spec = {idx, 0};
  int top = lua_gettop(L);
  if (AR_LIKELY(lua_isfunction(L, idx)) || is_callable(L, idx))
    return spec;
  if (!lua_istable(L, idx))
    ar_raise(L, "TypeError",
             "bad argument #%d to '%s' (function or task spec expected, got "
             "%s)",
             idx > 1 ? idx - 1 : idx, fname, luaL_typename(L, idx));
  check_spec_keys(L, idx, fname);
  check_spec_context(L, idx, fname);
  lua_settop(L, top);
  lua_rawgeti(L, idx, 1);
  if (!is_callable(L, -1))
    ar_raise(L, "TypeError",
             "bad argument #%d to '%s' (a task spec starts with a function, "
             "got %s)",
             idx > 1 ? idx - 1 : idx, fname, luaL_typename(L, -1));
  spec.fn = lua_gettop(L);
  spec.table = idx;
  return spec;
}

void ar_apply_spec(lua_State *L, const ar_spec *spec) {
  int self = lua_gettop(L);
  if (spec->table == 0)
    return;
  if (lua_getfield(L, spec->table, "name") != LUA_TNIL) {
    luaL_tolstring(L, -1, NULL);
    ar_coro_set_extra(L, self, "name");
  }
  lua_settop(L, self);
  if (lua_getfield(L, spec->table, "context") != LUA_TNIL)
    ar_coro_set_context(L, self);
  lua_settop(L, self);
}

void ar_push_context_holder(lua_State *L) {
  ar_host *host = ar_host_of(L);
  ar_task *t = ar_host_running(host);
  if (t == NULL) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, ar_key_context);
    return;
  }
  ar_coro_push(L, ar_coro_of(t));
  ar_coro_get_context(L, -1);
  lua_remove(L, -2);
}

void ar_set_context_holder(lua_State *L) {
  ar_task *t = ar_host_running(ar_host_of(L));
  if (t == NULL) {
    lua_rawsetp(L, LUA_REGISTRYINDEX, ar_key_context);
    return;
  }
  ar_coro_push(L, ar_coro_of(t));
  lua_insert(L, -2);
  ar_coro_set_context(L, -2);
  lua_pop(L, 1);
}

int ar_context_owner(lua_State *L) {
  ar_task *t = ar_host_running(ar_host_of(L));
  ar_push_context_holder(L);
  if (lua_istable(L, -1) && lua_getmetatable(L, -1)) {
    lua_pop(L, 1);
    return 1;
  }
  if (t == NULL)
    return 0;
  lua_pushlightuserdata(L, t);
  return 1;
}

void ar_push_context(lua_State *L) {
  ar_push_context_holder(L);
  if (lua_istable(L, -1) && lua_getmetatable(L, -1)) {
    lua_pop(L, 1); /* a Context: its variables */
    lua_getfield(L, -1, "vars");
    lua_remove(L, -2);
  }
}

void ar_inherit_context(lua_State *L, ar_coro *c) {
  ar_task *t = ar_host_running(ar_host_of(L));
  (void)c;
  if (AR_LIKELY(t != NULL && ar_coro_of(t)->extra == AR_EXTRA_NONE))
    return;
  ar_push_context(L);
  if (lua_isnil(L, -1))
    lua_pop(L, 1);
  else
    ar_coro_set_context(L, -2);
}

ar_lrun *ar_check_run(lua_State *L) {
  ar_host *host = ar_host_of(L);
  if (host->run == NULL)
    (void)ar_coro_current(L);
  return host->run;
}

void ar_note_spawn(lua_State *L, ar_coro *c) {
  lua_Debug ar;
  if (!lua_getstack(L, 1, &ar))
    return;
  lua_getinfo(L, "lf", &ar);
  c->spawn_line = ar.currentline;
  lua_setiuservalue(L, -2, AR_UV_SPAWNER);
}

bool ar_check_flag(lua_State *L, int opts, const char *fname, const char *key) {
  bool flag;
  lua_getfield(L, opts, key);
  if (!lua_isnil(L, -1) && !lua_isboolean(L, -1))
    ar_raise(L, "TypeError", "option '%s' of '%s' must be a boolean, not %s",
             key, fname, luaL_typename(L, -1));
  flag = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return flag;
}

int ar_find_body(lua_State *L, int at, int *body) {
  int opts = 0;
  *body = 0;
  if (lua_istable(L, at))
    opts = at++;
  else if (lua_isnil(L, at))
    at++;
  if (lua_isfunction(L, at))
    *body = at;
  else if (!lua_isnone(L, at) && !lua_isnil(L, at))
    luaL_typeerror(L, at, opts != 0 ? "function" : "table or function");
  return opts;
}
