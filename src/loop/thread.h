/*
 * A thread is started: as all are, but for the first one.
 */

#ifndef ar_thread_h
#define ar_thread_h

#include "base/base.h"

/* Have a new thread call serve(arg). Nobody joins it, and it takes no signals:
 * those are for the thread that runs the first loop. `stack_size` 0: the
 * system's own choice. */
AR_MUST_CHECK ar_err ar_thread_start(void *(*serve)(void *arg), void *arg,
                                     size_t stack_size);

#endif
