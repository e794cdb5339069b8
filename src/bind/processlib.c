/*
 * Module _anyrun.process: children.
 *
 * A Child is a userdata that owns an ar_child. Where it is collected, or its
 * run ends, while the child runs, the child goes on: it becomes a stray, which
 * is reaped when the loop hears of its end or, where no loop is left, when the
 * next child is started. So no zombie stays for longer.
 */

#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "bind/await.h"
#include "bind/child.h"
#include "bind/libs.h"
#include "bind/luax.h"
#include "bind/pipe.h"
#include "host/raise.h"
#include "io/procgroup.h"
#include "io/process.h"

extern char **environ;

typedef struct {
  ar_list list; /* kin: children that nobody has */
} strays;

/* A child, on the heap: it may outlive its userdata. */
typedef struct {
  ar_child *child; /* owned */
  ar_loose loose;  /* until its run ends, or it does */
  ar_link stray;   /* in the list of strays */
} kin;

static const char key_strays[] = "children that nobody has";

/* ---- strays ------------------------------------------------------------- */

static void free_kin(kin *k) {
  ar_list_remove(&k->loose.link);
  ar_list_remove(&k->stray);
  ar_child_reap(k->child);
  ar_child_free(k->child);
  ar_mem_free(k, sizeof *k);
}

static int strays_gc(lua_State *L) {
  strays *s = lua_touserdata(L, 1);
  ar_link *link;
  while ((link = ar_list_pop(&s->list)) != NULL)
    free_kin(ar_container_of(link, kin, stray));
  return 0;
}

static strays *strays_of(lua_State *L) {
  strays *s;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, key_strays) != LUA_TUSERDATA) {
    lua_pop(L, 1);
    s = lua_newuserdatauv(L, sizeof *s, 0);
    ar_list_init(&s->list);
    if (luaL_newmetatable(L, "Strays")) {
      lua_pushcfunction(L, strays_gc);
      lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key_strays);
  }
  s = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return s;
}

/* Those whose loop is gone are asked. */
static void reap_strays(strays *s) {
  ar_link *link = ar_list_first(&s->list);
  while (link != NULL) {
    kin *k = ar_container_of(link, kin, stray);
    link = ar_list_next(&s->list, link);
    if (!ar_link_is_linked(&k->loose.link) &&
        ar_child_poll(k->child) != AR_CHILD_RUNNING)
      free_kin(k);
  }
}

static void stray_ended(ar_child *c, void *arg) {
  (void)c;
  free_kin(arg);
}

static void run_ends(lua_State *L, ar_loose *loose) {
  kin *k = ar_container_of(loose, kin, loose);
  (void)L;
  ar_link_init(&loose->link);
  ar_child_on_end(k->child, NULL, NULL);
  ar_child_unwatch(k->child);
}

/* ---- arguments ---------------------------------------------------------- */

static int int_field(lua_State *L, const char *name, int otherwise) {
  int value = otherwise;
  if (lua_getfield(L, 1, name) != LUA_TNIL)
    value = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  return value;
}

/* Borrowed from the table at 1, which keeps it. */
static const char *string_field(lua_State *L, const char *name) {
  const char *value = NULL;
  if (lua_getfield(L, 1, name) == LUA_TSTRING)
    value = lua_tostring(L, -1);
  lua_pop(L, 1);
  return value;
}

static bool flag_field(lua_State *L, const char *name) {
  bool value;
  lua_getfield(L, 1, name);
  value = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return value;
}

/* [-0, +1] The strings of a list in the table at 1, for execve; a userdata
 * that must stay. NULL, and nil, where there is none. */
static char **push_strings(lua_State *L, const char *name) {
  char **strings = NULL;
  if (lua_getfield(L, 1, name) == LUA_TTABLE) {
    size_t n = lua_rawlen(L, -1);
    strings = lua_newuserdatauv(L, (n + 1) * sizeof *strings, 0);
    for (size_t i = 0; i < n; i++) {
      lua_rawgeti(L, -2, (lua_Integer)i + 1);
      strings[i] = (char *)(uintptr_t)lua_tostring(L, -1);
      lua_pop(L, 1); /* the table keeps it */
    }
    strings[n] = NULL;
    lua_remove(L, -2);
  }
  return strings;
}

/* [-0, +1] The integers of a list, likewise. */
static int *push_numbers(lua_State *L, const char *name, size_t *count) {
  int *numbers = NULL;
  *count = 0;
  if (lua_getfield(L, 1, name) == LUA_TTABLE) {
    *count = lua_rawlen(L, -1);
    numbers = lua_newuserdatauv(L, (*count + 1) * sizeof *numbers, 0);
    for (size_t i = 0; i < *count; i++) {
      lua_rawgeti(L, -2, (lua_Integer)i + 1);
      numbers[i] = (int)lua_tointeger(L, -1);
      lua_pop(L, 1);
    }
    lua_remove(L, -2);
  }
  return numbers;
}

_Static_assert(sizeof(gid_t) == sizeof(int), "groups are read as numbers");

