/*
 * Prints error values. What is still to be shown waits on a stack of its
 * own: causes and groups may be nested deeper than C can recurse.
 */

#include "cli/report.h"

#include <string.h>

#include <lauxlib.h>

#include "cli/errval.h"
#include "host/raise.h"
#include "host/traceback.h"

/* What is to be shown: the slots of an entry of the stack `todo`. */
enum {
  SLOT_VALUE = 1,
  SLOT_TRACEBACK, /* of a value that cannot carry its own, or nil */
  SLOT_INDENT,
  SLOT_LABEL,
  SLOTS = SLOT_LABEL
};

/* A report being made; todo and seen are stack indices of tables. */
typedef struct report {
  lua_State *L;
  FILE *out;
  int todo;
  int n_todo;
  int seen;
  int indent;   /* of the lines below the message */
  bool is_root; /* the value is the one that was uncaught */
} report;

/* ---- lines -------------------------------------------------------------- */

/* [-1, +0] Print the string on top behind a label, each line indented. */
static void print_text(report *r, const char *label) {
  size_t length;
  const char *text = lua_tolstring(r->L, -1, &length);
  const char *end = text + length;
  do {
    const char *line = text;
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    size_t n = (size_t)((stop != NULL ? stop : end) - line);
    (void)fprintf(r->out, "%*s%s", r->indent, "", label);
    (void)fwrite(line, 1, n, r->out);
    (void)fputc('\n', r->out);
    label = "";
    text = line + n + 1;
  } while (text < end);
  lua_pop(r->L, 1);
}

static int call_tostring(lua_State *L) {
  (void)luaL_tolstring(L, 1, NULL);
  return 1;
}

/* [-0, +1] What the value at idx says of itself. */
static void push_message(lua_State *L, int idx) {
  int type = lua_type(L, idx);
  idx = lua_absindex(L, idx);
  if (type == LUA_TSTRING || type == LUA_TNUMBER) {
    (void)luaL_tolstring(L, idx, NULL);
    return;
  }
  if (luaL_getmetafield(L, idx, "__tostring") == LUA_TNIL) {
    (void)lua_pushfstring(L, "(error object is a %s value)",
                          luaL_typename(L, idx));
    return;
  }
  lua_pushcfunction(L, call_tostring);
  lua_replace(L, -2);
  lua_pushvalue(L, idx);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK)
    return;
  (void)lua_pushfstring(L, "(error object is a %s value; its __tostring: %s)",
                        luaL_typename(L, idx),
                        lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1)
                                                       : "failed");
  lua_remove(L, -2);
}

/* Where the value came from; `known` is the index of a traceback kept
   elsewhere, or nil. */
static void print_traceback(report *r, int value, int known) {
  lua_State *L = r->L;
  int top = lua_gettop(L);
  if (r->is_root || ar_is_error(L, value))
    ar_traceback_push(L, value);
  else
    lua_pushvalue(L, known);
  if (lua_type(L, -1) == LUA_TSTRING && lua_rawlen(L, -1) > 0)
    print_text(r, "");
  lua_settop(L, top);
  if (ar_errval_push_field(L, value, "tasks") == LUA_TTABLE) {
    lua_Integer n = (lua_Integer)lua_rawlen(L, -1);
    for (lua_Integer i = 1; i <= n; i++) {
      if (lua_rawgeti(L, top + 1, i) == LUA_TSTRING)
        print_text(r, "");
      lua_settop(L, top + 1);
    }
  }
  lua_settop(L, top);
}

/* ---- what is to be shown ------------------------------------------------ */

/* [-2, +0] Put a value and its traceback on the stack of what is to do. */
static void push_todo(report *r, int indent, const char *label) {
  lua_State *L = r->L;
  lua_Integer base = (lua_Integer)r->n_todo++ * SLOTS;
  lua_rawseti(L, r->todo, base + SLOT_TRACEBACK);
  lua_rawseti(L, r->todo, base + SLOT_VALUE);
  lua_pushinteger(L, indent);
  lua_rawseti(L, r->todo, base + SLOT_INDENT);
  lua_pushstring(L, label);
  lua_rawseti(L, r->todo, base + SLOT_LABEL);
}

static void push_cause(report *r, int value) {
  if (ar_errval_push_field(r->L, value, "cause") == LUA_TNIL) {
    lua_pop(r->L, 1);
    return;
  }
  lua_pushnil(r->L);
  push_todo(r, r->indent, "caused by: ");
}

static void push_members(report *r, int group) {
  lua_State *L = r->L;
  int top = lua_gettop(L);
  char label[32];
  int indent = r->is_root ? r->indent + 2 : r->indent;
  bool has = ar_errval_push_field(L, group, "exceptions") == LUA_TTABLE;
  bool knows = ar_errval_push_field(L, group, "tracebacks") == LUA_TTABLE;
  /* stack: exceptions, tracebacks */
  lua_Integer n = has ? (lua_Integer)lua_rawlen(L, top + 1) : 0;
  for (; n > 0; n--) {
    lua_rawgeti(L, top + 1, n);
    if (knows)
      lua_rawgeti(L, top + 2, n);
    else
      lua_pushnil(L);
    (void)snprintf(label, sizeof label, "[%lld] ", (long long)n);
    push_todo(r, indent, label);
  }
  lua_settop(L, top);
}

