/*
 * AsyncFile, as the files that are about it know it.
 */

#ifndef ar_filelib_h
#define ar_filelib_h

#include <lauxlib.h>

#include "bind/llot.h"
#include "io/file.h"

typedef struct ar_lfile ar_lfile;
typedef struct ar_file_op ar_file_op;

/* User values. */
#define AR_FILE_NAME 1  /* what it was opened by */
#define AR_FILE_MODE 2  /* "r", "w+", ... */
#define AR_FILE_EXTRA 3 /* nil, or a table of fields that were set */
#define AR_FILE_VALUES 3

struct ar_lfile {
  const char *magic; /* tells it from every other userdata */
  ar_file *file;     /* ref: one of them; NULL: none yet, or collected */
  ar_llot llot;      /* tasks that wait for their turn */
  ar_coro *owner;    /* borrowed: in an operation, hence lives; or NULL */
  ar_pool *pool;     /* borrowed: lives as long as the Lua state */
  ar_file_fn *act;   /* what `ready` wants done */
  unsigned phase;    /* pieces of work done for this operation */
  ar_err result;     /* of the last one */
  bool open;         /* it was opened, and nobody has begun to close it */
  bool put;          /* write: it is in the buffer */
  bool in_flight;    /* a thread has it */
  bool unbuffered;   /* what is written is written at once */
  bool by_line;      /* or at the end of a line */
  bool quiet;        /* may be collected while it is open */
};

struct ar_file_op {
  /* Can it be finished? False: lf->act, with its order, comes first; or
   * lf->result says why it cannot be. The arguments are on L's stack; must not
   * raise. */
  bool (*ready)(lua_State *L, ar_lfile *lf);
  /* Take it, push it. May raise where it has not yet taken. */
  int (*finish)(lua_State *L, ar_lfile *lf);
};

/* The file at place 1; raises. */
ar_lfile *ar_check_file(lua_State *L);

/* The same for any place; NULL: it is none. */
ar_lfile *ar_to_file(lua_State *L, int idx);

/* Raises a ValueError when it is closed. */
void ar_check_open_file(lua_State *L, const ar_lfile *lf);

/* Wait for the turn, do it; the file is at place 1. */
int ar_file_do(lua_State *L, ar_lfile *lf, const ar_file_op *op);

/* [-n, +all] More than one format, or piece: Lua's method of this name. */
int ar_file_do_many(lua_State *L, const char *name);

/* The work that was in flight, if any was, is over. */
void ar_file_collect(ar_lfile *lf);

/* [-0, +1] What the functions that open remember: their upvalue. */
void ar_file_push_memory(lua_State *L);

extern const char ar_key_file[]; /* every file's `magic` */

extern const luaL_Reg ar_file_opening[]; /* fileopening.c */
extern const luaL_Reg ar_file_reading[]; /* filereading.c */
extern const luaL_Reg ar_file_writing[]; /* filewriting.c */

#endif
