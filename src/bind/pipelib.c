/*
 * Module _anyrun.pipe: one end of a pipe, or another descriptor that is read
 * or written as a stream of bytes.
 *
 * Nothing is read ahead and nothing is buffered: what a task has asked for is
 * taken from the system by that task, when it runs. So no byte is lost where
 * a wait is cancelled.
 *
 * The standard streams are pipes, too: see io/endpoint.h for how they are read
 * and written without touching what others share. What Lua's own files have
 * read ahead of them, or not yet written out, comes first.
 */

#define _GNU_SOURCE /* pipe2 */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "bind/await.h"
#include "bind/libs.h"
#include "bind/luax.h"
#include "bind/pipe.h"
#include "host/raise.h"

#define DATA 2 /* stack place of what is written */

/* ---- the descriptor ----------------------------------------------------- */

static void shut(ar_pipe *p) {
  ar_fd *fd = p->fd;
  p->fd = NULL;
  p->run = NULL;
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
  ar_pipe *p = lua_newuserdatauv(L, sizeof *p, AR_UV_PIPE_COUNT);
  p->fd = NULL;
  p->run = NULL;
  p->buffer = NULL;
  p->kept = NULL;
  p->has_unread = false;
  p->loose.drop = drop;
  ar_link_init(&p->loose.link);
  p->busy[AR_SIDE_READ] = p->busy[AR_SIDE_WRITE] = false;
  luaL_setmetatable(L, "Pipe");
  return p;
}

ar_err ar_pipe_open(ar_pipe *p, ar_lrun *run, ar_endpoint at) {
  if (at.watched >= 0) {
    ar_err err = ar_fd_new(run->run.sched.loop, at.watched, true, &p->fd);
    if (err != 0) {
      (void)close(at.watched);
      return err;
    }
  }
  p->at = at;
  p->run = run;
  ar_list_push(&run->loose, &p->loose.link);
  return 0;
}

ar_pipe *ar_check_pipe(lua_State *L, int idx) {
  ar_pipe *p = luaL_checkudata(L, idx, "Pipe");
  if (p->run == NULL)
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
  lua_pushboolean(L, p->run == NULL);
  return 1;
}

static int pipe_fileno(lua_State *L) {
  lua_pushinteger(L, ar_check_pipe(L, 1)->at.fd);
  return 1;
}

static const char *name_of(const ar_pipe *p) {
  return p->buffer == NULL     ? "a pipe"
         : p->buffer == stdin  ? "standard input"
         : p->buffer == stdout ? "standard output"
                               : "standard error";
}

void ar_pipe_raise(lua_State *L, ar_err err) {
  const char *name = name_of(luaL_checkudata(L, 1, "Pipe"));
  ar_push_error(L, "BrokenResourceError", "%s: %s", name, ar_err_text(err));
  ar_push_oserror(L, err, name);
  lua_setfield(L, -2, "cause");
  lua_pushstring(L, ar_err_name(err));
  lua_setfield(L, -2, "code");
  lua_pushinteger(L, -err);
  lua_setfield(L, -2, "errno");
  (void)lua_error(L);
  AR_UNREACHABLE();
}

static int pipe_tostring(lua_State *L) {
  const ar_pipe *p = luaL_checkudata(L, 1, "Pipe");
  if (p->run == NULL)
    lua_pushliteral(L, "closed");
  else
    lua_pushfstring(L, "descriptor %d", p->at.fd);
  return 1;
}

/* ---- waiting ------------------------------------------------------------ */

/* After a wait for this side, however it ended: it is free, and open. */
static ar_pipe *after_wait(lua_State *L, ar_side side) {
  ar_pipe *p = lua_touserdata(L, 1);
  p->busy[side] = false;
  (void)ar_awaited(L);
  if (p->run == NULL)
    ar_raise(L, "ClosedResourceError", "this stream was closed");
  return p;
}

static int wait_for(lua_State *L, ar_pipe *p, ar_side side, lua_KFunction k,
                    lua_KContext ctx) {
  ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  ar_err err = ar_fd_wait(p->fd, side);
  if (err != 0)
    ar_pipe_raise(L, err);
  p->busy[side] = true;
  return ar_await(L, c, ar_fd_op(p->fd, side), AR_AWAIT_UNDOES,
                  side == AR_SIDE_READ ? "data" : "room in a pipe", k, ctx);
}

static int given_wayk(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  (void)ar_coro_resumed(L);
  return 0;
}

/* It was cancelled while the others ran: a wait that is undone at once. */
static int give_way(lua_State *L, ar_coro *c) {
  ar_task_park(&c->task, "checkpoint", NULL, ar_abort_simply);
  return ar_suspend(L, given_wayk, 0);
}

/* ---- reading ------------------------------------------------------------ */

static int readk(lua_State *L, int status, lua_KContext ctx);

bool ar_pipe_push_ahead(lua_State *L, FILE *file, size_t max) {
  luaL_Buffer b;
  size_t n = 0;
#ifdef __GLIBC__
  n = (size_t)(file->_IO_read_end - file->_IO_read_ptr);
#endif
  if (n == 0)
    return false;
  if (n > max)
    n = max;
  n = fread(luaL_buffinitsize(L, &b, n), 1, n, file);
  luaL_pushresultsize(&b, n);
  return true;
}

/* [-0, +1] What a cancelled read brought. */
static int push_unread(lua_State *L, ar_pipe *p, size_t max) {
  size_t size;
  const char *text;
  lua_getiuservalue(L, 1, AR_UV_UNREAD);
  text = lua_tolstring(L, -1, &size);
  p->has_unread = size > max;
  lua_pushlstring(L, text, size < max ? size : max);
  lua_pushlstring(L, text + (size < max ? size : max),
                  p->has_unread ? size - max : 0);
  lua_setiuservalue(L, 1, AR_UV_UNREAD);
  return 1;
}

