/*
 * io.popen, and how what it gives is closed.
 *
 * The program is started by us, so that its end can be waited for by a task.
 * The file is one of Lua's io library as any other, with our function to close
 * it; that waits as stock Lua's does, wherever no task can be suspended.
 */

#define _GNU_SOURCE /* pipe2 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/child.h"
#include "bind/stocklib.h"
#include "host/embed.h"
#include "io/spawn.h"

typedef struct {
  luaL_Stream stream; /* first */
  pid_t pid;
  int pidfd; /* owned; -1: none */
} program;

/* ---- starting ----------------------------------------------------------- */

static ar_err start(program *p, const char *command, bool writes, int theirs) {
  char name[] = "sh", option[] = "-c";
  char *argv[] = {name, option, (char *)(uintptr_t)command, NULL};
  ar_spawn_spec spec = {.file = "/bin/sh",
                        .argv = argv,
                        .envp = environ,
                        .stdio = {0, 1, 2},
                        .terminal = -1,
                        .umask = -1};
  ar_spawn_stage stage;
  spec.stdio[writes ? 0 : 1] = theirs;
  return ar_spawn(&spec, &p->pid, &p->pidfd, &stage);
}

static int close_program(lua_State *L);

/* The program with a pipe to it, or from it. */
static ar_err open_program(program *p, const char *command, bool writes) {
  int fds[2], ours = writes ? 1 : 0;
  ar_err err;
  if (pipe2(fds, O_CLOEXEC) != 0)
    return ar_err_from_errno(errno);
  p->stream.f = fdopen(fds[ours], writes ? "w" : "r");
  err = p->stream.f != NULL ? start(p, command, writes, fds[1 - ours])
                            : ar_err_from_errno(errno);
  (void)close(fds[1 - ours]);
  if (err == 0)
    p->stream.closef = close_program;
  else if (p->stream.f != NULL)
    (void)fclose(p->stream.f);
  else
    (void)close(fds[ours]);
  return err;
}

/* ---- closing ------------------------------------------------------------ */

/* Wait for its end, which nobody else does: a status as waitpid's; -1: it
 * cannot be had. *over: it has ended, which with WNOHANG it may not have. */
static int wait_for_end(program *p, int flags, bool *over) {
  int status = 0;
  pid_t got;
  do
    got = waitpid(p->pid, &status, flags);
  while (got < 0 && errno == EINTR);
  *over = got != 0;
  if (*over && p->pidfd >= 0) {
    (void)close(p->pidfd);
    p->pidfd = -1;
  }
  return got < 0 ? -1 : status;
}

/* As stock Lua does it: the file at 1, which counts as closed. */
static int close_program(lua_State *L) {
  program *p = lua_touserdata(L, 1);
  int failure = fclose(p->stream.f) == 0 ? 0 : errno;
  bool over;
  int status = wait_for_end(p, 0, &over);
  int number = status < 0 ? errno : 0;
  if (status == 0 && failure != 0) {
    status = -1;
    number = failure;
  }
  errno = number;
  return luaL_execresult(L, status);
}

/* The program of the file at idx, if it has one and is open. */
static program *to_program(lua_State *L, int idx) {
  luaL_Stream *s = ar_to_stream(L, idx);
  return s != NULL && s->closef == close_program ? (program *)s : NULL;
}

/* Close the file; with `drops` what was not yet written is lost. */
static void close_stream(program *p, bool drops) {
  if (drops) /* the pipe is ours alone: nobody else notices */
    (void)fcntl(fileno(p->stream.f), F_SETFL, O_NONBLOCK);
  p->stream.closef = NULL;
  (void)fclose(p->stream.f);
}

/* shut(file, drops) -> Child, or how it has ended: its exit status, or the
 * signal it died of, negated. With `drops` nobody wants what was not yet
 * written. */
int ar_stock_shut(lua_State *L) {
  program *p = to_program(L, 1);
  bool over;
  int status;
  if (p == NULL && lua_toboolean(L, 2))
    return lua_pushinteger(L, 0), 1;
  if (p == NULL)
    return luaL_error(L, "attempt to use a closed file");
  ar_gate_close(L, ar_stock_shared(L), 1);
  close_stream(p, lua_toboolean(L, 2));
  status = wait_for_end(p, WNOHANG, &over);
  if (!over) {
    int pidfd = p->pidfd;
    p->pidfd = -1;
    if (ar_child_push(L, p->pid, pidfd))
      return 1;
    status = wait_for_end(p, 0, &over); /* as stock Lua does */
  }
  if (WIFSIGNALED(status))
    lua_pushinteger(L, -WTERMSIG(status));
  else
    lua_pushinteger(L, status < 0 ? 0 : WEXITSTATUS(status));
  return 1;
}

