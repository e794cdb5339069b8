/*
 * Module _anyrun.channel: what memory object streams and trio's memory
 * channels are made of.
 *
 * A channel has two queues of tasks, a ring of items (a table, its first user
 * value) and counts of its open ends. An end is a userdata of its own, which
 * holds the channel; clones are further ends.
 *
 * Waiting allocates nothing: the item of a task that waits to send stands at
 * place 2 of its stack, and there the item is put for a task that waits to
 * receive (nil: none yet). It is the sender's or the receiver's own from then
 * on: nobody can take it in between.
 *
 * Every send and receive is a checkpoint. One that could be done at once lets
 * the others run first; one that must wait parks, which is as good.
 */

#include <math.h>

#include "base/err.h"
#include "bind/libs.h"
#include "bind/llot.h"
#include "bind/luax.h"
#include "bind/ring.h"
#include "host/raise.h"

#define ITEM 2                   /* place on the stack of who waits */
#define UV_RING AR_RING_TABLE    /* user value of a channel */
#define UV_CHANNEL AR_RING_OWNER /* user value of an end */
#define UNBOUNDED SIZE_MAX

static const char ar_key_end[] = "end of a channel";

/* Which library's rules: bits of what open() is told. */
#define CLOSE_WAKES 1u    /* closing an end wakes who waits on it */
#define COLLECT_CLOSES 2u /* an end that is collected is closed, and reported */

typedef struct {
  ar_llot senders;   /* they wait for room */
  ar_llot receivers; /* they wait for an item */
  size_t max;
  ar_ring ring;     /* items that were sent and not yet received */
  size_t open_send; /* ends */
  size_t open_receive;
  unsigned rules;
} channel;

typedef struct {
  const char *magic; /* ar_key_end */
  channel *ch;       /* owned together: user value */
  bool closed;
  bool sends;
} chend;

/* A userdata of this size that begins with this address is an end: the one
 * test that is quick. */
static chend *check_end(lua_State *L) {
  chend *e = lua_touserdata(L, 1);
  if (AR_UNLIKELY(e == NULL || lua_rawlen(L, 1) != sizeof *e ||
                  e->magic != ar_key_end))
    ar_self_error(L, "stream");
  return e;
}

static chend *check_kind(lua_State *L, bool sends) {
  chend *e = check_end(L);
  if (AR_UNLIKELY(e->sends != sends))
    luaL_typeerror(L, 1, sends ? "sending end" : "receiving end");
  return e;
}

/* ---- handing over ------------------------------------------------------- */

/* [-1, +0] The item on top for the task that has waited longest, which there
 * is. */
static void hand_over(lua_State *L, channel *ch) {
  ar_place *p = ar_lot_take(&ch->receivers.lot);
  lua_State *to = ar_frame_of(p->task)->inner;
  if (to != L)
    lua_xmove(L, to, 1);
  lua_replace(to, ITEM);
  ar_task_wake(p->task, 0);
}

/* [-0, +1] The item of the sender that has waited longest, which there is. */
static void relieve(lua_State *L, channel *ch) {
  ar_place *p = ar_lot_take(&ch->senders.lot);
  lua_State *from = ar_frame_of(p->task)->inner;
  lua_pushvalue(from, ITEM);
  if (from != L)
    lua_xmove(from, L, 1);
  ar_task_wake(p->task, 0);
}

/* ---- send --------------------------------------------------------------- */

static void check_can_send(lua_State *L, const chend *e) {
  if (AR_UNLIKELY(e->closed))
    ar_raise(L, "ClosedResourceError", "this end is closed");
  if (AR_UNLIKELY(e->ch->open_receive == 0))
    ar_raise(L, "BrokenResourceError", "every receiving end is closed");
}

static bool is_room(const channel *ch) {
  return ch->receivers.lot.n_parked > 0 || ch->ring.used < ch->max;
}

/* Send the item at place 2, if that can be done now. */
static bool send_once(lua_State *L, chend *e) {
  channel *ch = e->ch;
  check_can_send(L, e);
  if (!is_room(ch))
    return false;
  lua_pushvalue(L, ITEM);
  if (ch->receivers.lot.n_parked > 0)
    hand_over(L, ch);
  else
    ar_ring_put(L, &ch->ring);
  return true;
}

