/*
 * Where an error came from, across coroutines and tasks.
 *
 * The text is that of Lua's own luaL_traceback, which looks for each function
 * in all loaded modules; since each error that is caught has a traceback, the
 * names are read once, and again when a module was loaded.
 */

#include "host/traceback.h"

#include <lauxlib.h>
#include <string.h>

#include "host/raise.h"
#include "host/weak.h"

static const char key_value[] = "traceback of which value";
static const char key_text[] = "traceback text";
static const char key_names[] = "names of functions in modules";

/* An error that is raised again and again through coroutines gets no longer
 * story than this. */
#define AR_TRACEBACK_MAX 16384

/* Of a deep stack, the innermost and the outermost frames are told. */
#define AR_FRAMES_FIRST 10
#define AR_FRAMES_LAST 11

/* ---- names -------------------------------------------------------------- */

/* Is `name` a better one than that on top, if there is any? Whichever it is,
 * it does not depend on the order in which modules are read. */
static bool is_better(lua_State *L, const char *name) {
  const char *old = lua_tostring(L, -1);
  size_t length = strlen(name), old_length;
  if (old == NULL)
    return true;
  old_length = strlen(old);
  return length != old_length ? length < old_length : strcmp(name, old) < 0;
}

/* [-1, +0] stack: names, ..., the module's name, module */
static void read_module(lua_State *L, int names) {
  int module = lua_gettop(L);
  bool global = strcmp(lua_tostring(L, module - 1), LUA_GNAME) == 0;
  lua_pushnil(L);
  while (lua_next(L, module)) {
    if (lua_isfunction(L, -1) && lua_type(L, -2) == LUA_TSTRING) {
      const char *name =
          global ? lua_pushfstring(L, "%s", lua_tostring(L, -2))
                 : lua_pushfstring(L, "%s.%s", lua_tostring(L, module - 1),
                                   lua_tostring(L, -2));
      lua_pushvalue(L, -2);
      (void)lua_rawget(L, names); /* stack: key, function, name, old name */
      if (is_better(L, name)) {
        lua_pushvalue(L, -3);
        lua_pushvalue(L, -3);
        lua_rawset(L, names);
      }
    }
    lua_settop(L, module + 1);
  }
  lua_settop(L, module - 1);
}

/* [-0, +0] Read what the functions of all modules are called. */
static void read_names(lua_State *L, int names) {
  int top = lua_gettop(L);
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushnil(L);
  while (lua_next(L, top + 1)) {
    if (lua_type(L, -2) == LUA_TSTRING && lua_istable(L, -1))
      read_module(L, names);
    else
      lua_pop(L, 1);
  }
  lua_settop(L, top);
}

/* [-0, +0] Was a module loaded since the names were read? */
static bool are_stale(lua_State *L, int names) {
  int top = lua_gettop(L);
  lua_Integer n = 0;
  bool stale;
  lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushnil(L);
  while (lua_next(L, top + 1)) {
    n++;
    lua_pop(L, 1);
  }
  lua_rawgeti(L, names, 1);
  stale = lua_tointeger(L, -1) != n;
  lua_settop(L, top);
  lua_pushinteger(L, n);
  lua_rawseti(L, names, 1);
  return stale;
}

/* [-0, +1] Names by function; [1]: how many modules there were. */
static void push_names(lua_State *L) {
  int names = lua_gettop(L) + 1;
  ar_weak_push(L, key_names, "k");
  if (are_stale(L, names))
    read_names(L, names);
}

/* [-1, +1] The name of the function on top, if it is a string. A module may
 * have got a function of C since the names were read, as those of `anyio` do
 * when they are first used; one that is in none is noted. (A function of Lua
 * that is a global since then is known as one by how it was called.) */
static void name_function(lua_State *L, int names) {
  int f = lua_gettop(L);
  lua_pushvalue(L, f);
  if (lua_rawget(L, names) == LUA_TNIL && lua_iscfunction(L, f)) {
    read_names(L, names);
    lua_pushvalue(L, f);
    if (lua_rawget(L, names) == LUA_TNIL) {
      lua_pushvalue(L, f);
      lua_pushboolean(L, false);
      lua_rawset(L, names);
    }
  }
  lua_replace(L, f);
  lua_settop(L, f);
}

/* ---- text --------------------------------------------------------------- */

