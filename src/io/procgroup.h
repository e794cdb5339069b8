/*
 * Who else is in a process group: to know when all of it has ended.
 *
 * A group's number stays its own as long as its leader is not reaped; that is
 * the caller's to see to.
 */

#ifndef ar_procgroup_h
#define ar_procgroup_h

#include <sys/types.h>

#include "base/base.h"

/* One process of the group that has not ended, but not its leader; 0 if there
 * is none. */
pid_t ar_group_member(pid_t group);

/* A descriptor that is ready when that process, which need not be a child of
 * ours, has ended. AR_ENOSYS: the system has none. */
AR_MUST_CHECK ar_err ar_pidfd_open(pid_t pid, int *fd);

#endif