/* Has the object at idx been shown? From now on it has. */
static bool was_seen(report *r, int idx) {
  lua_State *L = r->L;
  bool seen;
  if (!ar_is_error(L, idx))
    return false;
  lua_pushvalue(L, idx);
  seen = lua_rawget(L, r->seen) != LUA_TNIL;
  lua_pop(L, 1);
  lua_pushvalue(L, idx);
  lua_pushboolean(L, true);
  lua_rawset(L, r->seen);
  return seen;
}

/* ---- groups ------------------------------------------------------------- */

/*
 * The number of the one leaf that is no cancellation, -1 where there are
 * several or none. A group of a single leaf is that leaf, whatever it is.
 */
static int find_sole(lua_State *L, int leaves, int n) {
  int sole = -1;
  for (int i = 0; i < n; i++) {
    bool real;
    ar_errval_push_slot(L, leaves, i, AR_LEAF_VALUE);
    real = !(ar_error_kind(L, -1) & AR_KIND_CANCELLED) || n == 1;
    lua_pop(L, 1);
    if (real && sole >= 0)
      return -1;
    if (real)
      sole = i;
  }
  return sole;
}

/*
 * If the group at `value` holds one real error, put that one in its place,
 * its traceback in the next slot, and push a list of the groups it came
 * through, innermost first. Otherwise push nothing and answer false.
 */
static bool unwrap(lua_State *L, int value) {
  int base = lua_gettop(L);
  int sole;
  lua_Integer n = 0;
  if (!(ar_error_kind(L, value) & AR_KIND_GROUP))
    return false;
  sole = ar_errval_push_leaves(L, value);
  sole = find_sole(L, base + 1, sole);
  if (sole < 0) {
    lua_settop(L, base);
    return false;
  }
  /* stack: leaves, parents, groups, group */
  lua_newtable(L);
  ar_errval_push_slot(L, base + 1, sole, AR_LEAF_GROUP);
  while (lua_toboolean(L, -1)) {
    lua_pushvalue(L, -1);
    lua_rawseti(L, base + 3, ++n);
    lua_rawget(L, base + 2);
  }
  ar_errval_push_slot(L, base + 1, sole, AR_LEAF_VALUE);
  lua_replace(L, value);
  ar_errval_push_slot(L, base + 1, sole, AR_LEAF_TRACEBACK);
  lua_replace(L, value + 1);
  lua_replace(L, base + 1);
  lua_settop(L, base + 3);
  lua_replace(L, base + 1);
  lua_settop(L, base + 1);
  return true;
}

/* [-1, +0] A line for each group of the list on top. */
static void print_groups(report *r) {
  lua_State *L = r->L;
  int list = lua_gettop(L);
  lua_Integer n = (lua_Integer)lua_rawlen(L, list);
  for (lua_Integer i = 1; i <= n; i++) {
    lua_rawgeti(L, list, i);
    push_message(L, list + 1);
    print_text(r, "through ");
    lua_settop(L, list);
  }
  for (; n > 0; n--) {
    lua_rawgeti(L, list, n);
    push_cause(r, list + 1);
    lua_settop(L, list);
  }
  lua_settop(L, list - 1);
}

/* ---- the report --------------------------------------------------------- */

/* Take the topmost entry and show it. */
static void show_next(report *r) {
  lua_State *L = r->L;
  int value = lua_gettop(L) + 1;
  lua_Integer base = (lua_Integer)--r->n_todo * SLOTS;
  const char *label;
  bool is_sole;
  for (int slot = SLOT_VALUE; slot <= SLOTS; slot++)
    lua_rawgeti(L, r->todo, base + slot);
  /* stack: value, traceback, indent, label */
  r->indent = (int)lua_tointeger(L, value + 2);
  label = lua_tostring(L, value + 3);
  is_sole = unwrap(L, value);
  push_message(L, value);
  if (was_seen(r, value)) {
    lua_pushliteral(L, " (shown above)");
    lua_concat(L, 2);
    print_text(r, label);
  } else {
    print_text(r, label);
    r->indent += r->is_root || *label != '[' ? 0 : 2;
    print_traceback(r, value, value + 1);
    if (is_sole)
      print_groups(r);
    push_cause(r, value);
    if (ar_error_kind(L, value) & AR_KIND_GROUP)
      push_members(r, value);
  }
  lua_settop(L, value - 1);
}

static int report_all(lua_State *L) {
  report r = {.L = L, .out = lua_touserdata(L, 2), .is_root = true};
  luaL_checkstack(L, 40, "report");
  lua_settop(L, 1);
  lua_newtable(L);
  r.todo = 2;
  lua_newtable(L);
  r.seen = 3;
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  push_todo(&r, 0, "anyrun: ");
  while (r.n_todo > 0) {
    show_next(&r);
    r.is_root = false;
  }
  return 0;
}

void ar_report(lua_State *L, FILE *out) {
  lua_pushcfunction(L, report_all);
  lua_insert(L, -2);
  lua_pushlightuserdata(L, out);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
    const char *why = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1)
                                                     : luaL_typename(L, -1);
    (void)fprintf(out, "anyrun: an error that cannot be shown (%s)\n", why);
    lua_pop(L, 1);
  }
}
