/*
 * Module _anyrun.file: AsyncFile.
 *
 * methods(class) adds to a class what is written here; open(class, ...) makes
 * an object of it. One task at a time works on a file, the others queue up:
 * `owner` is handed on, so that what a line is stays one.
 *
 * An operation has two halves. `ready` says whether the buffer holds what is
 * asked for, or what has to be done first; `finish` takes it, at once. What is
 * done first is done here where that is certain not to block, else by a
 * thread; after both the others have had their turn. What the buffer holds is
 * given without that, and only a cancellation is looked for.
 */

#include "bind/filelib.h"

#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "bind/await.h"
#include "bind/fslib.h"
#include "bind/libs.h"
#include "bind/luax.h"
#include "host/raise.h"

const char ar_key_file[] = "file";

ar_lfile *ar_to_file(lua_State *L, int idx) {
  ar_lfile *lf = lua_touserdata(L, idx);
  if (lf == NULL || lua_rawlen(L, idx) != sizeof *lf ||
      lf->magic != ar_key_file)
    return NULL;
  return lf;
}

ar_lfile *ar_check_file(lua_State *L) {
  ar_lfile *lf = ar_to_file(L, 1);
  if (AR_UNLIKELY(lf == NULL))
    luaL_typeerror(L, 1, "AsyncFile");
  return lf;
}

void ar_check_open_file(lua_State *L, const ar_lfile *lf) {
  if (AR_UNLIKELY(!lf->open))
    ar_raise(L, "ValueError", "the file is closed");
}

/* ---- whose turn it is --------------------------------------------------- */

static void let_go(ar_lfile *lf) {
  ar_place *next = ar_lot_take(&lf->llot.lot);
  lf->owner = NULL;
  if (next == NULL)
    return;
  lf->owner = ar_coro_of(next->task);
  ar_task_wake(next->task, 0);
}

static void raise_failure(lua_State *L, ar_err err) {
  lua_getiuservalue(L, 1, AR_FILE_NAME);
  ar_raise_path_error(L, err, luaL_tolstring(L, -1, NULL), NULL);
}

static int go(lua_State *L, ar_lfile *lf, ar_coro *c, const ar_file_op *op);

void ar_file_collect(ar_lfile *lf) {
  if (!lf->in_flight)
    return;
  lf->in_flight = false;
  lf->result = lf->file->work.op.result;
  ar_file_unref(lf->file);
}

static int workedk(lua_State *L, int status, lua_KContext ctx) {
  ar_lfile *lf = lua_touserdata(L, 1);
  ar_coro *c = ar_gave_way(L); /* the work is done, whoever cancels now */
  (void)status;
  ar_file_collect(lf);
  return go(L, lf, c, (const ar_file_op *)ctx);
}

/* Do what has to be done first. */
static int work(lua_State *L, ar_lfile *lf, ar_coro *c, const ar_file_op *op) {
  ar_err err;
  lf->phase++;
  if (ar_file_try(lf->file, lf->act, &lf->result))
    return ar_give_way(L, c, workedk, (lua_KContext)op);
  err = ar_file_start(lf->file, lf->act, lf->pool, c->task.sched->loop);
  if (err != 0) {
    let_go(lf);
    raise_failure(L, err);
  }
  lf->in_flight = true;
  return ar_await(L, c, &lf->file->work.op, AR_AWAIT_SHIELDED, "file", workedk,
                  (lua_KContext)op);
}

static int go(lua_State *L, ar_lfile *lf, ar_coro *c, const ar_file_op *op) {
  ar_err err = lf->result;
  bool ready = err == 0 && op->ready(L, lf);
  if (err == 0)
    err = lf->result;
  if (err == 0 && !ready)
    return work(L, lf, c, op);
  /* Nobody else runs before this is finished. */
  let_go(lf);
  if (err != 0)
    raise_failure(L, err);
  return op->finish(L, lf);
}

static int begin(lua_State *L, ar_lfile *lf, ar_coro *c, const ar_file_op *op) {
  if (!lf->open) { /* closed by who was before */
    let_go(lf);
    ar_check_open_file(L, lf);
  }
  lf->phase = 0;
  lf->put = false;
  lf->result = 0;
  return go(L, lf, c, op);
}

/* It is this task's turn, or its wait was ended. */
static int queuedk(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  ar_lfile *lf = lua_touserdata(L, 1);
  (void)status;
  if (AR_UNLIKELY(c->task.woken != 0)) {
    if (lf->owner == c)
      let_go(lf);
    (void)ar_awaited(L);
  }
  return begin(L, lf, c, (const ar_file_op *)ctx);
}

