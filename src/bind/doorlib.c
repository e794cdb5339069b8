/*
 * The door of a run: where other threads bring calls.
 *
 * Made when the run first has to do with threads; closed when the run closes.
 * A call that arrives is handed to the handler of the run, a function, as a
 * callback of the loop.
 */

#include "bind/calls.h"

#include <string.h>

#include "bind/item.h"
#include "host/lrun.h"
#include "host/marshal.h"
#include "host/raise.h"

/* What keeps a run's door: a userdata among the run's variables. */
typedef struct {
  ar_loose loose;
  ar_door *door; /* counted; NULL: closed */
} keeper;

static const char key_keeper[] = "door of the run";
static const char key_handler[] = "handler of the run's door";

ar_door *ar_check_door(lua_State *L, int idx) {
  const ar_shared_box *b = luaL_checkudata(L, idx, ar_door_class.name);
  return (ar_door *)(void *)b->shared;
}

/* [-0, +1] The variables of the run. */
static void push_vars(lua_State *L, ar_lrun *run) {
  ar_lrun_push(L, run);
  lua_getiuservalue(L, -1, AR_RUN_VARS);
  lua_remove(L, -2);
}

/* ---- what arrives ------------------------------------------------------- */

/* stack: run. The handler is called soon. */
static int schedule_handler(lua_State *L) {
  ar_lrun *run = lua_touserdata(L, 1);
  push_vars(L, run);
  lua_rawgetp(L, 2, key_handler);
  (void)ar_item_soon(L, run, 3, 0, 0);
  return 0;
}

static bool announce(ar_door *door) {
  ar_lrun *run = door->run;
  lua_State *L = ar_host_stack(run->host);
  if (!lua_checkstack(L, 8))
    return false;
  lua_pushcfunction(L, schedule_handler);
  lua_pushlightuserdata(L, run);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK)
    return true;
  lua_pop(L, 1);
  return false;
}

/* door:take() -> an Ask, in the order of arrival */
static int door_take(lua_State *L) {
  ar_door *door = ar_check_door(L, 1);
  ar_call *call = ar_door_take_call(door);
  door->announced = false; /* until has_more says that somebody comes again */
  if (call == NULL)
    return 0;
  ar_ask_push_taken(L, call);
  return 1;
}

/* door:has_more() -> have others arrived? If not, the next is announced */
static int door_has_more(lua_State *L) {
  ar_door *door = ar_check_door(L, 1);
  door->announced = !ar_list_is_empty(&door->arrived);
  lua_pushboolean(L, door->announced);
  return 1;
}

/* stack: run, call. What is to be done at its end is done soon. */
static int schedule_hook(lua_State *L) {
  ar_lrun *run = lua_touserdata(L, 1);
  const ar_call *call = lua_touserdata(L, 2);
  push_vars(L, run);
  if (lua_rawgetp(L, 3, call) != LUA_TFUNCTION)
    return 0;
  (void)ar_item_soon(L, run, 4, 0, 0);
  lua_pushnil(L);
  lua_rawsetp(L, 3, call);
  return 0;
}

void ar_call_expect(ar_call *call, bool expected) {
  ar_lrun *run = call->door != NULL ? call->door->run : NULL;
  expected = expected && !call->asking;
  if (run == NULL || expected == call->expected)
    return;
  call->expected = expected;
  ar_loop_expect(run->run.loop, expected ? 1 : -1);
  if (expected && call->home != NULL)
    ar_mailbox_asked(call->home);
}

void ar_call_end_hook(ar_call *call) {
  ar_lrun *run = call->door != NULL ? call->door->run : NULL;
  lua_State *L;
  if (run == NULL)
    return;
  ar_call_expect(call, false);
  call->left = false;
  L = ar_host_stack(run->host);
  if (!call->hooked || !lua_checkstack(L, 8))
    return;
  call->hooked = false;
  lua_pushcfunction(L, schedule_hook);
  lua_pushlightuserdata(L, run);
  lua_pushlightuserdata(L, call);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK)
    lua_pop(L, 1); /* no memory: it is not told */
}

/* call:at_end(f): once it is over, after it was left */
int ar_thread_at_end(lua_State *L) {
  ar_call *call = ar_check_call(L, 1);
  ar_lrun *run = call->door != NULL ? call->door->run : NULL;
  lua_settop(L, 2);
  if (run == NULL)
    return 0;
  /* The task was cancelled, and before its next step the loop heard of the
   * end: there was nothing to be done yet, and nobody will tell again. */
  if (!call->left && ar_call_state_is_final(ar_call_state_of(call))) {
    (void)ar_item_soon(L, run, 2, 0, 0);
    return 0;
  }
  push_vars(L, run);
  lua_pushvalue(L, 2);
  lua_rawsetp(L, -2, call);
  call->hooked = true;
  return 0;
}

/* ---- keeping ------------------------------------------------------------ */

