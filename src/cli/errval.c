/*
 * Reads error values raw.
 */

#include "cli/errval.h"

#include <string.h>

#include <lauxlib.h>

#include "host/raise.h"

/* [-0, +1] A raw field of the value's metatable; pushes nothing and answers
   false where there is none. */
static bool push_class_field(lua_State *L, int idx, const char *field) {
  if (lua_type(L, idx) != LUA_TTABLE || !lua_getmetatable(L, idx))
    return false;
  lua_pushstring(L, field);
  lua_rawget(L, -2);
  lua_remove(L, -2);
  if (!lua_isnil(L, -1))
    return true;
  lua_pop(L, 1);
  return false;
}

bool ar_errval_is_a(lua_State *L, int idx, const char *class_name) {
  bool found = false;
  if (!push_class_field(L, idx, "class"))
    return false;
  while (!found && lua_istable(L, -1)) { /* stack: ..., class */
    const char *name;
    lua_pushliteral(L, "__name");
    lua_rawget(L, -2);
    name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
    found = strcmp(name, class_name) == 0;
    lua_pop(L, 1);
    lua_pushliteral(L, "base");
    lua_rawget(L, -2);
    lua_remove(L, -2);
  }
  lua_pop(L, 1);
  return found;
}

int ar_errval_push_field(lua_State *L, int idx, const char *field) {
  idx = lua_absindex(L, idx);
  if (!ar_is_error(L, idx)) {
    lua_pushnil(L);
    return LUA_TNIL;
  }
  lua_pushstring(L, field);
  lua_rawget(L, idx);
  return lua_type(L, -1);
}

void ar_errval_push_slot(lua_State *L, int list, int i, int slot) {
  lua_rawgeti(L, list, (lua_Integer)i * AR_LEAF_SLOTS + slot + 1);
}

/* The walk through a group; the fields are stack indices. */
typedef struct walk {
  lua_State *L;
  int todo;    /* a stack of leaves: the slots of each, as in the result */
  int parents; /* sub-group -> the group it stands in */
  int leaves;
  int n_todo;
  int n_leaves;
} walk;

/* [-3, +0] Move the three slots on the stack to the end of a list. */
static void append(walk *w, int list, int *n) {
  for (int slot = AR_LEAF_SLOTS; slot > 0; slot--)
    lua_rawseti(w->L, list, (lua_Integer)*n * AR_LEAF_SLOTS + slot);
  (*n)++;
}

/* The members of the group on top wait in reverse, so that the first one is
   taken first. */
static void add_members(walk *w) {
  lua_State *L = w->L;
  int group = lua_gettop(L);
  bool has = ar_errval_push_field(L, group, "exceptions") == LUA_TTABLE;
  bool knows = ar_errval_push_field(L, group, "tracebacks") == LUA_TTABLE;
  /* stack: group, exceptions, tracebacks */
  lua_Integer n = has ? (lua_Integer)lua_rawlen(L, group + 1) : 0;
  for (; n > 0; n--) {
    lua_rawgeti(L, group + 1, n);
    lua_pushvalue(L, group);
    if (knows)
      lua_rawgeti(L, group + 2, n);
    else
      lua_pushnil(L);
    append(w, w->todo, &w->n_todo);
  }
  lua_settop(L, group);
}

/* [-3, +0] Is the sub-group (below its group and traceback) a new one? If so
   its members are to be done. */
static void enter(walk *w) {
  lua_State *L = w->L;
  int group = lua_gettop(L) - 2;
  lua_pushvalue(L, group);
  if (lua_rawget(L, w->parents) == LUA_TNIL) {
    lua_pushvalue(L, group);
    lua_pushvalue(L, group + 1);
    lua_rawset(L, w->parents);
    lua_settop(L, group);
    add_members(w);
  }
  lua_settop(L, group - 1);
}

int ar_errval_push_leaves(lua_State *L, int idx) {
  walk w = {.L = L};
  idx = lua_absindex(L, idx);
  luaL_checkstack(L, 12, "error group");
  lua_newtable(L);
  w.leaves = lua_gettop(L);
  lua_newtable(L);
  w.parents = lua_gettop(L);
  lua_newtable(L);
  w.todo = lua_gettop(L);
  lua_pushvalue(L, idx);
  lua_pushboolean(L, false); /* the root stands in no group */
  lua_rawset(L, w.parents);
  lua_pushvalue(L, idx);
  add_members(&w);
  lua_pop(L, 1);
  while (w.n_todo > 0) {
    w.n_todo--;
    for (int slot = 0; slot < AR_LEAF_SLOTS; slot++)
      ar_errval_push_slot(L, w.todo, w.n_todo, slot);
    if (ar_error_kind(L, -3) & AR_KIND_GROUP)
      enter(&w);
    else
      append(&w, w.leaves, &w.n_leaves);
  }
  lua_pop(L, 1); /* todo */
  return w.n_leaves;
}
