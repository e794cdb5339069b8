/*
 * What a Lua state knows for copying values to others and from others.
 *
 * Made on first use, kept in the registry. Its user values are tables:
 *
 *   AR_COPIER_SLOTS     slot -> value that references of others stand for
 *   AR_COPIER_BY_TOKEN  identity -> table (weak): see below
 *   AR_COPIER_TOKENS    table -> identity (weak)
 *   AR_COPIER_NAMES     value -> "module\0field" (weak): see known.h
 *   AR_COPIER_STANDARD  the same by addresses; nil: not yet asked for
 *   AR_COPIER_DUMPS     function -> what is written of it (weak)
 *   AR_COPIER_LOADED    token -> function without upvalues (weak)
 *   AR_COPIER_EXPIRING  nil, or the references that came with the call which
 *                       is being served: they expire with it
 *   AR_COPIER_WRITING   an ar_walk for marshal.c, nil while in use
 *   AR_COPIER_OBJECTS, AR_COPIER_READING
 *                       empty lists for unmarshal.c, nil while in use
 *
 * Identity: a table that is a class (a metatable, mostly) is copied like any
 * other, but with a token by which every state knows it again. So an error of
 * a script's own class, raised in a worker, is of that class where it arrives.
 */

#ifndef ar_copier_h
#define ar_copier_h

#include "base/ptrmap.h"
#include "host/reference.h"

#define AR_COPIER_SLOTS 1
#define AR_COPIER_BY_TOKEN 2
#define AR_COPIER_TOKENS 3
#define AR_COPIER_NAMES 4
#define AR_COPIER_DUMPS 5
#define AR_COPIER_EXPIRING 6
#define AR_COPIER_WRITING 7
#define AR_COPIER_OBJECTS 8
#define AR_COPIER_READING 9
#define AR_COPIER_LOADED 10
#define AR_COPIER_STANDARD 11
#define AR_COPIER_COUNT 11

#define AR_TOKEN_SIZE 16

struct ar_copier {
  uint64_t id;         /* of this state; no other state has it */
  uint64_t tokens;     /* given so far */
  ar_origin *origin;   /* owned (one count); NULL: not yet made */
  lua_Integer n_named; /* modules that were loaded when names were read */
  bool expiring;       /* references that arrive expire with a call */
  ar_ptrmap modules;   /* values of package.loaded: see known.c */
  bool modules_read;   /* in this walk */
  const void *globals; /* the table, at its begin */
  uint64_t loads;      /* the host's, when they were read */
};

/* What a walk over values knows; kept for its memory. A userdata, whose user
 * value is the list of tables and functions met. */
typedef struct {
  ar_ptrmap seen;    /* objects and upvalues met */
  uint32_t *parents; /* owned: of each table or function, who held it first */
  size_t parents_capacity;
} ar_walk;

/* [-0, +1] The copier of the state, its userdata on top. */
ar_copier *ar_copier_push(lua_State *L);

/* [-0, +0] Free the slots of references that nobody has any more. The
 * copier's userdata is at idx. */
void ar_copier_reap(lua_State *L, ar_copier *c, int idx);

/* [-0, +1] One of the lists that are kept: given back by ar_copier_return, the
 * list standing at `list` with so many elements, which are taken out. */
void ar_copier_borrow(lua_State *L, int idx, int which);
void ar_copier_return(lua_State *L, int idx, int which, int list,
                      lua_Integer n);

/* [-0, +2] The walk that is kept, or another where it is in use (a finalizer
 * copies, too), and its list; given back by ar_copier_return_walk, both of them
 * standing at `walk`. `n` as above. */
ar_walk *ar_copier_borrow_walk(lua_State *L, int idx);
void ar_copier_return_walk(lua_State *L, int idx, int walk, lua_Integer n);

/* [-0, +1] A reference userdata for the value at idx. */
void ar_copier_refer(lua_State *L, int idx);

/* [-0, +0] References that arrive from now on expire at the next call of
 * this, or at that of ar_copier_expire. */
void ar_copier_begin_expiring(lua_State *L);
void ar_copier_expire(lua_State *L);

/* [-0, +0] The reference on top is one of them, where they do expire. The
 * copier's userdata is at idx. */
void ar_copier_add_expiring(lua_State *L, int idx);

#endif
