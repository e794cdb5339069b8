/*
 * The code a command line names: LUA_INIT, -l, -e, and the script.
 */

#ifndef ar_cli_script_h
#define ar_cli_script_h

#include <lua.h>

#include "cli/options.h"
#include "cli/ending.h"

/* Run all of it as the main task of the fresh state L. */
ar_ending ar_script_run(lua_State *L, const ar_options *options);

/* Only parse it. */
ar_ending ar_script_check(lua_State *L, const ar_options *options);

#endif
