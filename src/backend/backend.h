/*
 * The table of backends: find one by its name, or list them.
 */

#ifndef ar_backend_h
#define ar_backend_h

#include "sched/policy.h"

typedef struct ar_backend ar_backend;

struct ar_backend {
  const char *name;        /* as in --backend and current_async_library() */
  const ar_policy *policy; /* how its runs behave */
  const ar_policy *fast;   /* with use_uvloop; NULL: has no such option */
  unsigned poll_every;     /* passes between two looks at the loop */
  unsigned fast_poll_every;
};

/* The backend of this name; NULL if there is none. */
const ar_backend *ar_backend_find(const char *name);

/* The name of the i-th backend, the default one first; NULL past the end. */
const char *ar_backend_name(size_t i);

/* The version of the library whose loop they all run on, as text. */
const char *ar_backend_loop_version(void);

extern const ar_policy ar_policy_asyncio;
extern const ar_policy ar_policy_uvloop;
extern const ar_policy ar_policy_trio;

#endif
