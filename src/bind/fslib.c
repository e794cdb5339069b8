/*
 * Module _anyrun.fs: what is done to paths, each a piece of work of a thread.
 *
 * One row each: name, arguments, what the thread does, what comes back.
 * Questions are left when their task is cancelled; what changes the disk, or
 * reads data, is waited for, and the cancellation raised by the next wait.
 * Nothing is begun for a task that is cancelled already.
 */

#include "bind/fslib.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/await.h"
#include "bind/libs.h"
#include "bind/luax.h"
#include "host/raise.h"
#include "io/fs.h"

static int pendingk(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  (void)ar_awaited(L);
  return 0;
}

int ar_raise_pending(lua_State *L, ar_coro *c) {
  return ar_await_cancelled(L, c, pendingk, 0);
}

const char *ar_check_path(lua_State *L, int idx) {
  size_t length;
  const char *text = luaL_checklstring(L, idx, &length);
  if (strlen(text) != length)
    ar_raise(L, "ValueError", "a path must not contain a zero byte");
  return text;
}

static int access_of(char kind) {
  switch (kind) {
    case 'w': return O_CREAT | O_TRUNC;
    case 'a': return O_CREAT | O_APPEND;
    case 'x': return O_CREAT | O_EXCL;
    default: return 0;
  }
}

int ar_check_open_mode(lua_State *L, int idx) {
  const char *mode = luaL_checkstring(L, idx);
  unsigned kinds = 0, plus = 0, forms = 0;
  int flags = 0;
  char kind = '\0';
  for (const char *p = mode; *p != '\0'; p++) {
    if (strchr("rwax", *p) != NULL) {
      kinds++;
      kind = *p;
      flags |= access_of(*p);
    } else if (*p == '+') {
      plus++;
    } else if (*p == 'b' || *p == 't') {
      forms++;
    } else {
      kinds = 2;
    }
  }
  if (kinds != 1 || plus > 1 || forms > 1)
    ar_raise(L, "ValueError",
             "invalid mode '%s' (one of r, w, a, x, perhaps with +, b or t)",
             mode);
  if (plus != 0)
    return flags | O_RDWR;
  return flags | (kind == 'r' ? O_RDONLY : O_WRONLY);
}

void ar_raise_path_error(lua_State *L, ar_err err, const char *path,
                         const char *other) {
  if (err == AR_ENOMEM)
    luaL_error(L, "not enough memory");
  if (other != NULL)
    ar_push_error(L, "OSError", "%s -> %s: %s", path, other, ar_err_text(err));
  else
    ar_push_error(L, "OSError", "%s: %s", *path != '\0' ? path : "''",
                  ar_err_text(err));
  lua_pushstring(L, ar_err_name(err));
  lua_setfield(L, -2, "code");
  lua_pushinteger(L, -err);
  lua_setfield(L, -2, "errno");
  lua_pushstring(L, path);
  lua_setfield(L, -2, "filename");
  lua_pushstring(L, other);
  lua_setfield(L, -2, "filename2");
  (void)lua_error(L);
  AR_UNREACHABLE();
}

/* ---- what comes back ---------------------------------------------------- */

/* [-0, +n] */
typedef int push_fn(lua_State *L, ar_fs *fs);

static int push_nothing(lua_State *L, ar_fs *fs) {
  (void)L;
  (void)fs;
  return 0;
}

static int push_data(lua_State *L, ar_fs *fs) {
  lua_pushlstring(L, fs->size > 0 ? fs->data : "", fs->size);
  return 1;
}

static int push_number(lua_State *L, ar_fs *fs) {
  lua_pushinteger(L, (lua_Integer)fs->number);
  return 1;
}

static int push_path(lua_State *L, ar_fs *fs) {
  lua_pushstring(L, fs->path);
  fs->taken = true;
  return 1;
}

static int push_temp_file(lua_State *L, ar_fs *fs) {
  lua_pushinteger(L, (lua_Integer)fs->number);
  return 1 + push_path(L, fs);
}

static void set_integer(lua_State *L, const char *key, int64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, key);
}

static void set_time(lua_State *L, const char *key, const char *key_ns,
                     struct timespec t) {
  lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec / 1e9);
  lua_setfield(L, -2, key);
  set_integer(L, key_ns, (int64_t)t.tv_sec * 1000000000 + t.tv_nsec);
}

static int push_stat(lua_State *L, ar_fs *fs) {
  const struct stat *st = &fs->st;
  lua_createtable(L, 0, 16);
  set_integer(L, "st_mode", st->st_mode);
  set_integer(L, "st_ino", (int64_t)st->st_ino);
  set_integer(L, "st_dev", (int64_t)st->st_dev);
  set_integer(L, "st_nlink", (int64_t)st->st_nlink);
  set_integer(L, "st_uid", st->st_uid);
  set_integer(L, "st_gid", st->st_gid);
  set_integer(L, "st_size", st->st_size);
  set_integer(L, "st_blksize", st->st_blksize);
  set_integer(L, "st_blocks", st->st_blocks);
  set_integer(L, "st_rdev", (int64_t)st->st_rdev);
  set_time(L, "st_atime", "st_atime_ns", st->st_atim);
  set_time(L, "st_mtime", "st_mtime_ns", st->st_mtim);
  set_time(L, "st_ctime", "st_ctime_ns", st->st_ctim);
  return 1;
}