/* Somebody took the item, or closed an end. */
static int sentk(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  (void)status;
  (void)ctx;
  if (AR_LIKELY(c->task.woken == 0))
    return 0;
  if (c->task.woken == AR_EPIPE)
    ar_raise(L, "BrokenResourceError", "every receiving end is closed");
  if (c->task.woken == AR_EBADF)
    ar_raise(L, "ClosedResourceError", "this end was closed");
  (void)ar_coro_resumed(L);
  return 0;
}

static int wait_to_send(lua_State *L, chend *e, ar_coro *c) {
  ar_lot *lot = ar_llot_bind(L, &e->ch->senders, c);
  c->schedule_points++;
  ar_lot_park(lot, &ar_frame_of(&c->task)->place, ar_abort_place);
  return ar_suspend(L, sentk, 0);
}

static int sendk(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_resumed(L);
  chend *e = lua_touserdata(L, 1);
  (void)status;
  (void)ctx;
  /* Where it was cancelled meanwhile, the wait is undone at once. */
  if (AR_LIKELY(ar_task_pending(&c->task) == AR_CAUSE_NONE && send_once(L, e)))
    return 0;
  return wait_to_send(L, e, c);
}

static void check_item(lua_State *L) {
  if (AR_UNLIKELY(lua_isnoneornil(L, ITEM)))
    luaL_argerror(L, ITEM, "nil cannot be sent");
  lua_settop(L, ITEM);
}

static int end_send(lua_State *L) {
  ar_coro *c = ar_coro_check(L);
  chend *e = check_kind(L, true);
  check_item(L);
  c->cancel_points++;
  if (!is_room(e->ch) && !e->closed && e->ch->open_receive > 0)
    return wait_to_send(L, e, c);
  c->schedule_points++;
  ar_task_yield(&c->task);
  return ar_suspend(L, sendk, 0);
}

static int end_send_nowait(lua_State *L) {
  chend *e = check_kind(L, true);
  check_item(L);
  if (!send_once(L, e))
    ar_raise(L, "WouldBlock", "nobody waits to receive, and there is no room");
  return 0;
}

/* ---- receive ------------------------------------------------------------ */

#define ITERATING 1 /* context of the continuations: the end is nil */

/* Receive onto the top of the stack, if that can be done now. */
static bool receive_once(lua_State *L, chend *e) {
  channel *ch = e->ch;
  if (AR_UNLIKELY(e->closed))
    ar_raise(L, "ClosedResourceError", "this end is closed");
  if (AR_LIKELY(ch->ring.used > 0)) {
    ar_ring_take(L, &ch->ring);
    if (ch->senders.lot.n_parked > 0 && ch->ring.used < ch->max) {
      relieve(L, ch);
      ar_ring_put(L, &ch->ring);
    }
    return true;
  }
  if (ch->senders.lot.n_parked == 0)
    return false;
  relieve(L, ch);
  return true;
}

static int at_end(lua_State *L, const chend *e, lua_KContext ctx) {
  if (ctx == ITERATING)
    return 0;
  ar_raise(L,
           (e->ch->rules & CLOSE_WAKES) != 0 ? "EndOfChannel" : "EndOfStream",
           "every sending end is closed");
  return 0;
}

/* A native request on asyncio came after the item: the next one gets it. */
static void give_back(lua_State *L, chend *e) {
  channel *ch = e->ch;
  if (lua_isnil(L, ITEM) || ch->open_receive == 0)
    return;
  lua_pushvalue(L, ITEM);
  if (ch->receivers.lot.n_parked > 0)
    hand_over(L, ch);
  else
    ar_ring_put_back(L, &ch->ring);
}

static int receivedk(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_of(ar_host_running(ar_host_of(L)));
  (void)status;
  if (AR_LIKELY(c->task.woken == 0))
    return 1; /* stack: end, item */
  if (c->task.woken == AR_EPIPE)
    return at_end(L, lua_touserdata(L, 1), ctx);
  if (c->task.woken == AR_EBADF)
    ar_raise(L, "ClosedResourceError", "this end was closed");
  give_back(L, lua_touserdata(L, 1));
  (void)ar_coro_resumed(L);
  return 0;
}

static int wait_to_receive(lua_State *L, chend *e, ar_coro *c,
                           lua_KContext ctx) {
  ar_lot *lot = ar_llot_bind(L, &e->ch->receivers, c);
  c->schedule_points++;
  lua_settop(L, 1);
  lua_pushnil(L); /* ITEM */
  ar_lot_park(lot, &ar_frame_of(&c->task)->place, ar_abort_place);
  return ar_suspend(L, receivedk, ctx);
}