static void read_user(lua_State *L, ar_spawn_spec *s) {
  int uid = int_field(L, "uid", -1), gid = int_field(L, "gid", -1);
  s->has_uid = uid >= 0;
  s->uid = (uid_t)uid;
  s->has_gid = gid >= 0;
  s->gid = (gid_t)gid;
}

/* [-0, +4] What the table at 1 says; values on the stack keep it. */
static void read_spec(lua_State *L, ar_spawn_spec *s) {
  memset(s, 0, sizeof *s);
  s->file = string_field(L, "file");
  s->path = string_field(L, "path");
  s->cwd = string_field(L, "cwd");
  s->stdio[0] = int_field(L, "stdin", 0);
  s->stdio[1] = int_field(L, "stdout", 1);
  s->stdio[2] = int_field(L, "stderr", 2);
  s->session = flag_field(L, "session");
  s->group = flag_field(L, "group");
  s->leader = int_field(L, "leader", 0);
  s->terminal = int_field(L, "terminal", -1);
  s->umask = int_field(L, "umask", -1);
  s->without_pidfd = flag_field(L, "without_pidfd");
  read_user(L, s);
  s->argv = push_strings(L, "argv");
  s->envp = push_strings(L, "env");
  if (s->envp == NULL)
    s->envp = environ;
  s->pass = push_numbers(L, "pass", &s->n_pass);
  s->groups = (gid_t *)push_numbers(L, "groups", &s->n_groups);
  s->has_groups = s->groups != NULL;
}

/* [-0, +1] What failed, in words. */
static void push_stage(lua_State *L, const ar_spawn_spec *s,
                       ar_spawn_stage stage) {
  static const char *const texts[] = {"no process could be made",
                                      "its standard streams",
                                      "a descriptor of pass_fds",
                                      "start_new_session",
                                      "its process group",
                                      "extra_groups",
                                      "group",
                                      "user",
                                      "the folder",
                                      NULL};
  if (stage == AR_SPAWN_CWD)
    lua_pushfstring(L, "cannot run '%s' in folder '%s'", s->file, s->cwd);
  else if (texts[stage] == NULL)
    lua_pushfstring(L, "cannot run '%s'", s->file);
  else
    lua_pushfstring(L, "cannot run '%s': %s", s->file, texts[stage]);
}

/* ---- Child -------------------------------------------------------------- */

static kin *check_kin(lua_State *L) {
  kin **k = luaL_checkudata(L, 1, "Child");
  if (*k == NULL)
    ar_raise(L, "ValueError", "no process was started");
  return *k;
}

/* The userdata has the child, until the run ends at most. */
static void keep(ar_lrun *run, kin **self, kin *k) {
  ar_link_init(&k->stray);
  ar_link_init(&k->loose.link);
  k->loose.drop = run_ends;
  ar_list_push(&run->loose, &k->loose.link);
  *self = k;
}

/* spawn(spec) -> Child. Fields: file, argv, path, env, cwd, stdin, stdout,
 * stderr, pass, session, group, leader, terminal, umask, uid, gid, groups: as
 * in io/spawn.h, checked by the caller. What was written to our standard
 * streams goes before what the child writes to them. */
static int spawn(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  strays *s = strays_of(L);
  ar_spawn_spec spec;
  ar_spawn_stage stage = AR_SPAWN_START;
  ar_err err;
  kin **self, *k;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  reap_strays(s);
  (void)fflush(stdout);
  (void)fflush(stderr);
  self = lua_newuserdatauv(L, sizeof(kin *), 0);
  *self = NULL;
  luaL_setmetatable(L, "Child");
  read_spec(L, &spec);
  k = ar_mem_zalloc(sizeof *k);
  err = k == NULL ? AR_ENOMEM : 0;
  if (err == 0)
    err = ar_child_start(run->run.sched.loop, &spec, &k->child, &stage);
  if (err != 0) {
    ar_mem_free(k, sizeof *k);
    push_stage(L, &spec, stage);
    ar_raise_oserror(L, err, lua_tostring(L, -1));
  }
  keep(run, self, k);
  lua_settop(L, 2);
  return 1;
}

bool ar_child_push(lua_State *L, pid_t pid, int pidfd) {
  ar_lrun *run = ar_check_run(L);
  kin **self = lua_newuserdatauv(L, sizeof(kin *), 0), *k;
  *self = NULL;
  luaL_setmetatable(L, "Child");
  k = ar_mem_zalloc(sizeof *k);
  if (k == NULL && pidfd >= 0)
    (void)close(pidfd);
  if (k == NULL || ar_child_adopt(run->run.sched.loop, pid, pidfd, &k->child)) {
    ar_mem_free(k, sizeof *k);
    lua_pop(L, 1);
    return false;
  }
  keep(run, self, k);
  return true;
}

static int child_pid(lua_State *L) {
  lua_pushinteger(L, ar_child_pid(check_kin(L)->child));
  return 1;
}

/* status(child) -> exit status, or the signal it died of, negated; nil while
 * it runs */
