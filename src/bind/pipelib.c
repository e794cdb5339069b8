/*
 * Module _anyrun.pipe: one end of a pipe, or another descriptor that is read
 * or written as a stream of bytes.
 *
 * Nothing is read ahead and nothing is buffered: what a task has asked for is
 * taken from the system by that task, when it runs. So no byte is lost where
 * a wait is cancelled.
 *
 * The descriptor is in non-blocking mode. One that is not ours alone (the
 * mode is its open file's, which others may share) has no place here: see
 * stdiolib.c.
 */

#define _GNU_SOURCE /* pipe2 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "bind/await.h"
#include "bind/libs.h"
#include "bind/luax.h"
#include "bind/pipe.h"
#include "host/raise.h"

#define CHUNK 65536 /* what a pipe holds, mostly */
#define DATA 2      /* stack place of what is written */

/* ---- the descriptor ----------------------------------------------------- */

static void shut(ar_pipe *p) {
  ar_fd *fd = p->fd;
  p->fd = NULL;
  ar_list_remove(&p->loose.link);
  if (fd != NULL)
    ar_fd_close(fd); /* wakes who waits */
}

static void drop(lua_State *L, ar_loose *loose) {
  ar_pipe *p = ar_container_of(loose, ar_pipe, loose);
  (void)L;
  ar_link_init(&loose->link);
  if (p->fd != NULL) {
    ar_op_abandon(ar_fd_op(p->fd, AR_SIDE_READ));
    ar_op_abandon(ar_fd_op(p->fd, AR_SIDE_WRITE));
  }
  shut(p);
}

ar_pipe *ar_pipe_push(lua_State *L) {
  ar_pipe *p = lua_newuserdatauv(L, sizeof *p, 0);
  p->fd = NULL;
  p->run = NULL;
  p->loose.drop = drop;
  ar_link_init(&p->loose.link);
  p->busy[AR_SIDE_READ] = p->busy[AR_SIDE_WRITE] = false;
  luaL_setmetatable(L, "Pipe");
  return p;
}

ar_err ar_pipe_open(ar_pipe *p, ar_lrun *run, int fd) {
  ar_err err = ar_fd_new(run->run.sched.loop, fd, true, &p->fd);
  if (err != 0) {
    (void)close(fd);
    return err;
  }
  p->run = run;
  ar_list_push(&run->loose, &p->loose.link);
  return 0;
}

ar_pipe *ar_check_pipe(lua_State *L, int idx) {
  ar_pipe *p = luaL_checkudata(L, idx, "Pipe");
  if (p->fd == NULL)
    ar_raise(L, "ClosedResourceError", "this stream is closed");
  return p;
}

/* Open, in this run, and nobody else is at this side. */
static ar_pipe *check_side(lua_State *L, ar_side side, const ar_coro *c) {
  ar_pipe *p = ar_check_pipe(L, 1);
  if (&p->run->run.sched != c->task.sched)
    ar_raise(L, "RuntimeError", "this stream belongs to another run");
  if (p->busy[side])
    ar_raise(L, "BusyResourceError", "another task is already %s this stream",
             side == AR_SIDE_READ ? "reading from" : "writing to");
  return p;
}

static int pipe_close(lua_State *L) {
  shut(luaL_checkudata(L, 1, "Pipe"));
  return 0;
}

static int pipe_is_closed(lua_State *L) {
  const ar_pipe *p = luaL_checkudata(L, 1, "Pipe");
  lua_pushboolean(L, p->fd == NULL);
  return 1;
}

static int pipe_fileno(lua_State *L) {
  lua_pushinteger(L, ar_fd_number(ar_check_pipe(L, 1)->fd));
  return 1;
}

AR_NORETURN static void raise_broken(lua_State *L, int number) {
  ar_err err = ar_err_from_errno(number);
  ar_push_error(L, "BrokenResourceError", "%s", ar_err_text(err));
  lua_pushstring(L, ar_err_name(err));
  lua_setfield(L, -2, "code");
  lua_pushinteger(L, number);
  lua_setfield(L, -2, "errno");
  (void)lua_error(L);
  AR_UNREACHABLE();
}

