/*
 * A cancel scope as Lua knows it.
 */

#ifndef ar_lscope_h
#define ar_lscope_h

#include "host/coro.h"

typedef struct ar_lscope ar_lscope;

struct ar_lscope {
  ar_scope *scope; /* its own, or borrowed from the group in its notes */
  ar_scope own;
  uint64_t serial;   /* of the run it belongs to; 0: to none yet */
  bool fails;        /* raises when its deadline ended it */
  bool fails_always; /* ... when anything ended it (trio) */
  bool relative;     /* `delay` counts from the entry */
  bool used;         /* was entered */
  ar_time delay;
};

/* The cancel scope at idx; raises. */
ar_lscope *ar_check_scope(lua_State *L, int idx);

/* [-0, +0] What scripts can ask a scope, and tell it, into the class (a
 * table) on top of the stack. */
void ar_lscope_fields(lua_State *L);

#endif