/* [-n, +all] The Lua half, with the file and n - 1 values more. */
static int call_lua(lua_State *L, const char *name) {
  ar_embed_require(L, "anyrun.process.stock");
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
  lua_insert(L, 1);
  return ar_callk_all(L, lua_gettop(L) - 1);
}

static int close_file(lua_State *L) {
  if (to_program(L, 1) != NULL && ar_coro_is_suspendable(L)) {
    lua_settop(L, 1);
    return call_lua(L, "close");
  }
  if (ar_to_stream(L, 1) != NULL)
    ar_gate_close(L, ar_stock_shared(L), 1);
  return ar_stock_call(L);
}

int ar_stock_file_close(lua_State *L) {
  return close_file(L);
}

int ar_stock_io_close(lua_State *L) {
  if (lua_isnone(L, 1))
    lua_getfield(L, LUA_REGISTRYINDEX, AR_STOCK_OUTPUT);
  return close_file(L);
}

/* The block of a variable is left, perhaps by an error. */
int ar_stock_file_leave(lua_State *L) {
  if (to_program(L, 1) == NULL || !ar_coro_is_suspendable(L))
    return close_file(L);
  lua_settop(L, 2);
  return call_lua(L, "leave");
}

/* ---- programs that nobody has ------------------------------------------- */

typedef struct {
  ar_link link;
  pid_t pid;
} left_one;

static bool reap(pid_t pid, int flags) {
  pid_t got;
  do
    got = waitpid(pid, NULL, flags);
  while (got < 0 && errno == EINTR);
  return got != 0;
}

static void reap_left(ar_stock *s, int flags) {
  ar_link *link = ar_list_first(&s->left);
  while (link != NULL) {
    left_one *one = ar_container_of(link, left_one, link);
    link = ar_list_next(&s->left, link);
    if (reap(one->pid, flags)) {
      ar_list_remove(&one->link);
      ar_mem_free(one, sizeof *one);
    }
  }
}

/* The Lua state goes. Stock Lua waits for the programs then; a process that
 * dies of a signal does not stay for them. */
int ar_stock_gc(lua_State *L) {
  ar_stock *s = lua_touserdata(L, 1);
  ar_link *link;
  if (ar_list_is_empty(&s->left)) /* also where there is no host yet */
    return 0;
  reap_left(s, ar_host_signal(L) != 0 ? WNOHANG : 0);
  while ((link = ar_list_pop(&s->left)) != NULL)
    ar_mem_free(ar_container_of(link, left_one, link), sizeof(left_one));
  return 0;
}

static void leave_one(ar_stock *s, pid_t pid) {
  left_one *one = ar_mem_alloc(sizeof *one);
  if (one == NULL) {
    (void)reap(pid, 0);
    return;
  }
  ar_link_init(&one->link);
  one->pid = pid;
  ar_list_push(&s->left, &one->link);
}

/* Nobody has it any more: a collection does not wait for its end, which is
 * heard of later. */
int ar_stock_file_collect(lua_State *L) {
  program *p = to_program(L, 1);
  bool over;
  if (p == NULL)
    return ar_stock_call(L);
  close_stream(p, ar_host_signal(L) != 0);
  (void)wait_for_end(p, WNOHANG, &over);
  if (!over) {
    int pidfd = p->pidfd;
    p->pidfd = -1;
    if (ar_host_of(L)->run == NULL && pidfd >= 0)
      (void)close(pidfd);
    if (ar_host_of(L)->run == NULL || !ar_child_push(L, p->pid, pidfd))
      leave_one(ar_stock_shared(L), p->pid);
  }
  return 0;
}

int ar_stock_popen(lua_State *L) {
  const char *command = luaL_checkstring(L, 1);
  const char *mode = luaL_optstring(L, 2, "r");
  program *p = lua_newuserdatauv(L, sizeof *p, 0);
  ar_err err;
  p->stream.closef = NULL;
  luaL_setmetatable(L, LUA_FILEHANDLE);
  luaL_argcheck(L, (*mode == 'r' || *mode == 'w') && mode[1] == '\0', 2,
                "invalid mode");
  reap_left(ar_stock_shared(L), WNOHANG);
  (void)fflush(NULL);
  err = open_program(p, command, *mode == 'w');
  if (err == 0)
    return 1;
  errno = -err;
  return luaL_fileresult(L, 0, command);
}