int ar_file_do_many(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  lua_insert(L, 1);
  return ar_callk_all(L, lua_gettop(L) - 1);
}

int ar_file_do(lua_State *L, ar_lfile *lf, const ar_file_op *op) {
  ar_coro *c = ar_coro_check(L);
  lf->pool = ar_check_pool(L);
  c->cancel_points++;
  if (ar_is_cancelled(c))
    return ar_raise_pending(L, c);
  if (lf->owner != NULL) {
    ar_lot *lot = ar_llot_bind(L, &lf->llot, c);
    c->schedule_points++;
    ar_lot_park(lot, &ar_frame_of(&c->task)->place, ar_abort_place);
    return ar_suspend(L, queuedk, (lua_KContext)op);
  }
  lf->owner = c;
  return begin(L, lf, c, op);
}

/* ---- closing ------------------------------------------------------------ */

/* Where an error is on its way already, a cancellation would replace it. */
#define ON_ERROR 1

static int closed(lua_State *L, ar_lfile *lf, ar_coro *c, lua_KContext ctx) {
  ar_err err = lf->result;
  let_go(lf);
  if (err != 0)
    raise_failure(L, err);
  c->cancel_points++;
  if (ctx != ON_ERROR && ar_is_cancelled(c))
    return ar_raise_pending(L, c);
  return 0;
}

static int closedk(lua_State *L, int status, lua_KContext ctx) {
  ar_lfile *lf = lua_touserdata(L, 1);
  ar_coro *c = ar_gave_way(L);
  (void)status;
  ar_file_collect(lf);
  return closed(L, lf, c, ctx);
}

static int close_owned(lua_State *L, ar_lfile *lf, ar_coro *c,
                       lua_KContext ctx) {
  ar_err err;
  lf->result = 0;
  if (!lf->open)
    return closed(L, lf, c, ctx);
  lf->open = false;
  if (ar_file_try(lf->file, ar_file_close, &lf->result))
    return ar_give_way(L, c, closedk, ctx);
  err = ar_file_start(lf->file, ar_file_close, lf->pool, c->task.sched->loop);
  if (err != 0) { /* no thread is to be had: it is closed all the same */
    lf->result = ar_file_close(lf->file, false);
    return closed(L, lf, c, ctx);
  }
  lf->in_flight = true;
  return ar_await(L, c, &lf->file->work.op, AR_AWAIT_SHIELDED, "file", closedk,
                  ctx);
}

static int close_queuedk(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_gave_way(L);
  (void)status;
  return close_owned(L, lua_touserdata(L, 1), c, ctx);
}

/* Closing is not cancelled, however long it has to wait. */
static int close_file(lua_State *L, ar_lfile *lf, lua_KContext ctx) {
  ar_coro *c;
  if (!lf->open)
    return 0;
  c = ar_coro_check(L);
  lf->pool = ar_check_pool(L);
  if (lf->owner == NULL) {
    lf->owner = c;
    return close_owned(L, lf, c, ctx);
  }
  ar_lot_park(ar_llot_bind(L, &lf->llot, c), &ar_frame_of(&c->task)->place,
              ar_abort_never);
  return ar_suspend(L, close_queuedk, ctx);
}

static int file_aclose(lua_State *L) {
  ar_lfile *lf = ar_check_file(L);
  lua_settop(L, 1);
  return close_file(L, lf, 0);
}

static int file_close_variable(lua_State *L) {
  ar_lfile *lf = ar_check_file(L);
  bool failing = !lua_isnoneornil(L, 2);
  lua_settop(L, 1);
  return close_file(L, lf, failing ? ON_ERROR : 0);
}

static int file_gc(lua_State *L) {
  ar_lfile *lf = lua_touserdata(L, 1);
  ar_file *f = lf->file;
  if (f == NULL)
    return 0;
  while (ar_lot_take(&lf->llot.lot) != NULL)
    continue;
  if (lf->open && !lf->quiet) {
    lua_warning(L, "ResourceWarning: unclosed ", 1);
    lua_warning(L, luaL_tolstring(L, 1, NULL), 0);
  }
  lf->file = NULL;
  ar_file_unref(f); /* writes what is left, and closes */
  return 0;
}

/* ---- what can be asked -------------------------------------------------- */

static int file_fileno(lua_State *L) {
  ar_lfile *lf = ar_check_file(L);
  ar_check_open_file(L, lf);
  lua_pushinteger(L, lf->file->fd);
  return 1;
}