static int pipe_tostring(lua_State *L) {
  const ar_pipe *p = luaL_checkudata(L, 1, "Pipe");
  if (p->fd == NULL)
    lua_pushliteral(L, "<Pipe: closed>");
  else
    lua_pushfstring(L, "<Pipe: descriptor %d>", ar_fd_number(p->fd));
  return 1;
}

/* ---- waiting ------------------------------------------------------------ */

/* After a wait for this side, however it ended: it is free, and open. */
static ar_pipe *after_wait(lua_State *L, ar_side side) {
  ar_pipe *p = lua_touserdata(L, 1);
  p->busy[side] = false;
  (void)ar_awaited(L);
  if (p->fd == NULL)
    ar_raise(L, "ClosedResourceError", "this stream was closed");
  return p;
}

static int wait_for(lua_State *L, ar_pipe *p, ar_side side, lua_KFunction k,
                    lua_KContext ctx) {
  ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  ar_err err = ar_fd_wait(p->fd, side);
  if (err != 0)
    raise_broken(L, -err);
  p->busy[side] = true;
  return ar_await(L, c, ar_fd_op(p->fd, side), AR_AWAIT_UNDOES,
                  side == AR_SIDE_READ ? "data" : "room in a pipe", k, ctx);
}

/* ---- reading ------------------------------------------------------------ */

static int readk(lua_State *L, int status, lua_KContext ctx);

static int read_once(lua_State *L, ar_pipe *p, size_t max) {
  char chunk[CHUNK];
  ssize_t got;
  do
    got = read(ar_fd_number(p->fd), chunk, max < CHUNK ? max : CHUNK);
  while (got < 0 && errno == EINTR);
  if (got > 0) {
    lua_pushlstring(L, chunk, (size_t)got);
    return 1;
  }
  if (got == 0 || errno == EIO) /* a terminal's other end is closed */
    return 0;
  if (errno != EAGAIN)
    raise_broken(L, errno);
  return wait_for(L, p, AR_SIDE_READ, readk, (lua_KContext)max);
}

static int readk(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return read_once(L, after_wait(L, AR_SIDE_READ), (size_t)ctx);
}

/* The others have run; nothing was read yet. */
static int read_begink(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_resumed(L);
  ar_pipe *p = check_side(L, AR_SIDE_READ, c);
  (void)status;
  if (ar_task_pending(&c->task) != AR_CAUSE_NONE) /* a wait undone at once */
    return wait_for(L, p, AR_SIDE_READ, readk, ctx);
  return read_once(L, p, (size_t)ctx);
}

/* read(pipe, max) -> 1 to max bytes; nothing at the end of the data */
static int pipe_read(lua_State *L) {
  ar_coro *c = ar_coro_check(L);
  lua_Integer max = luaL_checkinteger(L, 2);
  (void)check_side(L, AR_SIDE_READ, c);
  lua_settop(L, 1);
  c->cancel_points++;
  c->schedule_points++;
  ar_task_yield(&c->task);
  return ar_suspend(L, read_begink, (lua_KContext)max);
}

/* ---- writing ------------------------------------------------------------ */

/* As write(2), but a reader that is gone is an error and no signal. */
static ssize_t write_quietly(int fd, const char *data, size_t size) {
  sigset_t pipe, old, pending;
  struct timespec now = {0, 0};
  ssize_t put;
  int number;
  (void)sigemptyset(&pipe);
  (void)sigaddset(&pipe, SIGPIPE);
  (void)pthread_sigmask(SIG_BLOCK, &pipe, &old);
  do
    put = write(fd, data, size);
  while (put < 0 && errno == EINTR);
  number = errno;
  /* Ours is thread-directed, and pends by now. */
  if (put < 0 && number == EPIPE && !sigismember(&old, SIGPIPE) &&
      sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE))
    (void)sigtimedwait(&pipe, NULL, &now);
  (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
  errno = number;
  return put;
}

static int writek(lua_State *L, int status, lua_KContext ctx);

/* Write what stands at DATA from byte `from` on. */
static int write_on(lua_State *L, ar_pipe *p, size_t from) {
  size_t size;
  const char *data = lua_tolstring(L, DATA, &size);
  while (from < size) {
    ssize_t put = write_quietly(ar_fd_number(p->fd), data + from, size - from);
    if (put >= 0)
      from += (size_t)put;
    else if (errno != EAGAIN)
      raise_broken(L, errno);
    else
      return wait_for(L, p, AR_SIDE_WRITE, writek, (lua_KContext)from);
  }
  return 0;
}

