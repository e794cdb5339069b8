/*
 * A thread is started.
 */

#include "loop/thread.h"

#include <pthread.h>
#include <signal.h>

#include "base/err.h"

ar_err ar_thread_start(void *(*serve)(void *arg), void *arg,
                       size_t stack_size) {
  sigset_t all, before;
  pthread_attr_t attr;
  pthread_t thread;
  int number = pthread_attr_init(&attr);
  if (number != 0)
    return ar_err_from_errno(number);
  (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  if (stack_size != 0)
    (void)pthread_attr_setstacksize(&attr, stack_size);
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  number = pthread_create(&thread, &attr, serve, arg);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  (void)pthread_attr_destroy(&attr);
  return ar_err_from_errno(number);
}
