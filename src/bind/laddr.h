/*
 * Addresses of sockets as Lua sees them: a host and a port, or a path.
 */

#ifndef ar_laddr_h
#define ar_laddr_h

#include <lauxlib.h>

#include "io/addr.h"

/* "AF_INET", "AF_INET6" or "AF_UNIX" at idx as the system's number; raises. */
int ar_check_family(lua_State *L, int idx);

/* [-0, +1] ... and the name of that number. */
void ar_push_family(lua_State *L, int family);

/* The address of this family at idx: a path, or a host in digits with its
 * port at idx + 1; raises. */
void ar_check_addr(lua_State *L, int idx, int family, ar_addr *a);

/* [-0, +1 or 2] A path, or a host and a port: returns how many. */
int ar_push_addr(lua_State *L, const ar_addr *a);

/* [-0, +1] The same in one string, for messages. */
const char *ar_push_addr_text(lua_State *L, const ar_addr *a);

#endif
