/*
 * Calls to other threads, as Lua has them.
 */

#include "bind/calls.h"

#include <math.h>

#include "base/err.h"
#include "bind/worker.h"
#include "host/interrupt.h"
#include "host/lrun.h"
#include "host/marshal.h"
#include "host/raise.h"
#include "loop/clock.h"

/* ---- the caller's side -------------------------------------------------- */

ar_call *ar_call_push_new(lua_State *L) {
  ar_call *call = ar_call_new();
  if (call == NULL)
    luaL_error(L, "not enough memory");
  /* Not anchored yet: pushing may fail, and then it is gone with the box. */
  ar_shared_push(L, &call->shared);
  ar_call_drop(call); /* the box has it */
  return call;
}

ar_call *ar_check_call(lua_State *L, int idx) {
  const ar_shared_box *b = luaL_checkudata(L, idx, ar_call_class.name);
  if (b->shared == NULL)
    luaL_argerror(L, idx, "the call is closed");
  return (ar_call *)(void *)b->shared;
}

/* News came to the loop of who waits. */
static void on_news(ar_call *call) {
  ar_coro *c = call->waiter;
  if (c != NULL) {
    call->waiter = NULL;
    ar_call_expect(call, false);
    ar_task_wake(&c->task, 0);
  } else if (ar_call_state_is_final(ar_call_state_of(call))) {
    ar_call_end_hook(call);
  }
}

void ar_call_at_home(lua_State *L, ar_call *call, ar_lrun *run) {
  ar_mailbox *mailbox;
  ar_err err = ar_mailbox_of(run->run.loop, &mailbox);
  if (err != 0)
    ar_raise_oserror(L, err, "thread");
  call->door = ar_door_of(L, run);
  ar_shared_take(&call->door->shared);
  call->home = ar_mailbox_ref(mailbox);
  call->on_news = on_news;
}

/* The task does not wait any longer, but goes. */
static ar_abort leave(ar_task *t) {
  ar_call *call = (ar_call *)(uintptr_t)t->kit->wait.object;
  call->waiter = NULL;
  call->left = true; /* the loop waits on: it may still wake somebody */
  ar_call_desert(call);
  return AR_ABORTED;
}

static void tell(ar_task *t) {
  ar_call *call = (ar_call *)(uintptr_t)t->kit->wait.object;
  atomic_store(&call->cancelled, true);
}

/* A scope's cancellation is told to the thread, which may look at it. */
static ar_abort abort_leaving(ar_task *t, ar_cause cause) {
  (void)cause;
  tell(t);
  return leave(t);
}

/* ... and waits, as control-C does, mostly; a native request is not held back.
 */
static ar_abort abort_staying(ar_task *t, ar_cause cause) {
  const ar_call *call = (const ar_call *)(uintptr_t)t->kit->wait.object;
  tell(t);
  if (cause == AR_CAUSE_INTERRUPT && call->interruptible)
    return leave(t);
  if (cause == AR_CAUSE_INTERRUPT)
    t->interrupted = true; /* at the next wait */
  if (cause == AR_CAUSE_NATIVE || cause == AR_CAUSE_ABANDON)
    return leave(t);
  return AR_ABORT_LATER;
}

static int push_protected(lua_State *L) {
  ar_ask_push(L, lua_touserdata(L, 1));
  return 1;
}

/* [-0, +1] The userdata of an ask that was taken from its list, with whose
 * count it goes; without memory it is refused. */
void ar_ask_push_taken(lua_State *L, ar_call *ask) {
  int status;
  lua_pushcfunction(L, push_protected);
  lua_pushlightuserdata(L, ask);
  status = lua_pcall(L, 1, 1, 0);
  if (status != LUA_OK)
    (void)ar_call_finish(ask, AR_CALL_REFUSED, NULL);
  ar_call_drop(ask);
  if (status != LUA_OK)
    (void)lua_error(L);
}

/* [-0, +1] What there is for who waits: an ask, nil where it is over; false
 * where there is nothing yet. */
static bool wait_once(lua_State *L, ar_call *call) {
  ar_call *ask = ar_call_take_ask(call);
  if (ask != NULL) {
    ar_ask_push_taken(L, ask);
    return true;
  }
  if (!ar_call_state_is_final(ar_call_state_of(call)))
    return false;
  lua_pushnil(L);
  return true;
}

