/*
 * The program's Lua state.
 */

#ifndef ar_cli_state_h
#define ar_cli_state_h

#include <lua.h>

#include "base/base.h"

typedef struct ar_warnings ar_warnings;

/* Where a state's warnings are: must outlive it. Starts as zeros. */
struct ar_warnings {
  bool on;
  bool inside; /* in the middle of a message */
  bool shown;  /* this message is printed */
};

/*
 * A new state, without libraries; NULL if there is no memory. Warnings are
 * off until warn("@on"), as in lua, but for errors in finalizers: nobody
 * else could ever hear of those.
 */
lua_State *ar_state_new(ar_warnings *warnings);

/* Runs what finalizers are left. */
void ar_state_close(lua_State *L);

#endif
