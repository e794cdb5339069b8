/*
 * A Lua state that lives on the scheduler.
 *
 * One ar_host for each Lua state, found from any of its coroutines through
 * lua_getextraspace. The two low bits of that word are the coroutine's own:
 * AR_CORO_ROOT, it is the coroutine of a task; AR_CORO_AWAITING, it is inside
 * a task that waits, so that nobody but the scheduler may resume it. (Lua
 * copies the main thread's word, without bits, into each new coroutine.)
 *
 * Order of calls: ar_libs_open (bind), ar_host_open, ar_host_set_options,
 * ar_host_main, ar_host_close, lua_close.
 */

#ifndef ar_host_h
#define ar_host_h

#include <lua.h>

#include "backend/run.h"

typedef struct ar_host ar_host;
typedef struct ar_lrun ar_lrun;
typedef struct ar_hop ar_hop;
typedef struct ar_coro ar_coro;
typedef struct ar_frame ar_frame;

#define AR_CORO_ROOT 1u
#define AR_CORO_AWAITING 2u

/* A coroutine that this host is resuming, on the C stack of who does. */
struct ar_hop {
  lua_State *L;
  ar_hop *up;
};

/* Something of a run that has to be let go of when it closes. */
typedef struct ar_loose ar_loose;
struct ar_loose {
  ar_link link;
  void (*drop)(lua_State *L, ar_loose *loose);
};

/* A run as Lua code knows it: a userdata, which the run's caller holds. */
struct ar_lrun {
  ar_run run; /* first */
  ar_host *host;
  lua_State *L;   /* who drives it: a C function's stack */
  ar_lrun *outer; /* borrowed: the run that was current before */
  ar_list loose;  /* ar_loose: dropped when it closes */
  bool open;
  bool strict;         /* trio: groups always */
  bool restricted;     /* control-C only at checkpoints */
  bool stuck;          /* a deadlock was found; its error is kept */
  uint64_t serial;     /* tells it from every other run of the host */
  unsigned interrupts; /* control-C so far */
  bool ending;         /* SIGTERM or SIGHUP has asked it to end */
  int signal;          /* of the interrupt under way */
};

/* Classes of C that are checked or made on hot paths: known by their address,
 * not looked up by name. */
typedef enum {
  AR_CLASS_TASK,
  AR_CLASS_GROUP,
  AR_CLASS_NURSERY,
  AR_CLASS_SCOPE,
  AR_CLASS_BRIEF_SCOPE, /* one that is run at once: without a finalizer */
  AR_CLASS_COUNT
} ar_class;

/* Places in the registry, see anchor.h. */
typedef struct {
  int *spare; /* owned: those that hold nothing */
  size_t n_spare;
  size_t n_made;
  size_t capacity; /* of `spare`: as many as were made, at least */
} ar_anchors;

struct ar_host {
  lua_State *L;            /* the main thread */
  ar_lrun *run;            /* borrowed: innermost run; NULL outside */
  ar_hop *hop;             /* innermost coroutine being resumed; NULL: none */
  lua_CFunction rethrower; /* it raises an error whose traceback is known */
  lua_State *chunk;        /* borrowed (on a stack): its coroutine; or NULL */
  const char *backend;     /* default backend's name (a constant) */
  void *serving;           /* borrowed: what bind/worker.c is at work on */
  ar_coro *script;         /* borrowed (anchored): the chunk's task; or NULL */
  ar_lrun *implicit;       /* borrowed (anchored): its run, once begun */
  uint64_t serials;        /* runs opened so far */
  ar_anchors anchors;
  ar_frame *idle; /* borrowed (anchored): frames to be used again */
  size_t n_idle;  /* of these */
  size_t n_tasks; /* that are anchored: they have not ended */
  uint64_t loads; /* how often `require` has loaded a module */
  size_t n_told;  /* scopes that keep the error of their cancellation */
  const void *classes[AR_CLASS_COUNT]; /* lua_topointer; NULL: not yet made */
  const void *cancelled[2]; /* lua_topointer of the two classes of errors that
                             * scopes make; NULL: none was made yet */
  const void *timed_out[2]; /* the same of the error, asyncio's and trio's, of
                             * every scope whose deadline came */
  const void *recent;       /* the same of the cancellation that was raised
                             * last, as long as its scope keeps it; or NULL */
  int recent_told;          /* its anchor; 0 for none */
  int timed_out_refs[2];    /* refs: what `timed_out` points to */
  int class_refs[AR_CLASS_COUNT]; /* refs: the metatables */
  int died_of;                    /* signal the process should die of */
  bool listens;       /* to the signals of the process: the first one */
  bool suspending;    /* a yield on its way is the scheduler's */
  bool in_script;     /* the script's chunk has begun, and not ended */
  bool script_failed; /* the chunk ended by an error */
};

