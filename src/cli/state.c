/*
 * Makes the program's Lua state.
 */

#include "cli/state.h"

#include <stdio.h>
#include <string.h>

#include <lauxlib.h>

#include "base/mem.h"
#include "base/slab.h"

/* A message may come in pieces: to_be_continued after all but the last. */
static void warn(void *ud, const char *piece, int to_be_continued) {
  ar_warnings *w = ud;
  if (!w->inside) {
    if (!to_be_continued && *piece == '@') {
      if (strcmp(piece, "@on") == 0)
        w->on = true;
      else if (strcmp(piece, "@off") == 0)
        w->on = false;
      return;
    }
    /* "error in " is how Lua itself begins when a finalizer failed. */
    w->shown = w->on || (to_be_continued && strcmp(piece, "error in ") == 0);
    if (w->shown)
      (void)fputs("Lua warning: ", stderr);
  }
  w->inside = to_be_continued != 0;
  if (w->shown)
    (void)fprintf(stderr, "%s%s", piece, w->inside ? "" : "\n");
}

/* A bug of ours: all calls into Lua are protected. */
static int panic(lua_State *L) {
  const char *why = lua_tostring(L, -1);
  (void)fprintf(stderr, "anyrun: error outside any protected call: %s\n",
                why != NULL ? why : luaL_typename(L, -1));
  return 0; /* Lua aborts */
}

/* The debug build looks at each block by itself. */
lua_State *ar_state_new(ar_warnings *warnings) {
  ar_mem_keep();
#ifdef AR_DEBUG
  ar_slabs *slabs = NULL;
  lua_State *L = lua_newstate(ar_mem_lua_alloc, NULL);
#else
  ar_slabs *slabs = ar_slabs_new();
  lua_State *L = slabs != NULL ? lua_newstate(ar_slabs_lua_alloc, slabs) : NULL;
#endif
  if (L == NULL) {
    ar_slabs_free(slabs);
    return NULL;
  }
  (void)lua_atpanic(L, panic);
  lua_setwarnf(L, warn, warnings);
  return L;
}

void ar_state_close(lua_State *L) {
  void *slabs = NULL;
  (void)lua_getallocf(L, &slabs);
  lua_close(L);
  ar_slabs_free(slabs);
}