static int read_once(lua_State *L, ar_pipe *p, size_t max) {
  char chunk[AR_PIPE_CHUNK];
  ssize_t got;
  if (max > AR_PIPE_CHUNK)
    max = AR_PIPE_CHUNK;
  if (p->has_unread)
    return push_unread(L, p, max);
  if (p->buffer != NULL && ar_pipe_push_ahead(L, p->buffer, max))
    return 1;
  if (p->at.way == AR_WAY_PLAIN)
    return ar_pipe_read_in_thread(L, p, max);
  got = ar_endpoint_read(&p->at, chunk, max);
  if (got > 0) {
    lua_pushlstring(L, chunk, (size_t)got);
    return 1;
  }
  if (got == 0 || got == AR_EIO) /* a terminal's other end is closed */
    return 0;
  if (got != AR_EAGAIN)
    ar_pipe_raise(L, (ar_err)got);
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
  if (ar_task_pending(&c->task) != AR_CAUSE_NONE)
    return give_way(L, c);
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

static int writek(lua_State *L, int status, lua_KContext ctx);

/* Write what stands at DATA from byte `from` on. */
static int write_on(lua_State *L, ar_pipe *p, size_t from) {
  size_t size;
  const char *data = lua_tolstring(L, DATA, &size);
  while (from < size) {
    ssize_t put = ar_endpoint_write(&p->at, data + from, size - from);
    if (put >= 0)
      from += (size_t)put;
    else if (put != AR_EAGAIN)
      ar_pipe_raise(L, (ar_err)put);
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
  (void)ctx;
  if (ar_task_pending(&c->task) != AR_CAUSE_NONE)
    return give_way(L, c);
  if (p->buffer != NULL)
    (void)fflush(p->buffer);
  return p->at.way == AR_WAY_PLAIN ? ar_pipe_write_in_thread(L, p)
                                   : write_on(L, p, 0);
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

/* wait(pipe, side="read"): until it can be read from, or "write" */
static int pipe_wait(lua_State *L) {
  static const char *const names[] = {"read", "write", NULL};
  ar_side side = (ar_side)luaL_checkoption(L, 2, "read", names);
  ar_coro *c = ar_coro_check(L);
  ar_pipe *p = check_side(L, side, c);
  lua_settop(L, 1);
  return wait_for(L, p, side, waitk, (lua_KContext)side);
}

/* ---- making ------------------------------------------------------------- */

/* pair(ours) -> our end, theirs; `ours` is "read" or "write". Ours does not
 * block; theirs may: it is another open file. "none": the end to read from and
 * the one to write to are both for others. */
static int pair(lua_State *L) {
  static const char *const sides[] = {"read", "write", "none", NULL};
  int side = luaL_checkoption(L, 1, NULL, sides), ours = side & 1;
  ar_lrun *run = ar_check_run(L);
  ar_pipe *first = ar_pipe_push(L), *second = ar_pipe_push(L);
  int fds[2];
  ar_err err;
  if (pipe2(fds, O_CLOEXEC) != 0)
    ar_raise_oserror(L, ar_err_from_errno(errno), "cannot make a pipe");
  if (side < 2)
    (void)fcntl(fds[ours], F_SETFL, O_NONBLOCK); /* cannot fail */
  err = ar_pipe_open(first, run, ar_endpoint_own(fds[ours]));
  if (err == 0)
    err = ar_pipe_open(second, run, ar_endpoint_own(fds[1 - ours]));
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
  ar_err err = fd < 0 ? ar_err_from_errno(errno)
                      : ar_pipe_open(p, run, ar_endpoint_own(fd));
  if (err != 0)
    ar_raise_oserror(L, err, "/dev/null");
  return 1;
}

/* standard(number) -> the standard stream of that number */
static int standard(lua_State *L) {
  static const char *const names[] = {"standard input", "standard output",
                                      "standard error"};
  ar_lrun *run = ar_check_run(L);
  lua_Integer fd = luaL_checkinteger(L, 1);
  ar_pipe *p;
  ar_endpoint at;
  ar_err err;
  luaL_argcheck(L, fd >= 0 && fd <= 2, 1, "0, 1 or 2 expected");
  p = ar_pipe_push(L);
  err = ar_endpoint_borrow((int)fd, fd != 0, &at);
  if (err == 0)
    err = ar_pipe_open(p, run, at);
  if (err != 0)
    ar_raise_oserror(L, err, names[fd]);
  p->buffer = fd == 0 ? stdin : fd == 1 ? stdout : stderr;
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
  if (p->run != NULL)
    shut(p);
  ar_pipe_drop_kept(p);
  return 0;
}

static const luaL_Reg methods[] = {{"__gc", pipe_gc},
                                   {"__tostring", pipe_tostring},
                                   {"close", pipe_close},
                                   {"fileno", pipe_fileno},
                                   {"is_broken", ar_pipe_is_broken},
                                   {"is_closed", pipe_is_closed},
                                   {"read", pipe_read},
                                   {"read_now", ar_pipe_read_now},
                                   {"wait", pipe_wait},
                                   {"watched", ar_pipe_watched},
                                   {"write", pipe_write},
                                   {"write_now", ar_pipe_write_now},
                                   {NULL, NULL}};

static const luaL_Reg functions[] = {{"file_number", file_number},
                                     {"kind", ar_pipe_kind},
                                     {"null", null},
                                     {"pair", pair},
                                     {"standard", standard},
                                     {"take", ar_pipe_take},
                                     {NULL, NULL}};

int luaopen_anyrun_pipe(lua_State *L) {
  ar_class_open(L, "Pipe");
  luaL_getmetatable(L, "Pipe");
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
