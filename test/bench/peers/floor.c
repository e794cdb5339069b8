/*
 * The floor: the least that running Lua scripts' tasks in C on libuv costs.
 *
 *   floor [--checkpoints] script.lua [args]
 *
 * A queue of coroutines that are resumed in turn; libuv is looked at after
 * every 64 steps, and waited for when nobody is ready. Nothing is cancelled,
 * nothing belongs to anything, an error ends the program. It is what anyrun
 * is measured against, not a way to write it.
 *
 * Scripts have the module `floor`: spawn(f, arg), join() (until every other task
 * has ended), yield(), sleep(seconds), now(), group(n) with :done() and :wait()
 * (until done was called n times), lock() with :acquire() and :release(),
 * channel(size) with :send(v) and :receive(). With --checkpoints the last four
 * let the others run each time, as AnyIO's do.
 */

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
  STEPS = 64, /* between two looks at libuv */
  FIRST = 64  /* places of a new ring; a power of two */
};

/* Coroutines in a ring that grows. */
typedef struct {
  lua_State **items;
  size_t head;
  size_t tail;
  size_t mask;
} ring;

typedef struct sleeper sleeper;
struct sleeper {
  uv_timer_t timer; /* first */
  lua_State *co;
  sleeper *next; /* among the idle ones */
};

typedef struct {
  lua_State *L; /* the main thread */
  uv_loop_t loop;
  ring ready;              /* NULL: a task that has not begun */
  ring pool;               /* coroutines to be used again, from its end */
  int waiting;             /* ref: functions and arguments of those, in a row */
  lua_Integer first, last; /* of that row: taken up to, put up to */
  lua_State *joining;      /* waits for all others */
  size_t living;
  bool checkpoints;
  sleeper *idle;
  uv_async_t async; /* so that a look at libuv is a real one */
} world;

static world *world_of(lua_State *L) {
  return *(world **)lua_getextraspace(L);
}

static void *must(void *p) {
  if (p == NULL) {
    (void)fputs("floor: not enough memory\n", stderr);
    exit(1);
  }
  return p;
}

/* ---- rings -------------------------------------------------------------- */

static void ring_open(ring *r) {
  r->items = must(malloc(FIRST * sizeof *r->items));
  r->head = 0;
  r->tail = 0;
  r->mask = FIRST - 1;
}

static bool ring_is_empty(const ring *r) {
  return r->head == r->tail;
}

static void ring_grow(ring *r) {
  size_t size = r->mask + 1;
  lua_State **items = must(malloc(2 * size * sizeof *items));
  for (size_t i = 0; i < size; i++)
    items[i] = r->items[(r->head + i) & r->mask];
  free(r->items);
  r->items = items;
  r->head = 0;
  r->tail = size;
  r->mask = 2 * size - 1;
}

static void ring_push(ring *r, lua_State *co) {
  if (r->tail - r->head > r->mask)
    ring_grow(r);
  r->items[r->tail++ & r->mask] = co;
}

static lua_State *ring_take(ring *r) {
  return r->items[r->head++ & r->mask];
}

/* ---- tasks -------------------------------------------------------------- */

static void wake(lua_State *co) {
  ring_push(&world_of(co)->ready, co);
}

static void ended(world *w, lua_State *co) {
  lua_settop(co, 0);
  ring_push(&w->pool, co);
  if (--w->living == 1 && w->joining != NULL) {
    wake(w->joining);
    w->joining = NULL;
  }
}

static void resume(world *w, lua_State *co, int nargs) {
  int nres, status = lua_resume(co, w->L, nargs, &nres);
  if (status == LUA_YIELD)
    return;
  if (status != LUA_OK) {
    (void)fprintf(stderr, "floor: %s\n", lua_tostring(co, -1));
    exit(1);
  }
  ended(w, co);
}

static void begin(world *w) {
  lua_State *L = w->L, *co;
  if (!ring_is_empty(&w->pool)) {
    co = w->pool.items[--w->pool.tail & w->pool.mask];
  } else {
    co = lua_newthread(L);
    (void)luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, w->waiting);
  lua_rawgeti(L, -1, ++w->first);
  lua_rawgeti(L, -2, ++w->first);
  lua_xmove(L, co, 2);
  lua_pushboolean(L, 0);
  lua_rawseti(L, -2, w->first - 1);
  lua_pop(L, 1);
  if (w->first == w->last)
    w->first = w->last = 0;
  resume(w, co, 1);
}

static void step(world *w) {
  lua_State *co = ring_take(&w->ready);
  if (co != NULL)
    resume(w, co, lua_gettop(co));
  else
    begin(w);
}

