/*
 * The native modules, which the Lua library requires as _anyrun.<name>.
 */

#ifndef ar_libs_h
#define ar_libs_h

#include <lua.h>

/* [-0, +0] Make them known to `require`; each is opened on first use. */
void ar_libs_open(lua_State *L);

/* [-0, +0] Functions of stock Lua that wait get their other side. */
void ar_stock_open(lua_State *L);

/* sleep(seconds), the global and anyio's. */
int ar_time_sleep(lua_State *L);

int luaopen_anyrun_errors(lua_State *L);
int luaopen_anyrun_run(lua_State *L);
int luaopen_anyrun_task(lua_State *L);
int luaopen_anyrun_time(lua_State *L);
int luaopen_anyrun_scope(lua_State *L);
int luaopen_anyrun_group(lua_State *L);
int luaopen_anyrun_lot(lua_State *L);
int luaopen_anyrun_lock(lua_State *L);
int luaopen_anyrun_channel(lua_State *L);
int luaopen_anyrun_pipe(lua_State *L);
int luaopen_anyrun_process(lua_State *L);
int luaopen_anyrun_signal(lua_State *L);
int luaopen_anyrun_stock(lua_State *L);
int luaopen_anyrun_terminal(lua_State *L);
int luaopen_anyrun_text(lua_State *L);
int luaopen_anyrun_dns(lua_State *L);
int luaopen_anyrun_socket(lua_State *L);
int luaopen_anyrun_thread(lua_State *L);
int luaopen_anyrun_tls(lua_State *L);
int luaopen_anyrun_peer(lua_State *L);
int luaopen_anyrun_fs(lua_State *L);
int luaopen_anyrun_file(lua_State *L);
#ifdef AR_DEBUG
int luaopen_anyrun_test(lua_State *L);
#endif

#endif