/* [-0, +1] A line for the frame. */
static void push_frame(lua_State *L, lua_State *from, lua_Debug *ar,
                       int names) {
  int top = lua_gettop(L);
  lua_getinfo(from, "Slntf", ar);
  if (from != L)
    lua_xmove(from, L, 1);
  name_function(L, names);
  if (lua_type(L, top + 1) == LUA_TSTRING)
    lua_pushfstring(L, "function '%s'", lua_tostring(L, top + 1));
  else if (strcmp(ar->namewhat, "global") == 0)
    lua_pushfstring(L, "function '%s'", ar->name);
  else if (*ar->namewhat != '\0')
    lua_pushfstring(L, "%s '%s'", ar->namewhat, ar->name);
  else if (*ar->what == 'm')
    lua_pushliteral(L, "main chunk");
  else if (*ar->what == 'C')
    lua_pushliteral(L, "?");
  else
    lua_pushfstring(L, "function <%s:%d>", ar->short_src, ar->linedefined);
  if (ar->currentline > 0)
    lua_pushfstring(L, ":%d", ar->currentline);
  else
    lua_pushliteral(L, "");
  lua_pushfstring(L, "\n\t%s%s: in %s%s", ar->short_src, lua_tostring(L, -1),
                  lua_tostring(L, top + 2),
                  ar->istailcall ? "\n\t(...tail calls...)" : "");
  lua_replace(L, top + 1);
  lua_settop(L, top + 1);
}

static int count_frames(lua_State *from) {
  lua_Debug ar;
  int few = 0, many = 1;
  while (lua_getstack(from, many, &ar)) {
    few = many;
    many *= 2;
  }
  while (few < many) {
    int middle = (few + many) / 2;
    if (lua_getstack(from, middle, &ar))
      few = middle + 1;
    else
      many = middle;
  }
  return few;
}

/*
 * Where the story of an error of the library begins: at the script's line that
 * called it. Functions of the library, and those of C that they called, are
 * left out; where no script called it, none is.
 */
static int callers_level(lua_State *from, int level) {
  lua_Debug ar;
  bool in_library = false;
  for (int i = level; lua_getstack(from, i, &ar); i++) {
    lua_getinfo(from, "S", &ar);
    if (*ar.what == 'C')
      continue;
    if (strncmp(ar.source, "@anyrun:", 8) != 0)
      return in_library ? i : level;
    in_library = true;
  }
  return level;
}

/* [-0, +1] The stack of `from`, as luaL_traceback tells it. */
static void push_traceback(lua_State *L, lua_State *from, int level) {
  int top = lua_gettop(L), n = count_frames(from), skip_at = -1;
  lua_Debug ar;
  luaL_checkstack(L, 3 * LUA_MINSTACK, NULL); /* more than frames are told */
  if (from != L)
    luaL_checkstack(from, 1, NULL);
  push_names(L);
  lua_pushliteral(L, "stack traceback:");
  if (n - 1 - level > AR_FRAMES_FIRST + AR_FRAMES_LAST)
    skip_at = level + AR_FRAMES_FIRST;
  while (lua_getstack(from, level, &ar)) {
    if (level == skip_at) {
      int last = n - AR_FRAMES_LAST;
      lua_pushfstring(L, "\n\t...\t(skipping %d levels)", last - level);
      level = last;
      continue;
    }
    push_frame(L, from, &ar, top + 1);
    /* A task begins in two functions of C: as stock Lua's, one will do. */
    if (++level == n && lua_rawequal(L, -1, -2))
      lua_pop(L, 1);
  }
  lua_concat(L, lua_gettop(L) - top - 1);
  lua_replace(L, top + 1);
}

/* ---- keeping ------------------------------------------------------------ */

/* [-1, +0] The traceback on top is that of the error at idx. */
static void keep(lua_State *L, int idx) {
  if (ar_is_error(L, idx)) {
    lua_pushliteral(L, "traceback");
    lua_insert(L, -2);
    lua_rawset(L, idx);
    return;
  }
  lua_rawsetp(L, LUA_REGISTRYINDEX, key_text);
  lua_pushvalue(L, idx);
  lua_rawsetp(L, LUA_REGISTRYINDEX, key_value);
}

void ar_traceback_set(lua_State *L, int idx) {
  keep(L, lua_absindex(L, idx));
}

/* [-0, +0] Keep the traceback of `from` for the error at idx of L. */
static void remember(lua_State *L, lua_State *from, int idx, int level) {
  idx = lua_absindex(L, idx);
  if (ar_is_error(L, idx))
    level = callers_level(from, level);
  push_traceback(L, from, level);
  keep(L, idx);
}

