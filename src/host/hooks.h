/*
 * Instruments of a script: objects whose methods hear what a run does.
 */

#ifndef ar_hooks_h
#define ar_hooks_h

#include "host/host.h"

/* [-0, +0] Those in the list `instruments` of the options table. */
void ar_hooks_open(lua_State *L, ar_lrun *run, int self, int opts);

/* [-0, +0] One more (the object at idx); nothing if it is there already. */
void ar_hooks_add(lua_State *L, ar_lrun *run, int self, int idx);

/* One less: false if it is not there. */
bool ar_hooks_remove(lua_State *L, ar_lrun *run, int self, int idx);

/* Call a hook that has neither task nor timeout. */
void ar_hooks_call(ar_lrun *run, ar_hook hook);

#endif
