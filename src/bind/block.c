/*
 * A long string of which the bytes are there before Lua makes it.
 */

#include "bind/block.h"

#include "base/mem.h"

/* The allocator of a state, and what it hands out first. */
typedef struct {
  lua_State *L;
  lua_Alloc alloc; /* the state's own */
  void *ud;
  char *block; /* what is handed out; NULL: its own */
  size_t size; /* to who asks for so much */
  void *asked; /* what was handed out */
  size_t asked_size;
} gift;

/* Only once: whatever Lua does then (it may collect garbage, and run any
 * finalizer) is none of our business. */
static void *hand_out(void *ud, void *p, size_t old_size, size_t size) {
  gift *g = ud;
  if (p != NULL || (g->block != NULL && size != g->size))
    return g->alloc(g->ud, p, old_size, size);
  lua_setallocf(g->L, g->alloc, g->ud);
  g->asked = g->block != NULL ? g->block : g->alloc(g->ud, p, old_size, size);
  g->asked_size = size;
  g->block = NULL;
  return g->asked;
}

static const char *push(lua_State *L, gift *g, const char *text, size_t n) {
  g->L = L;
  g->alloc = lua_getallocf(L, &g->ud);
  lua_setallocf(L, hand_out, g);
  return lua_pushlstring(L, text, n);
}

size_t ar_block_head(lua_State *L) {
  char text[256] = "";
  gift g = {.size = 0};
  const char *made = push(L, &g, text, sizeof text);
  size_t head = (size_t)(made - (const char *)g.asked);
  lua_pop(L, 1);
  return g.asked_size == head + sizeof text + 1 ? head : 0;
}

void ar_push_block(lua_State *L, char *block, size_t head, size_t n) {
  gift g = {.block = block, .size = head + n + 1};
  (void)push(L, &g, block + head, n);
  lua_setallocf(L, g.alloc, g.ud); /* as it is, mostly */
  if (g.block != NULL)             /* it took memory elsewhere, and copied */
    ar_mem_free(block, head + n + 1);
}
