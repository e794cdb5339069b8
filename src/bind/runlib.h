/*
 * The class of runs.
 */

#ifndef ar_runlib_h
#define ar_runlib_h

#include <lua.h>

/* [-0, +0] Methods of the userdata Run. */
void ar_run_class_open(lua_State *L);

#endif