static int park(lua_State *L, ar_call *call, ar_coro *c, bool leaving);

/* ctx: may it leave? stack: call */
static int waitk(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_resumed(L);
  ar_call *call = ar_check_call(L, 1);
  (void)status;
  if (wait_once(L, call))
    return 1;
  return park(L, call, c, ctx != 0);
}

static int park(lua_State *L, ar_call *call, ar_coro *c, bool leaving) {
  c->schedule_points++;
  call->waiter = c;
  ar_call_expect(call, true);
  ar_task_park(&c->task, "thread", call,
               leaving ? abort_leaving : abort_staying);
  return ar_suspend(L, waitk, leaving);
}

/* call:wait(may_leave) -> an ask to be served, or nil: it is over. Checkpoint:
 * where it has to wait. */
static int call_wait(lua_State *L) {
  ar_call *call = ar_check_call(L, 1);
  bool leaving = lua_toboolean(L, 2);
  ar_coro *c;
  lua_settop(L, 1);
  call->server = ar_host_running(ar_host_of(L));
  if (wait_once(L, call))
    return 1;
  c = ar_coro_check(L);
  c->cancel_points++;
  return park(L, call, c, leaving);
}

/* "refused", and the text and the name of the error it failed by. */
static int push_refused(lua_State *L, const ar_call *call) {
  lua_pushliteral(L, "refused");
  if (call->failure == 0)
    return 1;
  lua_pushstring(L, ar_err_text(call->failure));
  lua_pushstring(L, ar_err_name(call->failure));
  return 3;
}

/* call:results() -> status, ...: true and what was returned; false, the error
 * and its traceback; or why there is nothing of either kind. */
static int call_results(lua_State *L) {
  ar_call *call = ar_check_call(L, 1);
  switch (ar_call_state_of(call)) {
    case AR_CALL_WAITING:
    case AR_CALL_RUNNING: lua_pushliteral(L, "pending"); return 1;
    case AR_CALL_REFUSED: return push_refused(L, call);
    case AR_CALL_WITHDRAWN: lua_pushliteral(L, "withdrawn"); return 1;
    case AR_CALL_ANSWERED: break;
  }
  if (call->answer != NULL) /* it stays as it is from now on */
    return ar_unmarshal(L, call->answer, true);
  lua_pushliteral(L, "broken");
  lua_pushliteral(L, "not enough memory");
  return 2;
}

/* The thread of a run blocks until the call that it brought to the door at idx
 * is over, or begun: its own door then, to be unblocked; NULL: there is none
 * where others could wait. */
static ar_door *block(lua_State *L, ar_call *call, int idx, bool until_begun) {
  const ar_lrun *run = ar_host_of(L)->run;
  ar_door *door = run != NULL ? run->run.door : NULL;
  if (door == NULL || lua_isnoneornil(L, idx))
    return NULL;
  if (!ar_door_block(door, call, ar_check_door(L, idx), until_begun))
    ar_raise(L, "DeadlockError",
             "the event loops of two threads would wait for each other: each "
             "has called the other, and blocks its thread meanwhile");
  return door;
}

static void unblock(ar_door *door) {
  if (door != NULL)
    ar_door_unblock(door);
}

/* call:join([seconds [, door]]) -> is it over? Blocks the thread; with the door
 * that it was brought to, where that is for ever an error says so. */
static int call_join(lua_State *L) {
  ar_call *call = ar_check_call(L, 1);
  bool listens = ar_host_of(L)->listens, over;
  ar_time until = AR_TIME_MAX;
  ar_door *blocked = NULL;
  if (!lua_isnoneornil(L, 2)) {
    lua_Number seconds = ar_check_seconds(L, 2);
    until = ar_time_add(ar_clock_monotonic(),
                        ar_time_of_seconds(seconds > 0 ? seconds : 0));
  } else {
    blocked = block(L, call, 3, false);
  }
  over = listens ? ar_call_join_alert(call, until, ar_interrupt_flag())
                 : ar_call_join(call, until);
  unblock(blocked);
  if (listens && !over) {
    ar_interrupt_raise(L); /* or the time is over, or it is not for us */
    over = ar_call_join(call, until);
  }
  lua_pushboolean(L, over);
  return 1;
}

/* call:join_begun(door): until it has been begun. Blocks the thread, but never
 * for ever. */
