/*
 * What a task's end means: its outcome, its group, those who await it.
 */

#ifndef ar_settle_h
#define ar_settle_h

#include "host/coro.h"
#include "sched/group.h"

typedef struct ar_lgroup ar_lgroup;

/* A group as Lua knows it: a userdata, which its body's call holds. */
struct ar_lgroup {
  ar_group group;    /* first */
  const char *magic; /* ar_magic_group */
  ar_host *host;
  ar_lgroup *outer; /* borrowed: the host's next open group outwards */
  int errors;       /* ref: list of errors; LUA_NOREF while there are none */
  int broken;       /* ref: the cancellation that broke the join; LUA_NOREF */
  uint64_t serial;  /* of the run it belongs to */
  bool nursery;     /* trio's own: spelled and raised as trio does */
  bool strict;      /* one error makes a group, too */
  bool breaks;      /* a cancellation may (still) end the join's wait */
};

extern const char ar_magic_group[];

/* The group at idx, else NULL. A userdata of this size with this address in
 * this place is one: the test that is quick. */
static inline ar_lgroup *ar_lgroup_test(lua_State *L, int idx) {
  ar_lgroup *g = lua_touserdata(L, idx);
  if (AR_LIKELY(g != NULL && lua_rawlen(L, idx) == sizeof *g &&
                g->magic == ar_magic_group))
    return g;
  return NULL;
}

static inline ar_lgroup *ar_lgroup_of(ar_group *g) {
  return ar_container_of(g, ar_lgroup, group);
}

/* [-0, +0] The group at idx is entered by its host: it is anchored, and the
 * host's innermost. */
void ar_lgroup_open(lua_State *L, ar_lgroup *g, int idx);

/* [-0, +0] ... and left. */
void ar_lgroup_close(lua_State *L, ar_lgroup *g);

/* Coroutine `co` of the running task was closed: the scopes and groups that
 * it was inside of are left. */
void ar_coro_closed(lua_State *L, const lua_State *co);

/* The task ends: its results, nres of them, or its error (c->failed) are on
 * top of L, and are popped. Never raises but for lack of memory. */
void ar_settle(lua_State *L, ar_coro *c, int nres);

/* [-1, +0] The error on top joins those of the group. */
void ar_lgroup_collect(lua_State *L, ar_lgroup *g);

/* The error at idx ends the group: its scope is cancelled, and says why. */
void ar_lgroup_fail(lua_State *L, ar_lgroup *g, ar_coro *by, int idx);

/* [-0, +0] Control-C ends the group. */
void ar_lgroup_interrupt(lua_State *L, ar_lgroup *g);

#endif