/* Is it ar_rethrow that raises? The function at this level is the one that
 * called it: above a handler, or the last of a coroutine. (A plain pcall
 * catches without noting anything of other values than objects: what was noted
 * before must not count for the next error.) */
static bool is_rethrown(lua_State *L, lua_State *from, int level) {
  lua_CFunction rethrower = ar_host_of(L)->rethrower;
  lua_Debug ar;
  bool is;
  if (rethrower == NULL || !lua_getstack(from, level, &ar))
    return false;
  lua_getinfo(from, "f", &ar);
  is = lua_tocfunction(from, -1) == rethrower;
  lua_pop(from, 1);
  return is;
}

/* Has the error at idx its traceback already? */
static bool is_known(lua_State *L, int idx, lua_State *from, int level) {
  bool known;
  if (ar_is_error(L, idx)) {
    lua_pushliteral(L, "traceback");
    known = lua_rawget(L, idx) != LUA_TNIL;
    lua_pop(L, 1);
    return known;
  }
  if (!is_rethrown(L, from, level))
    return false;
  lua_rawgetp(L, LUA_REGISTRYINDEX, key_value);
  known = lua_rawequal(L, idx, -1);
  lua_pop(L, 1);
  return known;
}

int ar_traceback_handler(lua_State *L) {
  if (ar_is_recent(L, 1)) { /* there may be 100,000 */
    ar_host_of(L)->rethrower = NULL;
    return 1;
  }
  if (lua_isnil(L, 1)) { /* nobody could tell it from no error */
    ar_push_error(L, "RuntimeError", "error(nil): an error without a value");
    lua_replace(L, 1);
  }
  /* A cancellation is no error to be explained. */
  if ((ar_error_kind(L, 1) & AR_KIND_CANCELLED) == 0 && !is_known(L, 1, L, 1))
    remember(L, L, 1, 1);
  ar_host_of(L)->rethrower = NULL;
  lua_settop(L, 1);
  return 1;
}

int ar_traceback_note_object(lua_State *L) {
  if (lua_type(L, 1) != LUA_TTABLE || !ar_is_error(L, 1) ||
      is_known(L, 1, L, 1) || (ar_error_kind(L, 1) & AR_KIND_CANCELLED) != 0 ||
      !lua_checkstack(L, 4 * LUA_MINSTACK))
    return 1;
  remember(L, L, 1, 1);
  return 1;
}

void ar_traceback_push(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  if (ar_is_error(L, idx)) {
    lua_pushliteral(L, "traceback");
    lua_rawget(L, idx);
    return;
  }
  lua_rawgetp(L, LUA_REGISTRYINDEX, key_value);
  if (lua_rawequal(L, idx, -1))
    lua_rawgetp(L, LUA_REGISTRYINDEX, key_text);
  else
    lua_pushnil(L);
  lua_remove(L, -2);
}

void ar_traceback_of_coroutine(lua_State *L, lua_State *co, int idx) {
  idx = lua_absindex(L, idx);
  if ((ar_error_kind(L, idx) & AR_KIND_CANCELLED) == 0 &&
      !is_known(L, idx, co, 0))
    remember(L, co, idx, 0);
}

void ar_traceback_resumed(lua_State *L, int idx) {
  int top = lua_gettop(L);
  idx = lua_absindex(L, idx);
  ar_traceback_push(L, idx);
  if (lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) < AR_TRACEBACK_MAX) {
    push_traceback(L, L, 0);
    lua_pushstring(L, strchr(lua_tostring(L, -1), '\n'));
    lua_remove(L, -2);
    lua_concat(L, 2);
    keep(L, idx);
  }
  lua_settop(L, top);
}

void ar_traceback_note(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  if (!ar_is_error(L, idx)) {
    ar_traceback_push(L, idx);
    if (lua_type(L, -1) == LUA_TSTRING) {
      lua_pushliteral(L, "\n\t");
      lua_pushvalue(L, -3);
      lua_concat(L, 3);
      lua_rawsetp(L, LUA_REGISTRYINDEX, key_text);
    } else {
      lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return;
  }
  lua_pushliteral(L, "tasks");
  if (lua_rawget(L, idx) != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushliteral(L, "tasks");
    lua_pushvalue(L, -2);
    lua_rawset(L, idx);
  }
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 1);
}
