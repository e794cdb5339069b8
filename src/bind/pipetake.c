/*
 * Descriptors, Lua's files and other objects as pipes: for whoever reads or
 * writes them in a transport.
 *
 * A number is ours from then on, and becomes non-blocking. What has an owner
 * in Lua is only borrowed, and so are the standard streams, whoever has them.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "base/err.h"
#include "bind/lsock.h"
#include "bind/luax.h"
#include "bind/pipe.h"
#include "host/raise.h"

static const char *kind_of(mode_t mode) {
  return S_ISFIFO(mode)   ? "pipe"
         : S_ISSOCK(mode) ? "socket"
         : S_ISCHR(mode)  ? "device"
         : S_ISREG(mode)  ? "file"
         : S_ISDIR(mode)  ? "directory"
                          : "block device";
}

static AR_NORETURN void raise_about(lua_State *L, ar_err err, int fd) {
  ar_raise_oserror(L, err, lua_pushfstring(L, "descriptor %d", fd));
}

/* kind(what) -> "pipe", "socket", "device" (a terminal is one), "file",
 * "directory" or "block device"; nil: it has no descriptor */
int ar_pipe_kind(lua_State *L) {
  struct stat status;
  int fd;
  luaL_checkany(L, 1);
  if (!ar_to_descriptor(L, 1, &fd))
    return 0;
  if (fstat(fd, &status) != 0)
    raise_about(L, ar_err_from_errno(errno), fd);
  lua_pushstring(L, kind_of(status.st_mode));
  return 1;
}

static ar_err own(int fd, int flags, ar_endpoint *out) {
  if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
    return ar_err_from_errno(errno);
  *out = ar_endpoint_own(fd);
  return 0;
}

/* The end for writing is not for reading, though it could be opened anew for
 * that: what is read there would be lost to who reads the pipe. */
static ar_err take(int fd, bool writes, bool owned, ar_endpoint *out) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0)
    return ar_err_from_errno(errno);
  if ((flags & O_ACCMODE) == (writes ? O_RDONLY : O_WRONLY))
    return AR_EBADF;
  return owned ? own(fd, flags, out) : ar_endpoint_borrow(fd, writes, out);
}

/* take(what, writes) -> Pipe; what a file of Lua's has read ahead, if anything.
 * What it has not written out is written out. */
int ar_pipe_take(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  bool writes = lua_toboolean(L, 2), owned = lua_type(L, 1) == LUA_TNUMBER;
  luaL_Stream *stream = luaL_testudata(L, 1, LUA_FILEHANDLE);
  FILE *file = stream != NULL ? stream->f : NULL;
  ar_endpoint at = ar_endpoint_own(-1);
  ar_pipe *p;
  ar_err err;
  int fd = -1;
  (void)ar_to_descriptor(L, 1, &fd); /* raises for a closed file */
  if (owned && fd >= 0 && fd <= 2) {
    file = fd == 0 ? stdin : fd == 1 ? stdout : stderr;
    owned = false;
  }
  p = ar_pipe_push(L);
  if (file != NULL && writes)
    (void)fflush(file);
  err = take(fd, writes, owned, &at);
  if (err == 0)
    err = ar_pipe_open(p, run, at);
  if (err != 0)
    raise_about(L, err, fd);
  if (file != NULL && !writes && ar_pipe_push_ahead(L, file, SIZE_MAX))
    return 2;
  return 1;
}

/* watched(pipe) -> the descriptor to be waited for; nil: it is always ready */
int ar_pipe_watched(lua_State *L) {
  const ar_pipe *p = ar_check_pipe(L, 1);
  if (p->at.watched < 0)
    return 0;
  lua_pushinteger(L, p->at.watched);
  return 1;
}

/* is_broken(pipe) -> is the other side gone? */
int ar_pipe_is_broken(lua_State *L) {
  struct pollfd one = {ar_check_pipe(L, 1)->at.fd, 0, 0};
  lua_pushboolean(L, poll(&one, 1, 0) > 0 &&
                         (one.revents & (POLLERR | POLLHUP)) != 0);
  return 1;
}
