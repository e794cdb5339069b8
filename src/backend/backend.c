/*
 * The table of backends.
 */

#include "backend/backend.h"

#include <string.h>

#include "loop/loop.h"

/* The loop that amortises: with tasks ready, it looks for events once in 64
 * passes, which costs each pass 1/64 of a system call. */
#define AR_FAST_POLL 64

static const ar_backend backends[] = {
    {"asyncio", &ar_policy_asyncio, &ar_policy_uvloop, 1, AR_FAST_POLL},
    {"trio", &ar_policy_trio, NULL, 1, 1},
};

const ar_backend *ar_backend_find(const char *name) {
  for (size_t i = 0; i < ar_countof(backends); i++)
    if (strcmp(backends[i].name, name) == 0)
      return &backends[i];
  return NULL;
}

const char *ar_backend_name(size_t i) {
  return i < ar_countof(backends) ? backends[i].name : NULL;
}

const char *ar_backend_loop_version(void) {
  return ar_loop_version();
}
