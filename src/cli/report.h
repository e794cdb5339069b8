/*
 * An uncaught error as people read it.
 *
 *   anyrun: crawl.lua:12: no such page
 *   stack traceback:
 *           crawl.lua:12: in function 'fetch'
 *   in task 'fetch', started at crawl.lua:40
 *
 * Below that what caused it ("caused by: ..."), and for a group its members,
 * numbered and indented. A group that holds one error besides cancellations
 * is shown as that error, with a line for each group it came through.
 */

#ifndef ar_cli_report_h
#define ar_cli_report_h

#include <stdio.h>

#include <lua.h>

/* [-1, +0] Print the error value on top. Runs protected: whatever the value
   is, and whatever its __tostring does, something is printed. */
void ar_report(lua_State *L, FILE *out);

#endif