static void run(world *w) {
  while (w->living > 0) {
    for (int i = 0; i < STEPS && !ring_is_empty(&w->ready); i++)
      step(w);
    if (w->living > 0)
      (void)uv_run(&w->loop,
                   ring_is_empty(&w->ready) ? UV_RUN_ONCE : UV_RUN_NOWAIT);
  }
}

static int floor_spawn(lua_State *L) {
  world *w = world_of(L);
  lua_settop(L, 2);
  lua_rawgeti(L, LUA_REGISTRYINDEX, w->waiting);
  lua_insert(L, 1);
  lua_rawseti(L, 1, w->last + 2);
  lua_rawseti(L, 1, w->last + 1);
  w->last += 2;
  w->living++;
  ring_push(&w->ready, NULL);
  return 0;
}

static int floor_join(lua_State *L) {
  world *w = world_of(L);
  if (w->living == 1)
    return 0;
  w->joining = L;
  return lua_yield(L, 0);
}

static int floor_yield(lua_State *L) {
  lua_settop(L, 0);
  wake(L);
  return lua_yield(L, 0);
}

static int floor_now(lua_State *L) {
  lua_pushnumber(L, (lua_Number)uv_hrtime() / 1e9);
  return 1;
}

typedef struct {
  lua_Integer left;
  lua_State *waiting;
} group;

static int group_new(lua_State *L) {
  group *g = lua_newuserdatauv(L, sizeof *g, 0);
  g->left = luaL_checkinteger(L, 1);
  g->waiting = NULL;
  luaL_setmetatable(L, "floor.group");
  return 1;
}

static int group_done(lua_State *L) {
  group *g = lua_touserdata(L, 1);
  if (--g->left == 0 && g->waiting != NULL)
    wake(g->waiting);
  return 0;
}

static int group_wait(lua_State *L) {
  group *g = lua_touserdata(L, 1);
  lua_settop(L, 0);
  if (g->left == 0)
    return 0;
  g->waiting = L;
  return lua_yield(L, 0);
}

/* ---- sleeping ----------------------------------------------------------- */

static void on_timer(uv_timer_t *timer) {
  sleeper *s = (sleeper *)timer;
  world *w = world_of(s->co);
  wake(s->co);
  s->next = w->idle;
  w->idle = s;
}

static int floor_sleep(lua_State *L) {
  world *w = world_of(L);
  double ms = luaL_checknumber(L, 1) * 1000;
  sleeper *s = w->idle;
  lua_settop(L, 0);
  if (s != NULL) {
    w->idle = s->next;
  } else {
    s = must(malloc(sizeof *s));
    (void)uv_timer_init(&w->loop, &s->timer);
  }
  s->co = L;
  (void)uv_timer_start(&s->timer, on_timer, (uint64_t)ms, 0);
  return lua_yield(L, 0);
}

/* ---- locks and channels ------------------------------------------------- */

static int nothing(lua_State *L, int status, lua_KContext ctx) {
  (void)L;
  (void)status;
  (void)ctx;
  return 0;
}

static int top_value(lua_State *L, int status, lua_KContext ctx) {
  (void)L;
  (void)status;
  (void)ctx;
  return 1;
}

/* An operation that could be done at once: with --checkpoints, after the
 * others have run. */
static int done(lua_State *L, int nres, lua_KFunction k) {
  if (!world_of(L)->checkpoints)
    return nres;
  wake(L);
  return lua_yieldk(L, 0, 0, k);
}

typedef struct {
  ring waiting;
  bool held;
} lock;

static int lock_new(lua_State *L) {
  lock *k = lua_newuserdatauv(L, sizeof *k, 0);
  ring_open(&k->waiting);
  k->held = false;
  luaL_setmetatable(L, "floor.lock");
  return 1;
}

static int lock_acquire(lua_State *L) {
  lock *k = lua_touserdata(L, 1);
  lua_settop(L, 0);
  if (k->held) {
    ring_push(&k->waiting, L);
    return lua_yield(L, 0);
  }
  k->held = true;
  return done(L, 0, nothing);
}

static int lock_release(lua_State *L) {
  lock *k = lua_touserdata(L, 1);
  if (ring_is_empty(&k->waiting))
    k->held = false;
  else
    wake(ring_take(&k->waiting));
  return 0;
}

typedef struct {
  ring senders; /* each with its value on top of its stack */
  ring receivers;
  lua_Integer size, first, n; /* values: a ring in the user value */
} channel;

static int channel_new(lua_State *L) {
  channel *c = lua_newuserdatauv(L, sizeof *c, 1);
  ring_open(&c->senders);
  ring_open(&c->receivers);
  c->size = luaL_checkinteger(L, 1);
  c->first = 0;
  c->n = 0;
  lua_newtable(L);
  lua_setiuservalue(L, -2, 1);
  luaL_setmetatable(L, "floor.channel");
  return 1;
}

