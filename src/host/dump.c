/*
 * What can be said of tasks.
 *
 * Nothing here is prepared in advance but the line a task was spawned at:
 * names and places are read off functions and stacks when somebody asks.
 */

#include "host/dump.h"

#include <lauxlib.h>
#include <string.h>

#include "host/embed.h"
#include "host/lrun.h"
#include "host/traceback.h"

void ar_dump_push_name(lua_State *L, int idx) {
  idx = lua_absindex(L, idx);
  if (ar_coro_get_extra(L, idx, "name") != LUA_TNIL)
    return;
  lua_pop(L, 1);
  ar_embed_require(L, "anyrun.names");
  lua_getiuservalue(L, idx, AR_UV_BODY);
  lua_call(L, 1, 1);
  lua_pushvalue(L, -1);
  ar_coro_set_extra(L, idx, "name");
}

void ar_dump_push_where(lua_State *L, ar_coro *c) {
  const ar_frame *f = ar_frame_of(&c->task);
  lua_State *co;
  lua_Debug ar;
  if (f == NULL || c->task.state != AR_TASK_PARKED) {
    lua_pushnil(L);
    return;
  }
  co = f->inner != NULL ? f->inner : f->L;
  for (int level = 0; lua_getstack(co, level, &ar); level++) {
    lua_getinfo(co, "Sl", &ar);
    if (ar.currentline > 0 && ar.source[0] != '\0' &&
        strncmp(ar.source, "@anyrun:", 8) != 0) {
      lua_pushfstring(L, "%s:%d", ar.short_src, ar.currentline);
      return;
    }
  }
  lua_pushnil(L);
}

void ar_lrun_note_task(lua_State *L, ar_coro *c, int self, int idx) {
  ar_lrun *run = ar_lrun_of(c);
  idx = lua_absindex(L, idx);
  if (&c->task == run->run.sched.main)
    return;
  ar_dump_push_name(L, self);
  if (c->spawn_line > 0 &&
      lua_getiuservalue(L, self, AR_UV_SPAWNER) == LUA_TFUNCTION) {
    lua_Debug ar;
    lua_getinfo(L, ">S", &ar);
    lua_pushfstring(L, "in task '%s', started at %s:%d", lua_tostring(L, -1),
                    ar.short_src, c->spawn_line);
  } else {
    lua_pushfstring(L, "in task '%s'", lua_tostring(L, -1));
  }
  lua_remove(L, -2);
  ar_traceback_note(L, idx);
}

/* [-0, +1] What a task in a lot waits for, if that can show itself (a lock
 * says who has it): the object stands first on the stack of who waits. */
static void push_waited(lua_State *L, ar_coro *c) {
  const ar_frame *f = ar_frame_of(&c->task);
  lua_State *in = f != NULL ? f->inner : NULL;
  if (in != NULL && f->place.lot != NULL && lua_checkstack(in, 2) &&
      lua_isuserdata(in, 1)) {
    if (luaL_getmetafield(in, 1, "__tostring") != LUA_TNIL) {
      lua_pop(in, 1);
      lua_pushvalue(in, 1);
      lua_xmove(in, L, 1);
      return;
    }
  }
  lua_pushnil(L);
}

static void set_stack(lua_State *L, lua_State *co, const char *field) {
  if (!lua_checkstack(co, 1))
    return;
  (void)lua_pushthread(co);
  lua_xmove(co, L, 1);
  lua_setfield(L, -2, field);
}

/* [-0, +0] The stacks of a task, for who looks for what it holds: fields of
 * the table on top. */
static void set_stacks(lua_State *L, ar_coro *c) {
  const ar_frame *f = ar_frame_of(&c->task);
  if (f == NULL)
    return;
  set_stack(L, f->L, "stack");
  if (f->inner != NULL && f->inner != f->L)
    set_stack(L, f->inner, "inner_stack");
}

void ar_dump_push_deadlock(lua_State *L, ar_lrun *run) {
  ar_sched *s = &run->run.sched;
  lua_Integer n = 0;
  ar_link *link;
  luaL_checkstack(L, 16, NULL);
  lua_newtable(L);
  for (link = ar_list_first(&s->living); link != NULL;
       link = ar_list_next(&s->living, link)) {
    ar_coro *c = ar_coro_of(ar_container_of(link, ar_task, in_living));
    lua_createtable(L, 0, 6);
    ar_coro_push(L, c);
    ar_dump_push_name(L, -1);
    lua_setfield(L, -3, "name");
    if (ar_coro_get_extra(L, -1, "wait_object") == LUA_TNIL) {
      lua_pop(L, 1);
      push_waited(L, c);
    }
    lua_setfield(L, -3, "object");
    lua_pop(L, 1);
    lua_pushstring(L, c->task.kit->wait.kind);
    lua_setfield(L, -2, "waits_for");
    ar_dump_push_where(L, c);
    lua_setfield(L, -2, "where");
    set_stacks(L, c);
    lua_rawseti(L, -2, ++n);
  }
  ar_embed_require(L, "anyrun.deadlock");
  lua_insert(L, -2);
  lua_call(L, 1, 1);
}