/* The mode, or nil: for tests that answer false whatever is wrong. */
static int push_mode(lua_State *L, ar_fs *fs) {
  if (fs->work.result != 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, fs->st.st_mode);
  return 1;
}

/* The names, and a string of their letters, in one order. */
static int push_list(lua_State *L, ar_fs *fs) {
  luaL_Buffer letters;
  lua_Integer n = 0;
  lua_newtable(L);
  luaL_buffinit(L, &letters);
  for (size_t at = 0; at < fs->size;) {
    const char *name = fs->data + at + 1;
    size_t length = strlen(name);
    luaL_addchar(&letters, fs->data[at]);
    at += length + 2;
    n++;
  }
  luaL_pushresult(&letters);
  n = 0;
  for (size_t at = 0; at < fs->size;) {
    const char *name = fs->data + at + 1;
    size_t length = strlen(name);
    lua_pushlstring(L, name, length);
    lua_rawseti(L, -3, ++n);
    at += length + 2;
  }
  return 2;
}

/* ---- the rows ----------------------------------------------------------- */

typedef struct {
  const char *name;
  const char *args; /* p path, q other path, m mode of opening, d data, i
                     * integer, b boolean */
  ar_fs_fn *act;
  push_fn *push;
  ar_await_way way;
  void (*undo)(ar_fs *fs);
} row;

#define ASKS AR_AWAIT_LEAVES
#define CHANGES AR_AWAIT_SHIELDED

static const row rows[] = {
    {"stat", "pb", ar_fs_stat, push_stat, ASKS, NULL},
    {"mode", "pb", ar_fs_stat, push_mode, ASKS, NULL},
    {"readlink", "p", ar_fs_readlink, push_data, ASKS, NULL},
    {"resolve", "pb", ar_fs_resolve, push_data, ASKS, NULL},
    {"owner", "pbb", ar_fs_owner, push_data, ASKS, NULL},
    {"home", "p", ar_fs_home, push_data, ASKS, NULL},
    {"list", "pb", ar_fs_list, push_list, ASKS, NULL},
    {"chmod", "pib", ar_fs_chmod, push_nothing, CHANGES, NULL},
    {"mkdir", "pibb", ar_fs_mkdir, push_nothing, CHANGES, NULL},
    {"rmdir", "p", ar_fs_rmdir, push_nothing, CHANGES, NULL},
    {"unlink", "pb", ar_fs_unlink, push_nothing, CHANGES, NULL},
    {"rename", "pq", ar_fs_rename, push_nothing, CHANGES, NULL},
    {"symlink", "pq", ar_fs_symlink, push_nothing, CHANGES, NULL},
    {"link", "pq", ar_fs_link, push_nothing, CHANGES, NULL},
    {"touch", "pib", ar_fs_touch, push_nothing, CHANGES, NULL},
    {"read", "p", ar_fs_read, push_data, CHANGES, NULL},
    {"write", "pmid", ar_fs_write, push_number, CHANGES, NULL},
    {"copy", "pqbb", ar_fs_copy, push_nothing, CHANGES, NULL},
    {"copy_stat", "pq", ar_fs_copy_stat, push_nothing, CHANGES, NULL},
    {"remove_tree", "pb", ar_fs_remove_tree, push_nothing, CHANGES, NULL},
    {"temp_file", "pqd", ar_fs_temp_file, push_temp_file, CHANGES,
     ar_fs_undo_temp_file},
    {"temp_folder", "pqd", ar_fs_temp_folder, push_path, CHANGES,
     ar_fs_undo_temp_folder},
    {NULL, NULL, NULL, NULL, ASKS, NULL}};

/* ---- a call ------------------------------------------------------------- */

#define BOX lua_upvalueindex(2)

static int box_gc(lua_State *L) {
  ar_fs **box = lua_touserdata(L, 1);
  ar_fs *fs = *box;
  *box = NULL;
  if (fs != NULL)
    ar_fs_unref(fs);
  return 0;
}

/* What the paths are, checked; all of it before anything is made. */
static void check_args(lua_State *L, const row *r) {
  int i = 1;
  for (const char *p = r->args; *p != '\0'; p++, i++) {
    switch (*p) {
      case 'p':
      case 'q': (void)ar_check_path(L, i); break;
      case 'm': (void)ar_check_open_mode(L, i); break;
      case 'd': (void)luaL_checkstring(L, i); break;
      case 'i': (void)luaL_checkinteger(L, i); break;
      default: break;
    }
  }
}

