/*
 * A file of Lua's io library that tasks wait for: whose turn it is, and what
 * its reader has taken so far.
 *
 * Order of calls: ar_gate_enter, whose continuation begins with
 * ar_gate_entered; ar_gate_wait, as often as wanted, whose continuation begins
 * with ar_gate_waited; ar_gate_leave. In between others queue up. Whoever
 * closes the file calls ar_gate_close before.
 *
 * What was taken and not handed out is put back where a wait is undone, and
 * where somebody reads who cannot wait for his turn.
 */

#ifndef ar_stockgate_h
#define ar_stockgate_h

#include <lauxlib.h>

#include "bind/await.h"
#include "host/lrun.h"
#include "io/cfile.h"
#include "io/fd.h"

typedef struct ar_gate ar_gate;
typedef struct ar_turn ar_turn;

struct ar_turn {
  ar_lot lot;     /* tasks that wait for their turn */
  ar_coro *owner; /* borrowed: in an operation, hence lives; NULL: nobody */
  ar_fd *fd;      /* owned: ready when the file is; NULL: not waited for */
  ar_loose loose; /* as long as there is an owner */
  ar_gate *gate;  /* borrowed: it is part of it */
  int arg;        /* number of the format, or of the piece, from 0 on */
};

/* The stack of who waits has the file and this below its top. */
struct ar_gate {
  ar_turn turns[2];    /* by ar_side */
  luaL_Stream *stream; /* borrowed: keeps this alive */
  size_t *n_busy;      /* borrowed: turns that are taken, of all files */
  char *taken;         /* owned: bytes; NULL while capacity is 0 */
  size_t n;            /* of these */
  size_t capacity;
  size_t start;   /* where what is read now begins in them */
  size_t written; /* bytes of the piece that is being written */
  bool ended;     /* no more can be read: the end, or an error */
  ar_err error;
};

/* What the functions of this library share: a userdata, their upvalue. */
typedef struct {
  const void *files; /* lua_topointer of the metatable of files */
  size_t n_busy;     /* turns that are taken, of all files */
  ar_list left;      /* programs of files that were collected: stockpopen.c */
} ar_stock;

/* [-0, +1] The gate of the file at idx, new if need be. */
ar_gate *ar_gate_push(lua_State *L, ar_stock *stock, int idx);

/* The same if there is one that is busy at this side; NULL. */
ar_gate *ar_gate_find(lua_State *L, const ar_stock *stock, int idx,
                      ar_side side);

/* Wait for the turn: k is called, at once or later. */
int ar_gate_enter(lua_State *L, ar_gate *g, ar_side side, ar_coro *c,
                  lua_KFunction k, lua_KContext ctx);

/* It is this task's turn; raises what ended the wait. */
ar_coro *ar_gate_entered(lua_State *L, ar_gate *g, ar_side side);

/* Wait until the file is ready, or only let the others run where it is. */
int ar_gate_wait(lua_State *L, ar_gate *g, ar_side side, ar_coro *c,
                 lua_KFunction k, lua_KContext ctx);

/* Raises what ended the wait, with the turn given up and the bytes put back. */
ar_coro *ar_gate_waited(lua_State *L, ar_gate *g, ar_side side);

/* Give up the turn; the bytes stay until somebody has it. */
void ar_gate_leave(ar_gate *g, ar_side side);

/* Put back what was taken: who has the turn begins anew. */
void ar_gate_put_back(ar_gate *g);

/* Room for n more bytes: where they are to go. NULL: there is none. */
char *ar_gate_room(ar_gate *g, size_t n);

/* What was taken has been handed out. */
void ar_gate_done(ar_gate *g);

/* The file is about to be closed: who waits for it hears of that. */
void ar_gate_close(lua_State *L, const ar_stock *stock, int idx);

#endif
