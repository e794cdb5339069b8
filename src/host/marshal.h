/*
 * Copies values from one Lua state to another, as a message of bytes.
 *
 * One form serves threads and processes. What a copy is:
 *
 *   nil, booleans, numbers, strings    themselves
 *   tables                             new tables; cycles and shared parts stay
 *   Lua functions                      bytecode and upvalues; upvalues that
 *                                      functions share stay shared
 *   modules that are loaded            `require` of their name; the globals
 *                                      are the module _G, hence so is _ENV
 *   what every state has               see known.h
 *   classes                            known again by a token: see copier.h
 *   objects of the library             errors and values as their class says
 *                                      (__kind, __copies); else a reference
 *   shared objects                     themselves (a userdata of theirs)
 *   what cannot be copied              a reference (threads), an error that
 *                                      names the path to it (processes)
 *
 * Bytecode is as powerful as the process that loads it: a message is read with
 * code only where it comes from this program, that is from another thread of
 * it or from a worker process that it started itself.
 *
 * Neither way recurses: objects are numbered as they are met, and their
 * contents follow one after the other.
 */

#ifndef ar_marshal_h
#define ar_marshal_h

#include <lua.h>

#include "base/parcel.h"
#include "host/sharedbox.h"

typedef struct ar_copying ar_copying;

/* How values are copied. */
struct ar_copying {
  bool by_reference;         /* what cannot be copied: else an error */
  bool with_paths;           /* package.path and cpath go along */
  const char *const *labels; /* what the first values are called in errors */
  int n_labels;
  const char *rest; /* what the others are: "argument", then their number */
};

/* [-0, +0] Write the n values from stack place `first` on to the message,
 * which the caller keeps where an error does not lose it. */
void ar_marshal(lua_State *L, ar_parcel *m, int first, int n,
                const ar_copying *how);

/* [-0, +n] The values of a message. With `code` false a function in it is
 * refused. Raises ValueError where it is not what ar_marshal writes. */
int ar_unmarshal(lua_State *L, const ar_parcel *m, bool code);

#endif
