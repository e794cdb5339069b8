/*
 * A plain callback in the ready queue, at once or at a time: asyncio's handles.
 */

#ifndef ar_item_h
#define ar_item_h

#include "host/lrun.h"

/* [-(nargs), +1] The function at `fn` is called soon with the nargs values
 * on top, in the context at `context` (a stack place; 0: the current one). */
int ar_item_soon(lua_State *L, ar_lrun *run, int fn, int context, int nargs);

/* [-0, +1] The function at `fn` is called at a time. */
int ar_item_timer(lua_State *L, ar_lrun *run, ar_time when, int fn);

/* [-0, +0] The class of items. */
void ar_item_open(lua_State *L);

#endif
