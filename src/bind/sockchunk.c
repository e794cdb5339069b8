/*
 * What a stream socket receives at a time.
 *
 * Chunks are garbage that comes fast, and what large ones cost is mostly that
 * memory is not in the cache: each is written where some other one was, some
 * megabytes ago. So there should be few at a time, and none should get old:
 * the collector, which is generational, would not look at it again for long.
 *
 * The moment to collect is therefore a turn's first chunk: what came in the
 * turn before has been dealt with. And a loop over a stream must not hold its
 * last chunk while it waits for the next.
 */

#include "bind/sockchunk.h"

#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/slab.h"
#include "bind/block.h"
#include "host/raise.h"
#include "io/sock.h"

/* From this size on the pace of the collector is seen to. */
#define MEDIUM 512

/* From this size on chunks are received where they stay. */
#define LARGE 4096

/* A string below this size lives among the state's small blocks. */
#define LEAST AR_SLAB_MAX

/* ---- garbage ------------------------------------------------------------ */

/* By itself the collector comes whenever there is a fifth more than before,
 * with a small program every few chunks. So there is ballast, memory that is
 * never touched: by its size the collector goes, but the system has nothing to
 * give for it. */
#define BALLAST ((size_t)8 << 20)

/* Bytes of chunks after which it is asked to come. */
#define ENOUGH ((size_t)512 << 10)

/* At the beginning of the ballast. */
struct ar_sockchunk_pace {
  uint64_t turn; /* of the run, when the last chunk came */
  size_t bytes;  /* of chunks since it was asked */
};

static const char key_pace[] = "pace of chunks";

static ar_sockchunk_pace *check_pace(lua_State *L) {
  ar_sockchunk_pace *p;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, key_pace) == LUA_TUSERDATA) {
    p = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return p;
  }
  p = lua_newuserdatauv(L, BALLAST, 0);
  p->turn = 0;
  p->bytes = 0;
  lua_rawsetp(L, LUA_REGISTRYINDEX, key_pace);
  lua_pop(L, 1);
  return p;
}

/* A step of no size looks at nothing but what is young, and puts off the step
 * that Lua would take by itself: what has grown old would never be looked at
 * again. So Lua is told of more memory than the fifth that it waits for. */
static void collect(lua_State *L) {
  (void)lua_gc(L, LUA_GCSTEP, lua_gc(L, LUA_GCCOUNT) / 4 + 1);
}

/* So much is about to be received. May run finalizers. */
static void keep_pace(lua_State *L, ar_sockchunk_pace *p, size_t size) {
  uint64_t turn = ar_host_sched(ar_host_of(L))->turns;
  p->bytes += size;
  if (p->turn == turn)
    return;
  p->turn = turn;
  if (p->bytes < ENOUGH)
    return;
  p->bytes = 0;
  if (lua_gc(L, LUA_GCISRUNNING))
    collect(L);
}

/* Is it a loop that calls? Who calls by hand may pass what another loop's
 * variable holds. */
static bool is_iterator(lua_State *L, lua_Debug *self) {
  return lua_getstack(L, 0, self) != 0 && lua_getinfo(L, "n", self) != 0 &&
         strcmp(self->namewhat, "for iterator") == 0;
}

/* Is it the i-th variable of `caller` that holds the chunk at place 3? Then it
 * does no longer. */
static bool let_go_of(lua_State *L, const lua_Debug *caller, int i,
                      bool *more) {
  const char *name = lua_getlocal(L, caller, i);
  bool holds;
  *more = name != NULL;
  if (name == NULL)
    return false;
  holds = lua_topointer(L, -1) == lua_topointer(L, 3) &&
          strcmp(name, "(for state)") == 0;
  lua_pop(L, 1);
  if (holds) {
    lua_pushboolean(L, true);
    (void)lua_setlocal(L, caller, i);
  }
  return holds;
}

/* The chunk at place 3 is held by the loop that calls, in a variable of its
 * own: what it goes by, which it hands to the function that is called in each
 * step, and which that does not look at. Another value there lets it go. */
static void let_go(lua_State *L, ar_lsock *s) {
  lua_Debug self, caller;
  bool more = true;
  if (!is_iterator(L, &self) || lua_getstack(L, 1, &caller) == 0 ||
      let_go_of(L, &caller, s->loop, &more))
    return;
  more = true;
  for (int i = 1; more; i++)
    if (let_go_of(L, &caller, i, &more)) {
      s->loop = i;
      return;
    }
}

void ar_sockchunk_prepare(lua_State *L, ar_lsock *s) {
  if (AR_LIKELY(s->last < MEDIUM))
    return;
  if (AR_UNLIKELY(s->pace == NULL))
    s->pace = check_pace(L);
  if (s->last >= LARGE) {
    if (AR_UNLIKELY(s->head == 0))
      s->head = ar_block_head(L);
    if (lua_type(L, 3) == LUA_TSTRING)
      let_go(L, s);
  }
  lua_settop(L, 1);
}

/* ---- receiving ---------------------------------------------------------- */

static ar_err receive_small(lua_State *L, const ar_lsock *s, size_t *n) {
  char room[AR_SOCKCHUNK_MAX];
  ar_err err = ar_sock_receive(ar_lsock_number(s), room, s->max, n);
  if (err == 0 && *n > 0)
    lua_pushlstring(L, room, *n);
  return err;
}

/* The first n bytes of what is in the block, which is none for Lua. */
static void push_few(lua_State *L, char *block, size_t size, size_t at,
                     size_t n) {
  char room[LEAST];
  memcpy(room, block + at, n);
  ar_mem_free(block, size);
  if (n > 0)
    lua_pushlstring(L, room, n);
}

static ar_err receive_large(lua_State *L, const ar_lsock *s, size_t *n) {
  size_t size = s->head + s->max + 1, used;
  char *block = ar_mem_alloc(size);
  ar_err err;
  if (AR_UNLIKELY(block == NULL))
    ar_raise_oserror(L, AR_ENOMEM, "cannot receive");
  err = ar_sock_receive(ar_lsock_number(s), block + s->head, s->max, n);
  if (AR_UNLIKELY(err != 0 || *n < LEAST)) {
    push_few(L, block, size, s->head, err != 0 ? 0 : *n);
    return err;
  }
  used = s->head + *n + 1;
  if (used < size) /* cannot fail */
    block = ar_mem_lua_alloc(NULL, block, size, used);
  ar_push_block(L, block, s->head, *n);
  return 0;
}

ar_err ar_sockchunk_receive(lua_State *L, ar_lsock *s, size_t *n) {
  bool large = s->last >= LARGE && s->max >= LARGE && s->head != 0;
  ar_err err;
  if (s->pace != NULL)
    keep_pace(L, s->pace, s->last);
  err = large ? receive_large(L, s, n) : receive_small(L, s, n);
  if (AR_LIKELY(err == 0))
    s->last = *n;
  return err;
}