/* Tables in the registry, each under the address of its name. */
extern const char ar_key_options[]; /* the command line's backend options */
extern const char ar_key_globals[]; /* name -> function: as scripts see it */
extern const char ar_key_context[]; /* variables outside any task */

/* The host of a state; never NULL after ar_host_open. */
static inline ar_host *ar_host_of(lua_State *L) {
  uintptr_t word = *(uintptr_t *)lua_getextraspace(L);
  return (ar_host *)(word & ~(uintptr_t)3);
}

static inline unsigned ar_coro_bits(lua_State *L) {
  return (unsigned)(*(uintptr_t *)lua_getextraspace(L) & 3u);
}

static inline void ar_coro_set_bits(lua_State *L, unsigned bits) {
  uintptr_t *word = (uintptr_t *)lua_getextraspace(L);
  *word = (*word & ~(uintptr_t)3) | bits;
}

/* The scheduler of the innermost run; NULL outside. */
static inline ar_sched *ar_host_sched(const ar_host *host) {
  return host->run != NULL ? &host->run->run.sched : NULL;
}

/* The task that is running; NULL in callbacks and outside a run. Begins
 * nothing. */
static inline ar_task *ar_host_running(const ar_host *host) {
  return host->run != NULL ? host->run->run.sched.current : NULL;
}

/* A stack to work on, from wherever the scheduler is called: that of the
 * coroutine that runs, else that of whoever drives the run. */
static inline lua_State *ar_host_stack(const ar_host *host) {
  return host->hop != NULL ? host->hop->L : host->run->L;
}

/* [-0, +0] The metatable on top is that of the class. */
void ar_class_set(lua_State *L, ar_class class);

/* The userdata at idx if it is of the class, else NULL. */
static inline void *ar_class_test(lua_State *L, int idx, ar_class class) {
  void *p = lua_touserdata(L, idx);
  bool is;
  if (p == NULL || !lua_getmetatable(L, idx))
    return NULL;
  is = lua_topointer(L, -1) == ar_host_of(L)->classes[class];
  lua_pop(L, 1);
  return is ? p : NULL;
}

/* Is the value at idx a cancellation that a scope made? The quick answer: true
 * for nearly all of them, false says nothing. */
static inline bool ar_is_recent(lua_State *L, int idx) {
  const ar_host *host = ar_host_of(L);
  const void *p = lua_topointer(L, idx);
  return p != NULL && (p == host->recent || p == host->timed_out[0] ||
                       p == host->timed_out[1]);
}

/* [-0, +0] Give the userdata on top its class. */
static inline void ar_class_give(lua_State *L, ar_class class) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, ar_host_of(L)->class_refs[class]);
  lua_setmetatable(L, -2);
}

/* [-0, +0] Installs the host: coroutine and base library, the searcher of
 * the embedded library, the globals run, sleep, current_async_library. */
void ar_host_open(lua_State *L, const char *backend);

/* [-0, +0] The same for a state in a thread of its own, which no signal is
 * for. */
void ar_host_open_thread(lua_State *L, const char *backend);

/* [-1, +0] Backend options of the implicit run, and defaults of run(). */
void ar_host_set_options(lua_State *L);

/* [-(nargs+1), +results | +1] Runs a function as the script's main task, and
 * the implicit run if one begins. Returns a Lua status. */
int ar_host_main(lua_State *L, int nargs);

/* It ends by this signal: finalizers are not to wait for anything. */
void ar_host_dies_of(lua_State *L, int signal);

/* The signal to die of after clean-up; 0 for none. */
int ar_host_signal(lua_State *L);

/* Before lua_close. */
void ar_host_close(lua_State *L);

/* ---- the state under it ------------------------------------------------- */

/* A new Lua state with memory of its own, without libraries; NULL if there is
 * no memory. */
AR_MUST_CHECK lua_State *ar_host_newstate(void);

/* Close it, which runs what finalizers are left, and give its memory back. */
void ar_host_closestate(lua_State *L);

/*
 * Where a state's warnings are: must outlive it. Starts as zeros. They are off
 * until warn("@on"), as in lua, but for errors in finalizers: nobody else could
 * ever hear of those.
 */
typedef struct {
  bool on;
  bool inside; /* in the middle of a message */
  bool shown;  /* this message is printed */
} ar_warnings;

/* A lua_WarnFunction, to standard error; ud is the ar_warnings. */
void ar_warnings_print(void *ud, const char *piece, int to_be_continued);

#endif
