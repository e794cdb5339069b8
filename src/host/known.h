/*
 * Values that every Lua state has under a name: modules, and fields of
 * modules.
 *
 * A function of C cannot be copied, but `string.format` is there in every
 * state. So are the classes and functions of the library that is built into
 * the program, which must be the receiver's own. What a script's own modules
 * hold is copied like any other value; only their functions of C go by name.
 */

#ifndef ar_known_h
#define ar_known_h

#include "host/copier.h"

/*
 * The registry's key of a C function that returns a table: "module\0field" by
 * the address of each function of C that a state has in the beginning.
 *
 * A script may put what it likes where it likes (`string.fmt = string.format`,
 * `os.time = socket.gettime`), so that its own modules do not say what others
 * have.
 */
extern const char ar_key_standard[];

/* Is the module of this name part of the program? */
bool ar_known_is_own(const char *module);

/* [-0, +0] A walk begins: modules may have been loaded since the last one. */
void ar_known_begin(lua_State *L, ar_copier *c);

/* [-0, +1] The name of the loaded module that the value at idx is, as a
 * string; true if it is one. */
bool ar_known_push_module(lua_State *L, ar_copier *c, int idx);

/* [-0, +2] The names of a module and of the field of it that the value at idx
 * is; true if there is one. `self`: the copier's userdata. */
bool ar_known_push_field(lua_State *L, ar_copier *c, int self, int idx);

#endif