static int call_join_begun(lua_State *L) {
  ar_call *call = ar_check_call(L, 1);
  ar_door *blocked = block(L, call, 2, true);
  ar_call_join_begun(call);
  unblock(blocked);
  return 0;
}

static int call_state(lua_State *L) {
  static const char *const names[] = {"waiting", "running", "answered",
                                      "refused", "withdrawn"};
  lua_pushstring(L, names[ar_call_state_of(ar_check_call(L, 1))]);
  return 1;
}

/* call:withdraw() -> was it in time? */
static int call_withdraw(lua_State *L) {
  ar_call *call = ar_check_call(L, 1);
  atomic_store(&call->cancelled, true);
  lua_pushboolean(L, ar_call_finish(call, AR_CALL_WITHDRAWN, NULL));
  return 1;
}

/* call:desert(): nobody serves its asks any more */
static int call_desert(lua_State *L) {
  ar_call_desert(ar_check_call(L, 1));
  return 0;
}

static int call_is_deserted(lua_State *L) {
  lua_pushboolean(L, ar_call_is_deserted(ar_check_call(L, 1)));
  return 1;
}

static int call_is_cancelled(lua_State *L) {
  lua_pushboolean(L, atomic_load(&ar_check_call(L, 1)->cancelled));
  return 1;
}

static int call_id(lua_State *L) {
  lua_pushlightuserdata(L, ar_check_call(L, 1));
  return 1;
}

/* call:backend() -> of the run it was made in, or nil */
static int call_backend(lua_State *L) {
  const ar_call *call = ar_check_call(L, 1);
  lua_pushstring(L, call->door != NULL ? call->door->backend : NULL);
  return 1;
}

static int call_door(lua_State *L) {
  const ar_call *call = ar_check_call(L, 1);
  if (call->door == NULL)
    return 0;
  ar_shared_push(L, &call->door->shared);
  return 1;
}

/* call:fulfil(...): answer a call that nobody was asked to answer */
static int call_fulfil(lua_State *L) {
  ar_call *call = ar_check_call(L, 1);
  ar_parcel *answer =
      ar_worker_pack_answer(L, lua_gettop(L) - 1, &ar_worker_answers);
  lua_pushboolean(L, ar_call_finish(call, AR_CALL_ANSWERED, answer));
  return 1;
}

/* call:owe() -> Ask: who has it is to answer the call */
static int call_owe(lua_State *L) {
  ar_ask_push(L, ar_check_call(L, 1));
  return 1;
}

/* call:close(): let go of it, and of its answer */
static int call_close(lua_State *L) {
  ar_shared_box *b = luaL_checkudata(L, 1, ar_call_class.name);
  ar_shared_drop(b->shared);
  b->shared = NULL;
  return 0;
}

static int call_eq(lua_State *L) {
  const ar_shared_box *a = luaL_testudata(L, 1, ar_call_class.name);
  const ar_shared_box *b = luaL_testudata(L, 2, ar_call_class.name);
  lua_pushboolean(L, a != NULL && b != NULL && a->shared == b->shared);
  return 1;
}

static const luaL_Reg call_methods[] = {{"wait", call_wait},
                                        {"results", call_results},
                                        {"join", call_join},
                                        {"join_begun", call_join_begun},
                                        {"state", call_state},
                                        {"withdraw", call_withdraw},
                                        {"desert", call_desert},
                                        {"cancelled", call_is_cancelled},
                                        {"deserted", call_is_deserted},
                                        {"id", call_id},
                                        {"backend", call_backend},
                                        {"door", call_door},
                                        {"fulfil", call_fulfil},
                                        {"owe", call_owe},
                                        {"close", call_close},
                                        {"at_end", ar_thread_at_end},
                                        {"__eq", call_eq},
                                        {NULL, NULL}};

/* ---- the other side ----------------------------------------------------- */

#define ASK "Ask"

/* Unanswered when the run ends that it came to, it is refused then: the task
 * that was to answer it may never have come to that. */
typedef struct {
  ar_loose loose;
  ar_call *call; /* counted; NULL: answered */
} ask;

/* Let go of the call. */
static void settle(ask *a) {
  ar_call *call = a->call;
  ar_call *from = call->from;
  a->call = NULL;
  ar_list_remove(&a->loose.link);
  if (from != NULL) { /* its thread goes on, whoever waits for that */
    from->asking = false;
    ar_call_expect(from, from->waiter != NULL || from->left);
  }
  ar_call_drop(call);
}

