/*
 * Functions of stock Lua that wait, and their other side.
 *
 * Each stands in the place of the stock function, which is its first upvalue,
 * and calls that wherever no task can be suspended, and wherever it will not
 * wait: there it behaves as ever, because it is what it was.
 */

#ifndef ar_stocklib_h
#define ar_stocklib_h

#include <lauxlib.h>

#include "bind/stockgate.h"

#define AR_STOCK_FUNCTION lua_upvalueindex(1)
#define AR_STOCK_SHARED lua_upvalueindex(2)

static inline int ar_stock_call(lua_State *L) {
  return lua_tocfunction(L, AR_STOCK_FUNCTION)(L);
}

static inline ar_stock *ar_stock_shared(lua_State *L) {
  return lua_touserdata(L, AR_STOCK_SHARED);
}

/* The file at idx, if it is one and open. */
static inline luaL_Stream *ar_to_stream(lua_State *L, int idx) {
  luaL_Stream *s = lua_touserdata(L, idx);
  bool is;
  if (s == NULL || !lua_getmetatable(L, idx))
    return NULL;
  is = lua_topointer(L, -1) == ar_stock_shared(L)->files;
  lua_pop(L, 1);
  return is && s->closef != NULL ? s : NULL;
}

/* Where Lua's io library keeps its default files. */
#define AR_STOCK_INPUT "_IO_input"
#define AR_STOCK_OUTPUT "_IO_output"

/* The file that stands below the gate, which is on top. */
static inline ar_gate *ar_gate_top(lua_State *L) {
  return lua_touserdata(L, -1);
}

int ar_stock_io_read(lua_State *L);
int ar_stock_io_lines(lua_State *L);
int ar_stock_file_read(lua_State *L);
int ar_stock_file_lines(lua_State *L);

int ar_stock_io_write(lua_State *L);
int ar_stock_io_flush(lua_State *L);
int ar_stock_file_write(lua_State *L);
int ar_stock_file_flush(lua_State *L);

int ar_stock_popen(lua_State *L);
int ar_stock_io_close(lua_State *L);
int ar_stock_file_close(lua_State *L);
int ar_stock_file_leave(lua_State *L); /* __close */

int ar_stock_file_collect(lua_State *L); /* __gc */
int ar_stock_gc(lua_State *L);           /* of what is shared */
int ar_stock_shut(lua_State *L);         /* for anyrun.process.stock */

#endif