static lua_Integer place(const channel *c, lua_Integer i) {
  return (c->first + i) % c->size + 1;
}

static int channel_send(lua_State *L) {
  channel *c = lua_touserdata(L, 1);
  lua_settop(L, 2);
  if (!ring_is_empty(&c->receivers)) {
    lua_State *to = ring_take(&c->receivers);
    lua_xmove(L, to, 1);
    wake(to);
  } else if (c->n < c->size) {
    lua_getiuservalue(L, 1, 1);
    lua_insert(L, 2);
    lua_rawseti(L, 2, place(c, c->n++));
  } else {
    ring_push(&c->senders, L);
    return lua_yieldk(L, 0, 0, nothing);
  }
  lua_settop(L, 0);
  return done(L, 0, nothing);
}

/* A sender that waits: its value to L. */
static void let_in(lua_State *L, channel *c) {
  lua_State *from = ring_take(&c->senders);
  lua_xmove(from, L, 1);
  lua_settop(from, 0);
  wake(from);
}

static int channel_receive(lua_State *L) {
  channel *c = lua_touserdata(L, 1);
  lua_settop(L, 1);
  if (c->n > 0) {
    lua_getiuservalue(L, 1, 1);
    lua_rawgeti(L, 2, c->first + 1);
    c->first = (c->first + 1) % c->size;
    c->n--;
    if (!ring_is_empty(&c->senders)) {
      let_in(L, c);
      lua_rawseti(L, 2, place(c, c->n++));
    }
  } else if (!ring_is_empty(&c->senders)) {
    let_in(L, c);
  } else {
    lua_settop(L, 0);
    ring_push(&c->receivers, L);
    return lua_yield(L, 0);
  }
  return done(L, 1, top_value);
}

/* ---- the program -------------------------------------------------------- */

static void new_class(lua_State *L, const char *name, const luaL_Reg *methods) {
  luaL_newmetatable(L, name);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

static int open_floor(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"spawn", floor_spawn}, {"join", floor_join},     {"yield", floor_yield},
      {"sleep", floor_sleep}, {"now", floor_now},       {"group", group_new},
      {"lock", lock_new},     {"channel", channel_new}, {NULL, NULL}};
  static const luaL_Reg of_group[] = {
      {"done", group_done}, {"wait", group_wait}, {NULL, NULL}};
  static const luaL_Reg of_lock[] = {
      {"acquire", lock_acquire}, {"release", lock_release}, {NULL, NULL}};
  static const luaL_Reg of_channel[] = {
      {"send", channel_send}, {"receive", channel_receive}, {NULL, NULL}};
  new_class(L, "floor.group", of_group);
  new_class(L, "floor.lock", of_lock);
  new_class(L, "floor.channel", of_channel);
  luaL_newlib(L, functions);
  return 1;
}

static void set_arguments(lua_State *L, char **words) {
  lua_newtable(L);
  for (lua_Integer i = 0; words[i] != NULL; i++) {
    lua_pushstring(L, words[i]);
    lua_rawseti(L, -2, i);
  }
  lua_setglobal(L, "arg");
}

static void on_async(uv_async_t *async) {
  (void)async;
}

int main(int argc, char **argv) {
  static world w;
  lua_State *co;
  w.checkpoints = argc > 1 && strcmp(argv[1], "--checkpoints") == 0;
  argv += 1 + w.checkpoints;
  if (argv[0] == NULL) {
    (void)fputs("usage: floor [--checkpoints] script.lua [args]\n", stderr);
    return 2;
  }
  w.L = must(luaL_newstate());
  luaL_openlibs(w.L);
  (void)lua_gc(w.L, LUA_GCGEN, 0, 0);
  *(world **)lua_getextraspace(w.L) = &w;
  if (uv_loop_init(&w.loop) != 0 ||
      uv_async_init(&w.loop, &w.async, on_async) != 0)
    return 1;
  ring_open(&w.ready);
  ring_open(&w.pool);
  lua_newtable(w.L);
  w.waiting = luaL_ref(w.L, LUA_REGISTRYINDEX);
  luaL_requiref(w.L, "floor", open_floor, 0);
  set_arguments(w.L, argv);
  co = lua_newthread(w.L);
  if (luaL_loadfile(co, argv[0]) != LUA_OK) {
    (void)fprintf(stderr, "floor: %s\n", lua_tostring(co, -1));
    return 1;
  }
  w.living = 1;
  resume(&w, co, 0);
  run(&w);
  return fflush(stdout) == 0 ? 0 : 1;
}