static int receivek(lua_State *L, int status, lua_KContext ctx) {
  ar_coro *c = ar_coro_resumed(L);
  chend *e = lua_touserdata(L, 1);
  (void)status;
  if (AR_UNLIKELY(ar_task_pending(&c->task) != AR_CAUSE_NONE))
    return wait_to_receive(L, e, c, ctx); /* undone at once */
  if (AR_LIKELY(receive_once(L, e)))
    return 1;
  if (e->ch->open_send == 0)
    return at_end(L, e, ctx);
  return wait_to_receive(L, e, c, ctx);
}

static int receive(lua_State *L, lua_KContext ctx) {
  ar_coro *c = ar_coro_check(L);
  chend *e = check_kind(L, false);
  channel *ch = e->ch;
  lua_settop(L, 1);
  c->cancel_points++;
  if (ch->ring.used == 0 && ch->senders.lot.n_parked == 0 && !e->closed &&
      ch->open_send > 0)
    return wait_to_receive(L, e, c, ctx);
  c->schedule_points++;
  ar_task_yield(&c->task);
  return ar_suspend(L, receivek, ctx);
}

static int end_receive(lua_State *L) {
  return receive(L, 0);
}

static int end_next(lua_State *L) {
  return receive(L, ITERATING);
}

static int end_receive_nowait(lua_State *L) {
  chend *e = check_kind(L, false);
  lua_settop(L, 1);
  if (receive_once(L, e))
    return 1;
  if (e->ch->open_send == 0)
    return at_end(L, e, 0);
  ar_raise(L, "WouldBlock", "there is no item");
}

/* ---- ends --------------------------------------------------------------- */

/* [-0, +1] A new end, of the class at `class`, of the channel at `of`. */
static void push_end(lua_State *L, channel *ch, int of, int class, bool sends) {
  chend *e = lua_newuserdatauv(L, sizeof *e, 1);
  e->magic = ar_key_end;
  e->ch = ch;
  e->closed = true; /* until it is counted */
  e->sends = sends;
  lua_pushvalue(L, of);
  lua_setiuservalue(L, -2, UV_CHANNEL);
  lua_pushvalue(L, class);
  lua_setmetatable(L, -2);
  e->closed = false;
  if (sends)
    ch->open_send++;
  else
    ch->open_receive++;
}

static int end_clone(lua_State *L) {
  chend *e = check_end(L);
  if (e->closed)
    ar_raise(L, "ClosedResourceError", "this end is closed");
  lua_settop(L, 1);
  lua_getiuservalue(L, 1, UV_CHANNEL);
  lua_getmetatable(L, 1); /* stack: end, channel, class */
  push_end(L, e->ch, 2, 3, e->sends);
  return 1;
}

/* Wake those whose wait is for this very end. */
static void wake_own(ar_lot *lot, const chend *e) {
  ar_link *link = ar_list_first(&lot->places);
  while (link != NULL) {
    ar_place *p = ar_container_of(link, ar_place, link);
    link = ar_list_next(&lot->places, link);
    if (lua_touserdata(ar_frame_of(p->task)->inner, 1) != e)
      continue;
    ar_place_leave(p);
    ar_task_wake(p->task, AR_EBADF);
  }
}

static void close_end(chend *e) {
  channel *ch = e->ch;
  if (e->closed)
    return;
  e->closed = true;
  if ((ch->rules & CLOSE_WAKES) != 0)
    wake_own(e->sends ? &ch->senders.lot : &ch->receivers.lot, e);
  if (e->sends) {
    if (--ch->open_send == 0)
      (void)ar_lot_unpark(&ch->receivers.lot, SIZE_MAX, AR_EPIPE);
  } else if (--ch->open_receive == 0) {
    (void)ar_lot_unpark(&ch->senders.lot, SIZE_MAX, AR_EPIPE);
  }
}

/* Nobody can receive what is left: trio lets go of it. */
static void drop_items(lua_State *L, channel *ch) {
  if (ch->open_receive > 0 || (ch->rules & CLOSE_WAKES) == 0)
    return;
  lua_getiuservalue(L, 1, UV_CHANNEL);
  lua_newtable(L);
  lua_setiuservalue(L, -2, UV_RING);
  lua_pop(L, 1);
  ch->ring.used = ch->ring.head = ch->ring.capacity = 0;
}

static int end_close(lua_State *L) {
  chend *e = check_end(L);
  bool was_open = !e->closed;
  close_end(e);
  if (was_open)
    drop_items(L, e->ch);
  return 0;
}

