/*
 * A descriptor of a run, as a Lua object or the first part of one.
 */

#include "bind/lfd.h"

#include <stdio.h>

#include "base/err.h"
#include "bind/seek.h"
#include "host/raise.h"
#include "host/weak.h"

/* In the registry: number -> the object that has the descriptor. It keeps
 * none alive. */
static const char key_descriptors[] = "descriptors";

static void push_descriptors(lua_State *L) {
  ar_weak_push(L, key_descriptors, "v");
}

static void drop(lua_State *L, ar_loose *loose);

void ar_lfd_init(ar_lfd *d) {
  d->fd = NULL;
  d->run = NULL;
  ar_link_init(&d->loose.link);
  d->loose.drop = drop;
}

static int number_of(const ar_lfd *d) {
  return ar_fd_number(d->fd);
}

/* Is d a part of the userdata on top? */
static bool is_inside(lua_State *L, const ar_lfd *d) {
  const char *object = lua_touserdata(L, -1), *part = (const char *)d;
  return object != NULL && part >= object && part < object + lua_rawlen(L, -1);
}

/* [-0, +0] It is the object of its number no longer. Touches no memory but
 * the table's, hence cannot raise. */
static void forget(lua_State *L, const ar_lfd *d) {
  lua_Integer number = number_of(d);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, key_descriptors) == LUA_TTABLE) {
    (void)lua_rawgeti(L, -1, number);
    if (is_inside(L, d)) {
      lua_pushnil(L);
      lua_rawseti(L, -3, number);
    }
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

void ar_lfd_open(lua_State *L, ar_lfd *d, ar_lrun *run, int fd, bool owned) {
  ar_err err = ar_fd_new(run->run.sched.loop, fd, owned, &d->fd);
  if (err != 0)
    ar_raise_oserror(L, err, "cannot watch a descriptor");
  d->run = run;
  ar_list_push(&run->loose, &d->loose.link);
  push_descriptors(L);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, fd);
  lua_pop(L, 1);
}

/* ---- closing ------------------------------------------------------------ */

bool ar_lfd_close(lua_State *L, ar_lfd *d) {
  ar_fd *fd = d->fd;
  if (fd == NULL)
    return false;
  forget(L, d);
  d->fd = NULL;
  d->run = NULL;
  ar_list_remove(&d->loose.link);
  ar_fd_close(fd);
  ar_seek_found(L);
  return true;
}

static void warn(lua_State *L, const ar_lfd *d) {
  char text[80];
  (void)snprintf(text, sizeof text,
                 "ResourceWarning: unclosed socket, descriptor %d",
                 number_of(d));
  lua_warning(L, text, 0);
}

void ar_lfd_collect(lua_State *L, ar_lfd *d) {
  if (d->fd == NULL)
    return;
  if (ar_fd_is_owned(d->fd))
    warn(L, d);
  (void)ar_lfd_close(L, d);
}

/* The run ends, and no task is left to be woken. */
static void drop(lua_State *L, ar_loose *loose) {
  ar_lfd *d = ar_container_of(loose, ar_lfd, loose);
  ar_link_init(&loose->link);
  ar_op_abandon(ar_fd_op(d->fd, AR_SIDE_READ));
  ar_op_abandon(ar_fd_op(d->fd, AR_SIDE_WRITE));
  ar_lfd_collect(L, d);
}

/* ---- use ---------------------------------------------------------------- */

bool ar_lfd_find(lua_State *L, int fd) {
  push_descriptors(L);
  lua_rawgeti(L, -1, fd);
  lua_remove(L, -2);
  return !lua_isnil(L, -1);
}

void ar_lfd_refuse(lua_State *L, const ar_lfd *d) {
  if (d->fd == NULL)
    ar_raise(L, "ClosedResourceError", "this socket is closed");
  ar_raise(L, "RuntimeError", "this socket belongs to another run");
}

AR_NORETURN void ar_raise_busy(lua_State *L, const char *action) {
  ar_push_error(L, "BusyResourceError",
                "Another task is already %s this resource", action);
  lua_pushstring(L, action);
  lua_setfield(L, -2, "action");
  (void)lua_error(L);
  AR_UNREACHABLE();
}

void ar_check_lfd_free(lua_State *L, const ar_lfd *d, ar_side side) {
  if (AR_UNLIKELY(ar_op_is_pending(ar_fd_op(d->fd, side))))
    ar_raise_busy(L, side == AR_SIDE_READ ? "reading from" : "writing to");
}

ar_op *ar_lfd_wait(lua_State *L, ar_lfd *d, ar_side side) {
  ar_err err;
  ar_check_lfd_free(L, d, side);
  err = ar_fd_wait(d->fd, side);
  if (AR_UNLIKELY(err == AR_EPERM))
    return NULL;
  if (AR_UNLIKELY(err != 0))
    ar_raise_oserror(L, err, "cannot wait for a descriptor");
  return ar_fd_op(d->fd, side);
}
