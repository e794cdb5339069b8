/*
 * Waiting until a descriptor is ready, whoever it belongs to.
 *
 * A descriptor of ours is waited for through the socket that has it. Any
 * other is watched for as long as somebody waits: the object that watches it
 * is on the stack of each who does, and lets go of it with the last.
 */

#include <limits.h>
#include <stdio.h>

#include "base/err.h"
#include "bind/lsock.h"
#include "bind/luax.h"
#include "host/raise.h"
#include "io/sock.h"

static const char class_watch[] = "Watch";

/* The object that has the descriptor, at stack place 2 of who waits. */
#define WATCH 2

static int watch_gc(lua_State *L) {
  ar_lfd_collect(L, lua_touserdata(L, 1));
  return 0;
}

static void push_watch_class(lua_State *L) {
  if (luaL_newmetatable(L, class_watch)) {
    lua_pushcfunction(L, watch_gc);
    lua_setfield(L, -2, "__gc");
  }
}

static ar_lfd *lfd_of(lua_State *L, int idx) {
  ar_lfd *watch = luaL_testudata(L, idx, class_watch);
  return watch != NULL ? watch : &((ar_lsock *)lua_touserdata(L, idx))->lfd;
}

/* What is too large for one is none that the system has given. */
int ar_to_fd_number(lua_State *L, int idx) {
  lua_Integer n = lua_tointeger(L, idx);
  return n < 0 ? -1 : n > INT_MAX ? INT_MAX : (int)n;
}

/* The number in the field or method `fileno` of the value at idx. */
static bool has_fileno(lua_State *L, int idx, int *fd) {
  bool is = false;
  if (luaL_getmetafield(L, idx, "__index") == LUA_TNIL &&
      lua_type(L, idx) != LUA_TTABLE)
    return false;
  lua_settop(L, idx);
  if (lua_getfield(L, idx, "fileno") == LUA_TFUNCTION) {
    lua_pushvalue(L, idx);
    lua_call(L, 1, 1);
  }
  if (lua_isinteger(L, -1)) {
    *fd = ar_to_fd_number(L, -1);
    is = true;
  }
  return is;
}

bool ar_to_descriptor(lua_State *L, int idx, int *fd) {
  luaL_Stream *file;
  int top = lua_gettop(L);
  bool is;
  idx = lua_absindex(L, idx);
  if (lua_isinteger(L, idx)) {
    *fd = ar_to_fd_number(L, idx);
    return true;
  }
  file = luaL_testudata(L, idx, LUA_FILEHANDLE);
  if (file != NULL) {
    if (file->closef == NULL)
      ar_raise(L, "ValueError", "the file is closed");
    *fd = fileno(file->f);
    return true;
  }
  if (lua_getmetatable(L, idx)) {
    const ar_lsock *s = ar_to_lsock(L, idx);
    lua_pop(L, 1);
    if (s != NULL) {
      *fd = ar_fd_number(ar_check_lfd_open(L, &s->lfd));
      return true;
    }
  }
  lua_pushvalue(L, idx);
  is = !lua_isnil(L, -1) && has_fileno(L, lua_gettop(L), fd);
  lua_settop(L, top);
  return is;
}

static int check_descriptor(lua_State *L, int idx) {
  int fd = -1;
  if (!ar_to_descriptor(L, idx, &fd))
    luaL_typeerror(L, idx, "descriptor, file or socket");
  if (fd < 0)
    ar_raise(L, "ValueError", "a descriptor must not be negative");
  return fd;
}

/* [-0, +1] Whoever has the descriptor in this run, now or from now on. */
static ar_lfd *push_watch(lua_State *L, int fd) {
  ar_lrun *run = ar_check_run(L);
  ar_lfd *d;
  if (ar_lfd_find(L, fd)) {
    d = lfd_of(L, -1);
    if (d->fd != NULL && d->run == run)
      return d;
  }
  lua_pop(L, 1);
  d = lua_newuserdatauv(L, sizeof *d, 0);
  ar_lfd_init(d);
  push_watch_class(L);
  lua_setmetatable(L, -2);
  ar_lfd_open(L, d, run, fd, false);
  return d;
}

/* Who has waited is through with it. */
static void leave(lua_State *L, ar_lfd *d) {
  if (luaL_testudata(L, WATCH, class_watch) == NULL || d->fd == NULL)
    return;
  if (!ar_op_is_pending(ar_fd_op(d->fd, AR_SIDE_READ)) &&
      !ar_op_is_pending(ar_fd_op(d->fd, AR_SIDE_WRITE)))
    (void)ar_lfd_close(L, d);
}

static int readyk(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  leave(L, lfd_of(L, WATCH));
  (void)ar_awaited(L);
  return 0;
}

static int gavek(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  (void)ar_gave_way(L);
  return 0;
}

static int cancelledk(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  (void)ar_awaited(L);
  return 0;
}

/* A plain file is always ready: only the others get to run. */
static int wait_for_nothing(lua_State *L, ar_coro *c) {
  if (ar_task_pending(&c->task) != AR_CAUSE_NONE)
    return ar_await_cancelled(L, c, cancelledk, 0);
  return ar_give_way(L, c, gavek, 0);
}

static int wait_for(lua_State *L, ar_side side) {
  int fd = check_descriptor(L, 1);
  ar_coro *c = ar_coro_check(L);
  ar_lfd *d;
  ar_err err;
  lua_settop(L, 1);
  d = push_watch(L, fd);
  ar_check_lfd_free(L, d, side);
  err = ar_fd_wait(d->fd, side);
  if (err == 0)
    return ar_await(L, c, ar_fd_op(d->fd, side), AR_AWAIT_UNDOES, "descriptor",
                    readyk, 0);
  leave(L, d);
  if (err != AR_EPERM)
    ar_raise_oserror(L, err,
                     lua_isinteger(L, 1)
                         ? lua_pushfstring(L, "descriptor %I",
                                           (LUAI_UACINT)lua_tointeger(L, 1))
                         : lua_pushfstring(L, "descriptor %d", fd));
  return wait_for_nothing(L, c);
}

int ar_wait_readable(lua_State *L) {
  return wait_for(L, AR_SIDE_READ);
}

int ar_wait_writable(lua_State *L) {
  return wait_for(L, AR_SIDE_WRITE);
}

/* Tell those who wait for the descriptor. */
static void forsake(lua_State *L, int fd) {
  lua_settop(L, 1);
  if (ar_lfd_find(L, fd)) {
    ar_lfd *d = lfd_of(L, WATCH);
    if (luaL_testudata(L, WATCH, class_watch) != NULL)
      (void)ar_lfd_close(L, d); /* its number may mean another one soon */
    else if (d->fd != NULL)
      ar_fd_forsake(d->fd);
  }
}

int ar_notify_closing(lua_State *L) {
  forsake(L, check_descriptor(L, 1));
  return 0;
}

/* close(descriptor): one that is nobody's */
int ar_close_descriptor(lua_State *L) {
  int fd;
  ar_err err;
  (void)luaL_checkinteger(L, 1);
  fd = ar_to_fd_number(L, 1);
  if (ar_lfd_find(L, fd) && luaL_testudata(L, -1, class_watch) == NULL)
    ar_raise(L, "ValueError", "descriptor %d belongs to %s", fd,
             luaL_tolstring(L, -1, NULL));
  forsake(L, fd);
  err = ar_sock_close(fd);
  if (err != 0)
    ar_raise_oserror(L, err, lua_pushfstring(L, "descriptor %d", fd));
  return 0;
}
