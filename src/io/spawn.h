/*
 * A child process is started: ar_spawn, and nothing else.
 *
 * The child borrows our memory until it executes its program, or has failed
 * to, and this thread stands still until then. So nothing is copied however
 * big this process is. Only where the child is to be another user it gets
 * memory of its own from the beginning. Why it failed it says through a pipe,
 * which works also where borrowing memory is only played (valgrind, qemu).
 *
 * It inherits the descriptors it is given and no others. Its signals are as
 * a shell's children expect them: nothing blocked, SIGPIPE and all that we
 * handle at their default; what was ignored when we were started stays so.
 */

#ifndef ar_spawn_h
#define ar_spawn_h

#include <sys/types.h>

#include "base/base.h"

typedef struct ar_spawn_spec ar_spawn_spec;

/* Where it failed. */
typedef enum {
  AR_SPAWN_START, /* no process could be made */
  AR_SPAWN_STDIO, /* descriptors */
  AR_SPAWN_PASS,  /* pass_fds: one is not open */
  AR_SPAWN_SESSION,
  AR_SPAWN_GROUP, /* process group, terminal */
  AR_SPAWN_GROUPS,
  AR_SPAWN_GID,
  AR_SPAWN_UID,
  AR_SPAWN_CWD,
  AR_SPAWN_EXEC
} ar_spawn_stage;

struct ar_spawn_spec {
  const char *file;  /* borrowed: a path, or a name looked for in `path` */
  const char *path;  /* borrowed: folders with colons between; or NULL */
  char *const *argv; /* borrowed: ends with NULL */
  char *const *envp; /* borrowed: ends with NULL */
  const char *cwd;   /* borrowed: NULL: ours */
  int stdio[3];      /* what becomes 0, 1 and 2 */
  const int *pass;   /* borrowed: further descriptors it gets */
  size_t n_pass;
  bool session; /* a session of its own */
  bool group;   /* a process group of its own */
  pid_t leader; /* with `group`: join that of this process; 0: no */
  int terminal; /* make that group its foreground one; -1: no */
  int umask;    /* -1: ours */
  bool has_uid;
  bool has_gid;
  bool has_groups;
  uid_t uid;
  gid_t gid;
  const gid_t *groups; /* borrowed */
  size_t n_groups;
  bool without_pidfd; /* as on a system that has none */
};

/* Start it: its number, and a descriptor that is ready when it has ended (-1
 * where the system has none). On failure *stage says where. */
AR_MUST_CHECK ar_err ar_spawn(const ar_spawn_spec *spec, pid_t *pid, int *pidfd,
                              ar_spawn_stage *stage);

#endif