static void close_door(keeper *k) {
  ar_lrun *run;
  if (k->door == NULL)
    return;
  run = k->door->run;
  if (run != NULL) /* else there was no memory for making it known */
    run->run.door = NULL;
  ar_door_close(k->door);
  ar_door_drop(k->door);
  k->door = NULL;
}

static void drop(lua_State *L, ar_loose *loose) {
  keeper *k = ar_container_of(loose, keeper, loose);
  const ar_lrun *run = k->door->run;
  ar_link_init(&loose->link);
  /* asyncio's idle threads end with the loop; trio's stay for the next. */
  if (run->run.sched.policy->counts)
    ar_workers_dismiss(L);
  close_door(k);
}

/* The run was collected while it was open. */
static int keeper_gc(lua_State *L) {
  keeper *k = lua_touserdata(L, 1);
  ar_list_remove(&k->loose.link);
  close_door(k);
  return 0;
}

/* [-0, +1] stack: ..., vars */
static ar_door *new_keeper(lua_State *L, ar_lrun *run) {
  keeper *k = lua_newuserdatauv(L, sizeof *k, 0);
  ar_mailbox *mailbox;
  ar_door *door;
  ar_err err;
  memset(k, 0, sizeof *k);
  ar_link_init(&k->loose.link);
  k->loose.drop = drop;
  if (luaL_newmetatable(L, "DoorKeeper")) {
    lua_pushcfunction(L, keeper_gc);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  err = ar_mailbox_of(run->run.loop, &mailbox);
  if (err != 0)
    ar_raise_oserror(L, err, "thread");
  door = ar_door_new(mailbox, run->run.backend->name);
  if (door == NULL) {
    luaL_error(L, "not enough memory");
    AR_UNREACHABLE();
  }
  k->door = door;
  lua_pushvalue(L, -1);
  lua_rawsetp(L, -3, key_keeper);
  door->run = run;
  door->announce = announce;
  run->run.door = door;
  if (run->run.sealed)
    ar_door_seal(door);
  ar_list_push(&run->loose, &k->loose.link);
  return door;
}

ar_door *ar_door_of(lua_State *L, ar_lrun *run) {
  int top = lua_gettop(L);
  ar_door *door;
  push_vars(L, run);
  if (lua_rawgetp(L, -1, key_keeper) == LUA_TUSERDATA) {
    door = ((const keeper *)lua_touserdata(L, -1))->door;
  } else {
    lua_pop(L, 1);
    door = new_keeper(L, run);
  }
  lua_settop(L, top);
  return door;
}

/* door([handler]) -> the door of the current run */
int ar_thread_door(lua_State *L) {
  ar_lrun *run = ar_check_run(L);
  lua_settop(L, 1);
  if (lua_isfunction(L, 1)) {
    push_vars(L, run);
    lua_pushvalue(L, 1);
    lua_rawsetp(L, -2, key_handler);
  }
  ar_shared_push(L, &ar_door_of(L, run)->shared);
  return 1;
}

/* ---- methods ------------------------------------------------------------ */

static int door_backend(lua_State *L) {
  lua_pushstring(L, ar_check_door(L, 1)->backend);
  return 1;
}

/* door:is_here() -> is it that of the run this thread is in? */
static int door_is_here(lua_State *L) {
  const ar_door *door = ar_check_door(L, 1);
  ar_lrun *run = ar_host_of(L)->run;
  bool here = false;
  if (run != NULL) {
    push_vars(L, run);
    if (lua_rawgetp(L, -1, key_keeper) == LUA_TUSERDATA)
      here = ((const keeper *)lua_touserdata(L, -1))->door == door;
    lua_pop(L, 2);
  }
  lua_pushboolean(L, here);
  return 1;
}

/* door:is_open() -> is anybody let in yet? */
static int door_is_open(lua_State *L) {
  lua_pushboolean(L, ar_door_is_open(ar_check_door(L, 1)));
  return 1;
}

/* door:expect(n): by how much more somebody may come whom nobody knows of:
 * the run is never stuck while somebody may. */
static int door_expect(lua_State *L) {
  lua_Integer by = luaL_checkinteger(L, 2);
  ar_lrun *run = ar_host_of(L)->run;
  (void)ar_check_door(L, 1);
  if (run != NULL)
    ar_loop_expect(run->run.loop, (int)by);
  return 0;
}

static int door_eq(lua_State *L) {
  const ar_shared_box *a = luaL_testudata(L, 1, ar_door_class.name);
  const ar_shared_box *b = luaL_testudata(L, 2, ar_door_class.name);
  lua_pushboolean(L, a != NULL && b != NULL && a->shared == b->shared);
  return 1;
}

static const luaL_Reg methods[] = {
    {"backend", door_backend},   {"take", door_take},
    {"has_more", door_has_more}, {"is_here", door_is_here},
    {"is_open", door_is_open},   {"expect", door_expect},
    {"__eq", door_eq},           {NULL, NULL}};

void ar_doors_open(lua_State *L) {
  ar_shared_open(L, &ar_door_class);
  luaL_getmetatable(L, ar_door_class.name);
  luaL_setfuncs(L, methods, 0);
  lua_pop(L, 1);
}