static const char *arg_of(lua_State *L, const row *r, char kind) {
  const char *p = strchr(r->args, kind);
  return p != NULL ? lua_tostring(L, (int)(p - r->args) + 1) : NULL;
}

static void set_numbers(lua_State *L, const row *r, ar_fs *fs) {
  int i = 1, n = 0;
  for (const char *p = r->args; *p != '\0'; p++, i++) {
    if (*p == 'i')
      fs->n[n++] = (int64_t)lua_tointeger(L, i);
    else if (*p == 'b')
      fs->n[n++] = lua_toboolean(L, i);
    else if (*p == 'm')
      fs->n[n++] = ar_check_open_mode(L, i);
  }
}

/* [-0, +1] Its box, from which it is given back in any case. */
static ar_fs *push_work(lua_State *L, const row *r) {
  ar_fs **box = lua_newuserdatauv(L, sizeof(ar_fs *), 0);
  const char *data = strchr(r->args, 'd');
  ar_err err;
  *box = NULL;
  lua_pushvalue(L, BOX);
  lua_setmetatable(L, -2);
  err = ar_fs_new(r->act, arg_of(L, r, 'p'), arg_of(L, r, 'q'), box);
  if (err == 0 && data != NULL) {
    size_t size;
    const char *bytes = lua_tolstring(L, (int)(data - r->args) + 1, &size);
    err = ar_fs_add(*box, bytes, size);
  }
  if (err != 0)
    ar_raise_oserror(L, err, r->name);
  (*box)->undo = r->undo;
  set_numbers(L, r, *box);
  return *box;
}

static void raise_about(lua_State *L, const row *r, const ar_fs *fs) {
  const char *other =
      strchr(r->args, 'q') != NULL && r->undo == NULL ? fs->other : NULL;
  ar_raise_path_error(L, fs->work.result, fs->path, other);
}

static int donek(lua_State *L, int status, lua_KContext ctx) {
  const row *r = (const row *)ctx;
  ar_fs **box = lua_touserdata(L, -1); /* stack: ..., box */
  int n;
  (void)status;
  if (AR_UNLIKELY(ar_await_left(L)))
    (void)ar_awaited(L); /* raises: the pool gives its reference back */
  (void)ar_gave_way(L);
  ar_fs_unref(*box); /* the pool's reference; the box has one, too */
  if ((*box)->work.result != 0 && r->push != push_mode)
    raise_about(L, r, *box);
  n = r->push(L, *box);
  ar_fs_unref(*box);
  *box = NULL;
  return n;
}

static int call(lua_State *L) {
  const row *r = lua_touserdata(L, lua_upvalueindex(1));
  ar_coro *c = ar_coro_check(L);
  ar_pool *pool;
  ar_fs *fs;
  ar_err err;
  lua_settop(L, (int)strlen(r->args));
  check_args(L, r);
  if (ar_is_cancelled(c))
    return ar_raise_pending(L, c);
  pool = ar_check_pool(L);
  fs = push_work(L, r);
  err = ar_fs_start(fs, pool, c->task.sched->loop);
  if (err != 0)
    ar_raise_oserror(L, err, r->name);
  return ar_await(L, c, &fs->work.op, r->way, "file system", donek,
                  (lua_KContext)r);
}

/* ---- what does not wait ------------------------------------------------- */

static int fs_cwd(lua_State *L) {
  char cwd[PATH_MAX];
  if (getcwd(cwd, sizeof cwd) == NULL)
    ar_raise_oserror(L, ar_err_from_errno(errno), "the current folder");
  lua_pushstring(L, cwd);
  return 1;
}

/* remove_tree_now(path): for finalizers, which cannot wait */
static int fs_remove_tree_now(lua_State *L) {
  ar_fs *fs;
  const char *path = ar_check_path(L, 1);
  ar_err err = ar_fs_new(ar_fs_remove_tree, path, NULL, &fs);
  if (err == 0) {
    fs->n[0] = 1;
    err = fs->act(fs);
    ar_fs_unref(fs);
  }
  lua_pushboolean(L, err == 0);
  return 1;
}

static const luaL_Reg functions[] = {
    {"cwd", fs_cwd}, {"remove_tree_now", fs_remove_tree_now}, {NULL, NULL}};

int luaopen_anyrun_fs(lua_State *L) {
  luaL_newlib(L, functions);
  lua_createtable(L, 0, 1); /* stack: module, metatable of boxes */
  lua_pushcfunction(L, box_gc);
  lua_setfield(L, -2, "__gc");
  for (const row *r = rows; r->name != NULL; r++) {
    lua_pushlightuserdata(L, (void *)(uintptr_t)r);
    lua_pushvalue(L, -2);
    lua_pushcclosure(L, call, 2);
    lua_setfield(L, -3, r->name);
  }
  lua_pop(L, 1);
  return 1;
}
