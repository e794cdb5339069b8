/*
 * The program's Lua state.
 */

#ifndef ar_cli_state_h
#define ar_cli_state_h

#include <lua.h>

#include "host/host.h"

/*
 * A new state, without libraries; NULL if there is no memory. Warnings are
 * off until warn("@on").
 */
lua_State *ar_state_new(ar_warnings *warnings);

/* Runs what finalizers are left. */
void ar_state_close(lua_State *L);

#endif
