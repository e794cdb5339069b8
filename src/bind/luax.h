/*
 * Argument checks and pushers that the native modules share.
 */

#ifndef ar_luax_h
#define ar_luax_h

#include <lauxlib.h>

#include "host/coro.h"
#include "host/settle.h"

/* Where the pieces of a task spec stand; 0: absent. */
typedef struct {
  int fn;    /* stack place of the function */
  int table; /* stack place of the spec; 0: a bare function was given */
} ar_spec;

/* [-0, +0] A metatable for objects of this name, if there is none yet:
 * functions of modules that are opened later are added to it. */
void ar_class_open(lua_State *L, const char *name);

/* A duration or a time in seconds: a number that is not NaN. */
lua_Number ar_check_seconds(lua_State *L, int idx);

/* Raise: what stands at place 1 is not the object whose method was called. */
AR_NORETURN void ar_self_error(lua_State *L, const char *class_name);

/* The task, scope, group at idx; raises. */
ar_coro *ar_check_task(lua_State *L, int idx);
ar_lgroup *ar_check_group(lua_State *L, int idx);

/* [-0, +0 or 1] The task function or task spec at idx; the function of a spec
 * is pushed. */
ar_spec ar_check_spec(lua_State *L, int idx, const char *fname);

/* [-0, +0] What a spec says of the task on top of the stack. */
void ar_apply_spec(lua_State *L, const ar_spec *spec);

/* Raise a TypeError unless every key of the table at idx is in `known`, a
 * list that ends with NULL. */
void ar_check_options(lua_State *L, int idx, const char *fname,
                      const char *const *known);

/* [-0, +0] An option that must be a boolean; absent is false. */
bool ar_check_flag(lua_State *L, int opts, const char *fname, const char *key);

/* [-0, +0] The options table and the body function from stack place `at` on,
 * both optional: returns the place of the options and sets *body, 0 for what
 * is absent. */
int ar_find_body(lua_State *L, int at, int *body);

/* [-0, +0] The new task on top of the stack takes the context's variables of
 * whoever is running. */
void ar_inherit_context(lua_State *L, ar_coro *c);

/* [-0, +1] Variables of the context that is current. */
void ar_push_context(lua_State *L);

/* [-0, +1] Whatever holds the context: a task's, or the one outside. */
void ar_push_context_holder(lua_State *L);

/* [-1, +0] */
void ar_set_context_holder(lua_State *L);

/* context_owner() -> what tells the current context from others: the Context
 * that was entered, or something for the task; nil outside any. */
int ar_context_owner(lua_State *L);

/* The current run; raises NoEventLoopError. Begins the script's. */
ar_lrun *ar_check_run(lua_State *L);

/* [-0, +0] Remember in the task on top where it is being spawned. */
void ar_note_spawn(lua_State *L, ar_coro *c);

#endif