static int writek(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  return write_on(L, after_wait(L, AR_SIDE_WRITE), (size_t)ctx);
}

static int write_begink(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_resumed(L);
  ar_pipe *p = check_side(L, AR_SIDE_WRITE, c);
  (void)status;
  if (ar_task_pending(&c->task) != AR_CAUSE_NONE) /* a wait undone at once */
    return wait_for(L, p, AR_SIDE_WRITE, writek, ctx);
  return write_on(L, p, 0);
}

/* write(pipe, data): all of it */
static int pipe_write(lua_State *L) {
  ar_coro *c = ar_coro_check(L);
  luaL_checktype(L, DATA, LUA_TSTRING);
  (void)check_side(L, AR_SIDE_WRITE, c);
  lua_settop(L, DATA);
  c->cancel_points++;
  c->schedule_points++;
  ar_task_yield(&c->task);
  return ar_suspend(L, write_begink, 0);
}

static int waitk(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)after_wait(L, (ar_side)ctx);
  return 0;
}

/* wait(pipe): until it can be read from */
static int pipe_wait(lua_State *L) {
  ar_coro *c = ar_coro_check(L);
  ar_pipe *p = check_side(L, AR_SIDE_READ, c);
  lua_settop(L, 1);
  return wait_for(L, p, AR_SIDE_READ, waitk, AR_SIDE_READ);
}

/* ---- making ------------------------------------------------------------- */

/* pair(ours) -> our end, theirs; `ours` is "read" or "write". Ours does not
 * block; theirs may: it is another open file. */
static int pair(lua_State *L) {
  static const char *const sides[] = {"read", "write", NULL};
  int ours = luaL_checkoption(L, 1, NULL, sides);
  ar_lrun *run = ar_check_run(L);
  ar_pipe *first = ar_pipe_push(L), *second = ar_pipe_push(L);
  int fds[2];
  ar_err err;
  if (pipe2(fds, O_CLOEXEC) != 0)
    ar_raise_oserror(L, ar_err_from_errno(errno), "cannot make a pipe");
  (void)fcntl(fds[ours], F_SETFL, O_NONBLOCK); /* cannot fail */
  err = ar_pipe_open(first, run, fds[ours]);
  if (err == 0)
    err = ar_pipe_open(second, run, fds[1 - ours]);
  else
    (void)close(fds[1 - ours]);
  if (err != 0)
    ar_raise_oserror(L, err, "cannot make a pipe");
  return 2;
}

/* null() -> the empty file, to read from and to write to */
static int null(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  ar_pipe *p = ar_pipe_push(L);
  int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  ar_err err = fd < 0 ? ar_err_from_errno(errno) : ar_pipe_open(p, run, fd);
  if (err != 0)
    ar_raise_oserror(L, err, "/dev/null");
  return 1;
}

/* file_number(file) -> the descriptor of one of Lua's files, its buffer
 * written out */
static int file_number(lua_State *L) {
  luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  if (stream->closef == NULL)
    ar_raise(L, "ValueError", "attempt to use a closed file");
  (void)fflush(stream->f);
  lua_pushinteger(L, fileno(stream->f));
  return 1;
}

static int pipe_gc(lua_State *L) {
  ar_pipe *p = luaL_checkudata(L, 1, "Pipe");
  if (p->fd != NULL)
    shut(p);
  return 0;
}

static const luaL_Reg methods[] = {{"__gc", pipe_gc},
                                   {"__tostring", pipe_tostring},
                                   {"close", pipe_close},
                                   {"fileno", pipe_fileno},
                                   {"is_closed", pipe_is_closed},
                                   {"read", pipe_read},
                                   {"wait", pipe_wait},
                                   {"write", pipe_write},
                                   {NULL, NULL}};

static const luaL_Reg functions[] = {
    {"file_number", file_number}, {"null", null}, {"pair", pair}, {NULL, NULL}};

int luaopen_anyrun_pipe(lua_State *L) {
  ar_class_open(L, "Pipe");
  luaL_getmetatable(L, "Pipe");
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