static int end_gc(lua_State *L) {
  chend *e = lua_touserdata(L, 1);
  if (e->closed || (e->ch->rules & COLLECT_CLOSES) == 0)
    return 0;
  lua_warning(L, "ResourceWarning: unclosed ", 1);
  lua_warning(L, luaL_tolstring(L, 1, NULL), 0);
  close_end(e);
  return 0;
}

/* ---- questions ---------------------------------------------------------- */

static void push_size(lua_State *L, size_t n) {
  if (n == UNBOUNDED)
    lua_pushnumber(L, HUGE_VAL);
  else
    lua_pushinteger(L, (lua_Integer)n);
}

static int end_counts(lua_State *L) {
  const channel *ch = check_end(L)->ch;
  push_size(L, ch->ring.used);
  push_size(L, ch->max);
  push_size(L, ch->open_send);
  push_size(L, ch->open_receive);
  push_size(L, ch->senders.lot.n_parked);
  push_size(L, ch->receivers.lot.n_parked);
  push_size(L, ch->ring.peak);
  return 7;
}

static int end_closed(lua_State *L) {
  lua_pushboolean(L, check_end(L)->closed);
  return 1;
}

/* ---- the module --------------------------------------------------------- */

static int channel_gc(lua_State *L) {
  channel *ch = lua_touserdata(L, 1);
  while (ar_lot_take(&ch->senders.lot) != NULL)
    continue;
  while (ar_lot_take(&ch->receivers.lot) != NULL)
    continue;
  return 0;
}

/* open(max, send class, receive class, rules) -> send end, receive end */
static int channel_open(lua_State *L) {
  lua_Number max = luaL_checknumber(L, 1);
  channel *ch;
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_checktype(L, 3, LUA_TTABLE);
  ch = lua_newuserdatauv(L, sizeof *ch, 1);
  ar_lot_init(&ch->senders.lot, "room in a stream");
  ch->senders.run = NULL;
  ar_lot_init(&ch->receivers.lot, "an item from a stream");
  ch->receivers.run = NULL;
  ch->max = max >= 1e15 ? UNBOUNDED : (size_t)max;
  ch->ring.used = ch->ring.head = ch->ring.capacity = ch->ring.peak = 0;
  ch->open_send = ch->open_receive = 0;
  ch->rules = (unsigned)luaL_optinteger(L, 4, 0);
  luaL_setmetatable(L, "Channel");
  lua_newtable(L);
  lua_setiuservalue(L, -2, UV_RING);
  lua_replace(L, 4);
  lua_settop(L, 4); /* stack: max, send class, receive class, channel */
  push_end(L, ch, 4, 2, true);
  push_end(L, ch, 4, 3, false);
  return 2;
}

static const luaL_Reg common[] = {{"clone", end_clone},
                                  {"close", end_close},
                                  {"_counts", end_counts},
                                  {"_is_closed", end_closed},
                                  {"__close", end_close},
                                  {"__gc", end_gc},
                                  {NULL, NULL}};

static const luaL_Reg sending[] = {
    {"send", end_send}, {"send_nowait", end_send_nowait}, {NULL, NULL}};

static const luaL_Reg receiving[] = {{"receive", end_receive},
                                     {"receive_nowait", end_receive_nowait},
                                     {"__call", end_next},
                                     {NULL, NULL}};

/* methods(class, sends): adds what an end can do to its class */
static int channel_methods(lua_State *L) {
  bool sends = lua_toboolean(L, 2);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_setfuncs(L, common, 0);
  luaL_setfuncs(L, sends ? sending : receiving, 0);
  return 1;
}

/* end_of(value) -> its channel, whether it sends, whether it is closed; nil
 * where the value is no end of a channel */
static int channel_end_of(lua_State *L) {
  const chend *e = lua_touserdata(L, 1);
  if (e == NULL || lua_islightuserdata(L, 1) || lua_rawlen(L, 1) != sizeof *e ||
      e->magic != ar_key_end)
    return 0;
  lua_getiuservalue(L, 1, UV_CHANNEL);
  lua_pushboolean(L, e->sends);
  lua_pushboolean(L, e->closed);
  return 3;
}

static const luaL_Reg functions[] = {{"end_of", channel_end_of},
                                     {"methods", channel_methods},
                                     {"open", channel_open},
                                     {NULL, NULL}};

int luaopen_anyrun_channel(lua_State *L) {
  ar_class_open(L, "Channel");
  luaL_getmetatable(L, "Channel");
  lua_pushcfunction(L, channel_gc);
  lua_setfield(L, -2, "__gc");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  return 1;
}