static int child_status(lua_State *L) {
  kin *k = check_kin(L);
  if (ar_child_poll(k->child) == AR_CHILD_RUNNING)
    lua_pushnil(L);
  else
    lua_pushinteger(L, ar_child_status(k->child));
  return 1;
}

/* signal(child, signum, group): false if it is not there any more */
static int child_signal(lua_State *L) {
  kin *k = check_kin(L);
  int signum = (int)luaL_checkinteger(L, 2);
  ar_err err;
  (void)ar_child_poll(k->child);
  err = ar_child_signal(k->child, signum, lua_toboolean(L, 3));
  if (err != 0 && err != AR_ESRCH)
    ar_raise_oserror(L, err, "cannot send a signal");
  lua_pushboolean(L, err == 0);
  return 1;
}

/* reap(child): a group's number is given back */
static int child_reap(lua_State *L) {
  ar_child_reap(check_kin(L)->child);
  return 0;
}

static int waitk(lua_State *L, int status, lua_KContext ctx) {
  (void)status;
  (void)ctx;
  (void)ar_awaited(L);
  lua_settop(L, 1);
  return child_status(L);
}

/* wait(child, shielded) -> its status. */
static int child_wait(lua_State *L) {
  ar_coro *c = ar_coro_check(L);
  kin *k = check_kin(L);
  bool shielded = lua_toboolean(L, 2);
  ar_child_end *end;
  if (ar_child_poll(k->child) != AR_CHILD_RUNNING)
    return child_status(L);
  if (!ar_link_is_linked(&k->loose.link) ||
      !ar_child_is_watched_by(k->child, c->task.sched->loop))
    ar_raise(L, "RuntimeError", "this process belongs to another run");
  lua_settop(L, 1);
  end = lua_newuserdatauv(L, sizeof *end, 0);
  ar_child_end_init(end);
  ar_child_wait(k->child, end);
  return ar_await(L, c, &end->op,
                  shielded ? AR_AWAIT_SHIELDED : AR_AWAIT_UNDOES,
                  "end of a process", waitk, 0);
}

/* Nobody has it any more; the child goes on. */
static int child_gc(lua_State *L) {
  kin **self = luaL_checkudata(L, 1, "Child"), *k = *self;
  *self = NULL;
  if (k == NULL)
    return 0;
  if (ar_child_poll(k->child) != AR_CHILD_RUNNING) {
    free_kin(k);
    return 0;
  }
  ar_child_on_end(k->child, stray_ended, k);
  ar_list_push(&strays_of(L)->list, &k->stray);
  return 0;
}

static const luaL_Reg methods[] = {{"__gc", child_gc},
                                   {"pid", child_pid},
                                   {"reap", child_reap},
                                   {"signal", child_signal},
                                   {"status", child_status},
                                   {"wait", child_wait},
                                   {NULL, NULL}};

/* ---- groups ------------------------------------------------------------- */

/* group_member(number) -> the number of a process of that group that has not
 * ended, but not the group's leader; nil if there is none */
static int group_member(lua_State *L) {
  pid_t found = ar_group_member((pid_t)luaL_checkinteger(L, 1));
  if (found == 0)
    return 0;
  lua_pushinteger(L, found);
  return 1;
}

/* watch(number) -> what is ready to be read when that process has ended; nil
 * when it has, false where the system cannot tell */
static int watch(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  ar_pipe *p = ar_pipe_push(L);
  int fd;
  ar_err err = ar_pidfd_open((pid_t)luaL_checkinteger(L, 1), &fd);
  if (err == 0)
    err = ar_pipe_open(p, run, ar_endpoint_own(fd));
  if (err == AR_ESRCH)
    lua_pushnil(L);
  else if (err == AR_ENOSYS || err == AR_EPERM)
    lua_pushboolean(L, 0);
  else if (err != 0)
    ar_raise_oserror(L, err, "cannot watch a process");
  return 1;
}

/* ---- users -------------------------------------------------------------- */

#define RECORD_SIZE 16384 /* of a user or a group: some have many members */

/* user_id(name) -> number, or nil if there is no such user */
static int user_id(lua_State *L) {
  char record[RECORD_SIZE];
  struct passwd pwd, *found = NULL;
  (void)getpwnam_r(luaL_checkstring(L, 1), &pwd, record, sizeof record, &found);
  if (found == NULL)
    return 0;
  lua_pushinteger(L, (lua_Integer)found->pw_uid);
  return 1;
}

/* group_id(name) -> number, or nil if there is no such group */
static int group_id(lua_State *L) {
  char record[RECORD_SIZE];
  struct group grp, *found = NULL;
  (void)getgrnam_r(luaL_checkstring(L, 1), &grp, record, sizeof record, &found);
  if (found == NULL)
    return 0;
  lua_pushinteger(L, (lua_Integer)found->gr_gid);
  return 1;
}

static const luaL_Reg functions[] = {
    {"group_id", group_id}, {"group_member", group_member},
    {"spawn", spawn},       {"user_id", user_id},
    {"watch", watch},       {NULL, NULL}};

int luaopen_anyrun_process(lua_State *L) {
  ar_class_open(L, "Child");
  luaL_getmetatable(L, "Child");
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
