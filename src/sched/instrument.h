/*
 * Hooks into a run: what happened, told as it happens.
 *
 * The scheduler calls one function with the number of the hook; whoever
 * installed it (host room) knows what to do with it. Where nobody did,
 * a hook costs one test of a pointer.
 */

#ifndef ar_instrument_h
#define ar_instrument_h

#include "base/base.h"

typedef struct ar_instruments ar_instruments;
struct ar_task;

#define X(name, arg) AR_HOOK_##name,
typedef enum {
#include "sched/instrument.def"
  AR_HOOK_COUNT
} ar_hook;
#undef X

struct ar_instruments {
  /* Bit n: somebody wants to hear of hook n. */
  unsigned wanted;
  /* t for hooks with a task, else NULL; timeout for the wait's hooks. */
  void (*call)(ar_instruments *self, ar_hook hook, struct ar_task *t,
               ar_time timeout);
};

#define AR_INSTRUMENT(s, hook, t, timeout) \
  do { \
    ar_instruments *i_ = (s)->instruments; \
    if (AR_UNLIKELY(i_ != NULL) && \
        (i_->wanted >> (unsigned)AR_HOOK_##hook & 1u) != 0) \
      i_->call(i_, AR_HOOK_##hook, t, timeout); \
  } while (0)

#endif