static int file_isatty(lua_State *L) {
  ar_lfile *lf = ar_check_file(L);
  ar_check_open_file(L, lf);
  lua_pushboolean(L, isatty(lf->file->fd));
  return 1;
}

static int file_can(lua_State *L) {
  static const char *const what[] = {"read", "write", "seek", NULL};
  ar_lfile *lf = ar_check_file(L);
  int which = luaL_checkoption(L, 2, NULL, what);
  ar_check_open_file(L, lf);
  lua_pushboolean(L, which == 0   ? lf->file->readable
                     : which == 1 ? lf->file->writable
                                  : lf->file->seekable);
  return 1;
}

/* _quiet(file, flag): whether nobody is told when it is collected open */
static int file_quiet(lua_State *L) {
  ar_check_file(L)->quiet = lua_toboolean(L, 2);
  return 0;
}

/* _removed(file): its name means nothing any more */
static int file_removed(lua_State *L) {
  ar_check_file(L)->file->lasts = false;
  return 0;
}

static int file_setvbuf(lua_State *L) {
  static const char *const modes[] = {"no", "line", "full", NULL};
  ar_lfile *lf = ar_check_file(L);
  int mode = luaL_checkoption(L, 2, NULL, modes);
  lua_Integer size = luaL_optinteger(L, 3, AR_FILE_CHUNK);
  luaL_argcheck(L, size > 0, 3, "a positive size expected");
  ar_check_open_file(L, lf);
  lf->unbuffered = mode == 0;
  lf->by_line = mode == 1;
  lf->file->chunk = (size_t)size;
  lua_pushboolean(L, 1);
  return 1;
}

static int file_newline(lua_State *L) {
  static const char *const ends[] = {"\n", "\r", "\r\n", "", NULL};
  ar_lfile *lf = ar_check_file(L);
  int end = luaL_checkoption(L, 2, NULL, ends);
  lf->file->line_end = (ar_line_end)end;
  return 0;
}

/* [-0, +0 or 1] What only the file itself knows. */
static bool push_own(lua_State *L, const ar_lfile *lf, const char *key) {
  if (strcmp(key, "closed") == 0)
    lua_pushboolean(L, !lf->open);
  else if (strcmp(key, "name") == 0)
    lua_getiuservalue(L, 1, AR_FILE_NAME);
  else if (strcmp(key, "mode") == 0)
    lua_getiuservalue(L, 1, AR_FILE_MODE);
  else
    return false;
  return true;
}

/* A field: of the file itself, of its class, or one that was set. */
static int file_index(lua_State *L) {
  ar_lfile *lf = ar_check_file(L);
  lua_settop(L, 2);
  if (lua_type(L, 2) == LUA_TSTRING && push_own(L, lf, lua_tostring(L, 2)))
    return 1;
  (void)luaL_getmetafield(L, 1, "class"); /* the class is the metatable */
  lua_pushvalue(L, 2);
  if (lua_gettable(L, 3) != LUA_TNIL)
    return 1;
  if (lua_getiuservalue(L, 1, AR_FILE_EXTRA) == LUA_TTABLE) {
    lua_pushvalue(L, 2);
    lua_rawget(L, -2);
  }
  return 1;
}

static int file_newindex(lua_State *L) {
  (void)ar_check_file(L);
  lua_settop(L, 3);
  if (lua_getiuservalue(L, 1, AR_FILE_EXTRA) != LUA_TTABLE) {
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, AR_FILE_EXTRA);
    lua_replace(L, 4);
  }
  lua_pushvalue(L, 2);
  lua_pushvalue(L, 3);
  lua_rawset(L, 4);
  return 0;
}

static const luaL_Reg methods[] = {
    {"aclose", file_aclose},          {"close", file_aclose},
    {"__close", file_close_variable}, {"__gc", file_gc},
    {"__index", file_index},          {"__newindex", file_newindex},
    {"fileno", file_fileno},          {"isatty", file_isatty},
    {"setvbuf", file_setvbuf},        {"_can", file_can},
    {"_newline", file_newline},       {"_quiet", file_quiet},
    {"_removed", file_removed},       {NULL, NULL}};

/* methods(class) -> class */
static int add_methods(lua_State *L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_setfuncs(L, methods, 0);
  luaL_setfuncs(L, ar_file_reading, 0);
  luaL_setfuncs(L, ar_file_writing, 0);
  return 1;
}

static const luaL_Reg functions[] = {{"methods", add_methods}, {NULL, NULL}};

int luaopen_anyrun_file(lua_State *L) {
  luaL_newlib(L, functions);
  ar_file_push_memory(L);
  luaL_setfuncs(L, ar_file_opening, 1);
  return 1;
}
