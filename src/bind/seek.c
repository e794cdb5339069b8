/*
 * Waiting for a descriptor when the system has none to give.
 */

#include "bind/seek.h"

#include <lauxlib.h>

#include "base/err.h"
#include "host/raise.h"

/* How long at most. */
#define PATIENCE ((ar_time)100 * 1000 * 1000)

/* In the registry: the list of all who wait. */
static const char key_seekers[] = "tasks that wait for descriptors";

typedef struct {
  ar_link link; /* in no list: its task was woken */
  ar_deadline due;
  ar_task *task; /* borrowed: it has this on its stack while it waits */
} seeker;

/* Out of list and heap: its wait is over. */
static void withdraw(seeker *s) {
  ar_list_remove(&s->link);
  if (ar_deadline_is_set(&s->due))
    ar_deadline_unset(s->task->sched, &s->due);
}

static void on_due(ar_deadline *due) {
  seeker *s = ar_container_of(due, seeker, due);
  withdraw(s);
  ar_task_wake(s->task, 0);
}

static ar_abort undo(ar_task *t, ar_cause cause) {
  (void)cause;
  withdraw((seeker *)(uintptr_t)t->kit->wait.object);
  return AR_ABORTED;
}

static ar_list *check_seekers(lua_State *L) {
  ar_list *all;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, key_seekers) != LUA_TUSERDATA) {
    all = lua_newuserdatauv(L, sizeof *all, 0);
    ar_list_init(all);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, key_seekers);
    lua_remove(L, -2);
  }
  all = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return all;
}

void ar_seek_prepare(lua_State *L, ar_coro *c) {
  ar_sched *sched = c->task.sched;
  ar_list *all = check_seekers(L);
  seeker *s = lua_newuserdatauv(L, sizeof *s, 0);
  ar_err err;
  ar_link_init(&s->link);
  ar_deadline_init(&s->due, on_due);
  s->task = &c->task;
  err = ar_deadline_set(sched, &s->due,
                        ar_time_add(ar_sched_now(sched), PATIENCE));
  if (err != 0)
    ar_raise_oserror(L, err, "cannot wait for a descriptor");
  ar_list_push(all, &s->link);
}

int ar_seek(lua_State *L, ar_coro *c, lua_KFunction k, lua_KContext ctx) {
  seeker *s = lua_touserdata(L, -1);
  c->cancel_points++;
  c->schedule_points++;
  ar_task_park(&c->task, "a descriptor to be free", s, undo);
  return ar_suspend(L, k, ctx);
}

void ar_seek_found(lua_State *L) {
  if (AR_UNLIKELY(lua_rawgetp(L, LUA_REGISTRYINDEX, key_seekers) ==
                  LUA_TUSERDATA)) {
    ar_list *all = lua_touserdata(L, -1);
    for (ar_link *link = ar_list_first(all); link != NULL;
         link = ar_list_first(all)) {
      seeker *s = ar_container_of(link, seeker, link);
      withdraw(s);
      ar_task_wake(s->task, 0);
    }
  }
  lua_pop(L, 1);
}
