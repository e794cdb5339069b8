/*
 * AsyncFile: opening.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "bind/await.h"
#include "bind/block.h"
#include "bind/filelib.h"
#include "bind/fslib.h"
#include "host/raise.h"

/* What opening remembers. */
typedef struct {
  dev_t device; /* a local one, where opening may be tried */
  size_t head;  /* see ar_block_head */
} memory;

#define MEMORY lua_upvalueindex(1)

void ar_file_push_memory(lua_State *L) {
  memory *m = lua_newuserdatauv(L, sizeof *m, 0);
  m->device = 0;
  m->head = ar_block_head(L);
}

/* [-0, +1] A file of the class at place 1 that is not open yet. */
static ar_lfile *push_file(lua_State *L, const char *path) {
  const memory *m = lua_touserdata(L, MEMORY);
  ar_lfile *lf = lua_newuserdatauv(L, sizeof *lf, AR_FILE_VALUES);
  ar_err err;
  memset(lf, 0, sizeof *lf);
  lf->magic = ar_key_file;
  ar_lot_init(&lf->llot.lot, "file");
  lua_pushvalue(L, 1);
  lua_setmetatable(L, -2);
  err = ar_file_new(path, &lf->file);
  if (err != 0)
    ar_raise_oserror(L, err, "open");
  lf->file->device = m->device;
  lf->file->head = m->head;
  return lf;
}

static int open_pipe(lua_State *L, ar_lfile *lf, ar_coro *c);

/* stack: ..., memory, file */
static int openedk(lua_State *L, int status, lua_KContext ctx) {
  ar_lfile *lf = lua_touserdata(L, -1);
  memory *m = lua_touserdata(L, -2);
  ar_coro *c = ar_gave_way(L);
  (void)status;
  ar_file_collect(lf);
  lf->owner = NULL;
  if (lf->result == AR_EAGAIN && ctx == 0)
    return open_pipe(L, lf, c);
  if (lf->result != 0) {
    const char *name;
    lua_getiuservalue(L, -1, AR_FILE_NAME);
    name = luaL_tolstring(L, -1, NULL);
    ar_raise_path_error(L, lf->result, name, NULL);
  }
  lf->open = true;
  if (lf->file->local && lf->file->nowait)
    m->device = lf->file->device;
  return 1;
}

/* Who waited for the other end has left: what opens, closes. */
static int pipedk(lua_State *L, int status, lua_KContext ctx) {
  ar_lfile *lf = lua_touserdata(L, -1);
  if (ar_await_left(L)) {
    ar_file *f = lf->file;
    lf->in_flight = false;
    lf->owner = NULL;
    lf->file = NULL;
    ar_file_unref(f);
    (void)ar_awaited(L);
  }
  return openedk(L, status, ctx);
}

/* A named pipe: nobody may ever come to its other end. */
static int open_pipe(lua_State *L, ar_lfile *lf, ar_coro *c) {
  ar_err err;
  if (ar_is_cancelled(c))
    return ar_raise_pending(L, c);
  err = ar_file_start(lf->file, ar_file_open_patiently, ar_check_pool(L),
                      c->task.sched->loop);
  if (err != 0)
    ar_raise_oserror(L, err, "open");
  lf->in_flight = true;
  lf->owner = c;
  return ar_await(L, c, &lf->file->work.op, AR_AWAIT_LEAVES, "named pipe",
                  pipedk, 1);
}

static int open_with(lua_State *L, ar_lfile *lf, ar_file_fn *act) {
  ar_coro *c = ar_coro_check(L);
  ar_err err;
  lua_pushvalue(L, MEMORY);
  lua_insert(L, -2);
  if (ar_file_try(lf->file, act, &lf->result))
    return ar_give_way(L, c, openedk, 0);
  err = ar_file_start(lf->file, act, ar_check_pool(L), c->task.sched->loop);
  if (err != 0)
    ar_raise_oserror(L, err, "open");
  lf->in_flight = true;
  lf->owner = c;
  return ar_await(L, c, &lf->file->work.op, AR_AWAIT_SHIELDED, "file", openedk,
                  0);
}

static void set_values(lua_State *L, int name, int mode) {
  lua_pushvalue(L, name);
  lua_setiuservalue(L, -2, AR_FILE_NAME);
  lua_pushvalue(L, mode);
  lua_setiuservalue(L, -2, AR_FILE_MODE);
}

