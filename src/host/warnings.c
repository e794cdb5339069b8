/*
 * Warnings of a Lua state. They are printed here, outside `cli`, because those
 * of a worker's state go no other way.
 */

#include "host/warnings.h"

#include <stdio.h>
#include <string.h>

/* A message may come in pieces: to_be_continued after all but the last. */
void ar_warnings_print(void *ud, const char *piece, int to_be_continued) {
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