static void refuse(ask *a) {
  if (a->call == NULL)
    return;
  (void)ar_call_finish(a->call, AR_CALL_REFUSED, NULL);
  settle(a);
}

static void drop_ask(lua_State *L, ar_loose *loose) {
  (void)L;
  refuse(ar_container_of(loose, ask, loose));
}

void ar_ask_push(lua_State *L, ar_call *call) {
  ask *a = lua_newuserdatauv(L, sizeof *a, 0);
  ar_lrun *run = ar_host_of(L)->run;
  a->call = NULL;
  ar_link_init(&a->loose.link);
  a->loose.drop = drop_ask;
  luaL_setmetatable(L, ASK);
  ar_shared_take(&call->shared);
  a->call = call;
  if (call->from != NULL) {
    call->from->asking = true;
    ar_call_expect(call->from, false);
  }
  if (run != NULL)
    ar_list_push(&run->loose, &a->loose.link);
}

static ask *check_ask(lua_State *L) {
  return luaL_checkudata(L, 1, ASK);
}

static ar_call *check_open_ask(lua_State *L) {
  ask *a = check_ask(L);
  if (a->call == NULL)
    luaL_argerror(L, 1, "the call is answered");
  return a->call;
}

/* ask:request() -> its values, also where it was withdrawn meanwhile */
static int ask_request(lua_State *L) {
  const ar_parcel *request = ar_call_request(check_open_ask(L));
  return request != NULL ? ar_unmarshal(L, request, true) : 0;
}

/* ask:begin(): it will not be refused, unless the run ends; who made it may
 * wait for that */
static int ask_begin(lua_State *L) {
  ar_call_begin(check_open_ask(L));
  return 0;
}

/* The task that waits for a thread has done what that asked for. If it was
 * cancelled meanwhile, it hears of that when it waits again; the thread, which
 * goes on now, may look before. */
static void tell_asker(lua_State *L, const ar_call *asked) {
  const ar_task *t = ar_host_running(ar_host_of(L));
  if (asked->from != NULL && t != NULL && asked->from->server == t &&
      t->scope->effective)
    atomic_store(&asked->from->cancelled, true);
}

/* ask:reply(...) -> did anybody want it? */
static int ask_reply(lua_State *L) {
  ask *a = check_ask(L);
  ar_call *call = check_open_ask(L);
  ar_parcel *answer =
      ar_worker_pack_answer(L, lua_gettop(L) - 1, &ar_worker_answers);
  tell_asker(L, call);
  lua_pushboolean(L, ar_call_finish(call, AR_CALL_ANSWERED, answer));
  settle(a);
  return 1;
}

/* ask:withdraw(): it is cancelled, and will not be answered */
static int ask_withdraw(lua_State *L) {
  (void)ar_call_finish(check_open_ask(L), AR_CALL_WITHDRAWN, NULL);
  settle(check_ask(L));
  return 0;
}

static int ask_cancelled(lua_State *L) {
  lua_pushboolean(L, atomic_load(&check_open_ask(L)->cancelled));
  return 1;
}

static int ask_id(lua_State *L) {
  lua_pushlightuserdata(L, check_open_ask(L));
  return 1;
}

/* ask:call() -> the Call, as its caller has it */
static int ask_call(lua_State *L) {
  ar_shared_push(L, &check_open_ask(L)->shared);
  return 1;
}

/* ask:refuse() */
static int ask_refuse(lua_State *L) {
  refuse(check_ask(L));
  return 0;
}

static const luaL_Reg ask_methods[] = {{"request", ask_request},
                                       {"begin", ask_begin},
                                       {"reply", ask_reply},
                                       {"withdraw", ask_withdraw},
                                       {"cancelled", ask_cancelled},
                                       {"id", ask_id},
                                       {"call", ask_call},
                                       {"refuse", ask_refuse},
                                       {"__gc", ask_refuse},
                                       {"__close", ask_refuse},
                                       {NULL, NULL}};

void ar_calls_open(lua_State *L) {
  ar_shared_open(L, &ar_call_class);
  luaL_getmetatable(L, ar_call_class.name);
  luaL_setfuncs(L, call_methods, 0);
  lua_pop(L, 1);
  ar_class_open(L, ASK);
  luaL_getmetatable(L, ASK);
  luaL_setfuncs(L, ask_methods, 0);
  lua_pop(L, 1);
}