/* open(class, path or descriptor, mode, closefd, unlinks) -> file */
static int open_file(lua_State *L) {
  ar_coro *c = ar_coro_check(L);
  bool adopts = lua_type(L, 2) == LUA_TNUMBER;
  int fd = adopts ? (int)luaL_checkinteger(L, 2) : -1;
  const char *path = adopts ? NULL : ar_check_path(L, 2);
  int flags = ar_check_open_mode(L, 3);
  ar_lfile *lf;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 5);
  if (ar_is_cancelled(c))
    return ar_raise_pending(L, c);
  lf = push_file(L, path);
  set_values(L, 2, 3);
  lf->file->owned = lua_isnil(L, 4) || lua_toboolean(L, 4);
  lf->file->order.flags = flags;
  lf->file->order.mode = 0666;
  lf->file->fd = fd;
  return open_with(L, lf, adopts ? ar_file_adopt : ar_file_open);
}

/* open_unnamed(class, folder, mode) -> file */
static int open_unnamed(lua_State *L) {
  ar_coro *c = ar_coro_check(L);
  const char *folder = ar_check_path(L, 2);
  int flags = ar_check_open_mode(L, 3);
  ar_lfile *lf;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 3);
  if (ar_is_cancelled(c))
    return ar_raise_pending(L, c);
  lf = push_file(L, folder);
  set_values(L, 2, 3);
  lf->file->order.flags = flags & O_APPEND;
  return open_with(L, lf, ar_file_open_unnamed);
}

/* open_temp(class, descriptor, path, mode, unlinks, lasts) -> file: one that
 * was just made, and is removed when it is closed, or when nobody has it, if so
 * wanted. Does not wait. */
static int open_temp(lua_State *L) {
  int fd = (int)luaL_checkinteger(L, 2);
  const char *path = ar_check_path(L, 3);
  ar_lfile *lf;
  int flags = ar_check_open_mode(L, 4);
  lua_settop(L, 6);
  lf = push_file(L, path);
  set_values(L, 3, 4);
  lf->file->fd = fd;
  lf->file->unlinks = lua_toboolean(L, 5);
  lf->file->lasts = lua_toboolean(L, 6);
  lf->result = ar_file_adopt(lf->file, false);
  if (lf->result == 0 && (flags & O_APPEND) != 0 &&
      fcntl(fd, F_SETFL, O_APPEND) == 0)
    lf->file->appends = true;
  if (lf->result != 0)
    ar_raise_path_error(L, lf->result, path, NULL);
  lf->file->readable = (flags & O_ACCMODE) != O_WRONLY;
  lf->file->writable = (flags & O_ACCMODE) != O_RDONLY;
  lf->open = true;
  return 1;
}

/* What stdio has read ahead is taken over: the bytes of a pipe come once. */
static ar_err take_over(ar_file *f, FILE *stream) {
#ifdef __GLIBC__
  size_t left = (size_t)(stream->_IO_read_end - stream->_IO_read_ptr);
  char piece[512];
  while (left > 0) {
    size_t n = left < sizeof piece ? left : sizeof piece;
    ar_err err;
    n = fread(piece, 1, n, stream); /* from its buffer alone */
    if (n == 0)
      break;
    err = ar_file_put(f, piece, n);
    if (err != 0)
      return err;
    left -= n;
  }
  f->dirty = false; /* to be read, not to be written */
#else
  (void)f;
  (void)stream;
#endif
  return 0;
}

static const char *mode_of(const ar_file *f) {
  if (f->readable && f->writable)
    return "r+";
  return f->readable ? "r" : f->appends ? "a" : "w";
}

/* wrap(class, io file) -> file, which works on its descriptor and does not
 * close it. Does not wait. */
static int wrap_file(lua_State *L) {
  luaL_Stream *stream = luaL_checkudata(L, 2, LUA_FILEHANDLE);
  ar_lfile *lf;
  if (stream->closef == NULL)
    ar_raise(L, "ValueError", "the file is closed");
  lua_settop(L, 2);
  lf = push_file(L, NULL);
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, 3, AR_FILE_NAME);
  (void)fflush(stream->f);
  lf->file->owned = false;
  lf->file->fd = fileno(stream->f);
  lf->result = ar_file_adopt(lf->file, false);
  if (lf->result == 0)
    lf->result = take_over(lf->file, stream->f);
  if (lf->result != 0)
    ar_raise_oserror(L, lf->result, "wrap_file");
  lua_pushstring(L, mode_of(lf->file));
  lua_setiuservalue(L, 3, AR_FILE_MODE);
  lf->open = true;
  return 1;
}

const luaL_Reg ar_file_opening[] = {{"open", open_file},
                                    {"open_unnamed", open_unnamed},
                                    {"open_temp", open_temp},
                                    {"wrap", wrap_file},
                                    {NULL, NULL}};
