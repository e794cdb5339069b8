/*
 * AsyncFile: writing, and where it stands.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "bind/filelib.h"
#include "bind/fslib.h"
#include "host/raise.h"

static ar_lfile *check_writable(lua_State *L) {
  ar_lfile *lf = ar_check_file(L);
  ar_check_open_file(L, lf);
  if (AR_UNLIKELY(!lf->file->writable))
    ar_raise(L, "OSError", "the file is not open for writing");
  return lf;
}

static bool wants(ar_lfile *lf, ar_file_fn *act) {
  lf->act = act;
  return false;
}

static bool fails(ar_lfile *lf, ar_err err) {
  lf->result = err;
  return false;
}

/* ---- write -------------------------------------------------------------- */

static size_t pending(const ar_file *f) {
  return f->dirty ? f->to - f->from : 0;
}

/* What was read ahead is given back: it is written where it was read. */
static ar_err turn_round(ar_file *f) {
  off_t ahead = (off_t)ar_file_available(f);
  if (ahead == 0)
    return 0;
  if (lseek(f->fd, -ahead, SEEK_CUR) < 0)
    return ar_err_from_errno(errno);
  ar_file_take(f, (size_t)ahead);
  return 0;
}

/* Has a line just ended in what is to be written? */
static bool ends_line(lua_State *L, const ar_lfile *lf) {
  size_t size;
  const char *data;
  if (!lf->by_line)
    return false;
  data = lua_tolstring(L, 2, &size);
  return memchr(data, '\n', size) != NULL;
}

/* Stages: room is made where an earlier write failed; it is put into the
 * buffer; that is written when it is full. */
static bool write_ready(lua_State *L, ar_lfile *lf) {
  ar_file *f = lf->file;
  size_t size;
  const char *data = lua_tolstring(L, 2, &size);
  ar_err err;
  if (lf->put)
    return true; /* written, too */
  if (pending(f) >= f->chunk)
    return wants(lf, ar_file_flush);
  err = turn_round(f);
  if (err == 0 && size > 0)
    err = ar_file_put(f, data, size);
  if (err != 0)
    return fails(lf, err);
  lf->put = true;
  if (pending(f) >= f->chunk || lf->unbuffered || ends_line(L, lf))
    return wants(lf, ar_file_flush);
  return true;
}

static int write_finish(lua_State *L, ar_lfile *lf) {
  (void)lf;
  lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 2));
  return 1;
}

static const ar_file_op write_op = {write_ready, write_finish};

/* write(file, ...) -> how many bytes that were */
static int file_write(lua_State *L) {
  ar_lfile *lf = check_writable(L);
  if (lua_gettop(L) > 2)
    return ar_file_do_many(L, "_write_many");
  (void)luaL_checkstring(L, 2);
  lua_settop(L, 2);
  return ar_file_do(L, lf, &write_op);
}

/* ---- flush, seek, truncate ---------------------------------------------- */

static bool flush_ready(lua_State *L, ar_lfile *lf) {
  (void)L;
  return pending(lf->file) == 0 || wants(lf, ar_file_flush);
}

static int flush_finish(lua_State *L, ar_lfile *lf) {
  (void)L;
  (void)lf;
  return 0;
}

static const ar_file_op flush_op = {flush_ready, flush_finish};

static int file_flush(lua_State *L) {
  ar_lfile *lf = ar_check_file(L);
  ar_check_open_file(L, lf);
  lua_settop(L, 1);
  return ar_file_do(L, lf, &flush_op);
}

static bool seek_ready(lua_State *L, ar_lfile *lf) {
  if (lf->phase > 0)
    return true;
  lf->file->order.offset = lua_tointeger(L, 2);
  lf->file->order.whence = (int)lua_tointeger(L, 3);
  return wants(lf, ar_file_seek);
}

static int offset_finish(lua_State *L, ar_lfile *lf) {
  lua_pushinteger(L, (lua_Integer)lf->file->order.offset);
  return 1;
}

static const ar_file_op seek_op = {seek_ready, offset_finish};

/* _seek(file, offset, whence) -> new position */
static int file_seek(lua_State *L) {
  static const int whences[] = {SEEK_SET, SEEK_CUR, SEEK_END};
  static const char *const names[] = {"set", "cur", "end", NULL};
  ar_lfile *lf = ar_check_file(L);
  int which;
  (void)luaL_checkinteger(L, 2);
  which = luaL_checkoption(L, 3, "set", names);
  ar_check_open_file(L, lf);
  lua_settop(L, 2);
  lua_pushinteger(L, whences[which]);
  return ar_file_do(L, lf, &seek_op);
}

static bool truncate_ready(lua_State *L, ar_lfile *lf) {
  if (lf->phase > 0)
    return true;
  lf->file->order.offset = lua_isnil(L, 2) ? -1 : lua_tointeger(L, 2);
  return wants(lf, ar_file_truncate);
}

static const ar_file_op truncate_op = {truncate_ready, offset_finish};

/* truncate(file, size = where it stands) -> the size */
static int file_truncate(lua_State *L) {
  ar_lfile *lf = check_writable(L);
  if (!lua_isnoneornil(L, 2) && luaL_checkinteger(L, 2) < 0)
    ar_raise(L, "ValueError", "a size must not be negative");
  lua_settop(L, 2);
  return ar_file_do(L, lf, &truncate_op);
}

static bool tell_ready(lua_State *L, ar_lfile *lf) {
  (void)L;
  lf->result = ar_file_tell(lf->file, &lf->file->order.offset);
  return true;
}

static const ar_file_op tell_op = {tell_ready, offset_finish};

static int file_tell(lua_State *L) {
  ar_lfile *lf = ar_check_file(L);
  ar_check_open_file(L, lf);
  lua_settop(L, 1);
  return ar_file_do(L, lf, &tell_op);
}

const luaL_Reg ar_file_writing[] = {
    {"write", file_write}, {"flush", file_flush},       {"_seek", file_seek},
    {"tell", file_tell},   {"truncate", file_truncate}, {NULL, NULL}};
