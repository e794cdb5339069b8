/*
 * What a datagram socket can do.
 */

#include "bind/lsock.h"

static const luaL_Reg methods[] = {{NULL, NULL}};

void ar_lsock_datagram_methods(lua_State *L) {
  luaL_setfuncs(L, methods, 0);
}
