/*
 * Threads that each keep something of their own between jobs.
 */

#include "loop/crew.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"

/* A Lua state in a thread needs as much C stack as in the first one. */
#define STACK_SIZE ((size_t)8 * 1024 * 1024)

typedef struct hand hand;

struct ar_crew {
  const ar_duty *duty; /* borrowed: a constant */
  pthread_mutex_t mutex;
  pthread_cond_t fewer; /* a thread of a closed crew ended or is at work */
  ar_list idle;         /* hand, most recently busy last */
  unsigned n_threads;
  unsigned n_busy;
  unsigned refs; /* the owner's and each thread's */
  bool closed;
};

/* One thread. */
struct hand {
  ar_crew *crew;
  pthread_cond_t wake;
  ar_link link; /* place among the idle */
  void *job;    /* given; NULL: none */
  bool leaves;  /* was told to end */
};

static void lock(ar_crew *crew) {
  (void)pthread_mutex_lock(&crew->mutex);
}

static void unlock(ar_crew *crew) {
  (void)pthread_mutex_unlock(&crew->mutex);
}

ar_crew *ar_crew_new(const ar_duty *duty) {
  ar_crew *crew = ar_mem_zalloc(sizeof *crew);
  if (crew == NULL)
    return NULL;
  crew->duty = duty;
  (void)pthread_mutex_init(&crew->mutex, NULL); /* cannot fail here */
  (void)pthread_cond_init(&crew->fewer, NULL);
  ar_list_init(&crew->idle);
  crew->refs = 1;
  return crew;
}

/* Called with the mutex held, which it gives back. */
static void unref_locked(ar_crew *crew) {
  unsigned left = --crew->refs;
  unlock(crew);
  if (left > 0)
    return;
  (void)pthread_cond_destroy(&crew->fewer);
  (void)pthread_mutex_destroy(&crew->mutex);
  ar_mem_free(crew, sizeof *crew);
}

/* ---- a thread ----------------------------------------------------------- */

static struct timespec in(ar_time delay) {
  struct timespec ts;
  ar_time ns;
  (void)clock_gettime(CLOCK_MONOTONIC, &ts);
  ns = ts.tv_nsec + delay % 1000000000;
  ts.tv_sec += (time_t)(delay / 1000000000 + ns / 1000000000);
  ts.tv_nsec = (long)(ns % 1000000000);
  return ts;
}

/* Wait until there is a job, so long. The mutex is held. */
static bool wait_for_job(hand *h, ar_time delay) {
  struct timespec until = in(delay);
  while (h->job == NULL && !h->leaves)
    if (pthread_cond_timedwait(&h->wake, &h->crew->mutex, &until) != 0)
      break;
  return h->job != NULL || h->leaves;
}

/* The next job; NULL: end. The mutex is held, and given back meanwhile. */
static void *next_job(hand *h, void *own) {
  ar_crew *crew = h->crew;
  const ar_duty *duty = crew->duty;
  void *job;
  if (h->job == NULL && !crew->closed && !duty->once) {
    ar_list_push(&crew->idle, &h->link);
    if (!wait_for_job(h, duty->pause)) {
      unlock(crew);
      duty->rest(own);
      lock(crew);
      (void)wait_for_job(h, duty->patience - duty->pause);
    }
    ar_list_remove(&h->link);
  }
  job = h->job;
  h->job = NULL;
  return job;
}

static void *serve(void *arg) {
  hand *h = arg;
  ar_crew *crew = h->crew;
  const ar_duty *duty = crew->duty;
  void *own = NULL, *job;
  (void)prctl(PR_SET_NAME, duty->name, 0, 0, 0);
  lock(crew);
  while ((job = next_job(h, own)) != NULL) {
    unlock(crew);
    duty->run(&own, job);
    lock(crew);
    crew->n_busy--;
  }
  unlock(crew);
  duty->end(own);
  (void)pthread_cond_destroy(&h->wake);
  ar_mem_free(h, sizeof *h);
  lock(crew);
  crew->n_threads--;
  (void)pthread_cond_broadcast(&crew->fewer);
  unref_locked(crew);
  return NULL;
}

static hand *new_hand(ar_crew *crew, void *job) {
  hand *h = ar_mem_zalloc(sizeof *h);
  pthread_condattr_t attr;
  if (h == NULL)
    return NULL;
  (void)pthread_condattr_init(&attr);
  (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  (void)pthread_cond_init(&h->wake, &attr);
  (void)pthread_condattr_destroy(&attr);
  ar_link_init(&h->link);
  h->crew = crew;
  h->job = job;
  return h;
}

/* Signals are for the thread that runs the first loop. */
static ar_err start_thread(hand *h) {
  sigset_t all, before;
  pthread_attr_t attr;
  pthread_t thread;
  int number = pthread_attr_init(&attr);
  if (number != 0)
    return ar_err_from_errno(number);
  (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  (void)pthread_attr_setstacksize(&attr, STACK_SIZE);
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  number = pthread_create(&thread, &attr, serve, h);
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  (void)pthread_attr_destroy(&attr);
  return ar_err_from_errno(number);
}

/* ---- the owner ---------------------------------------------------------- */

ar_err ar_crew_run(ar_crew *crew, void *job) {
  ar_link *link;
  ar_err err = 0;
  hand *h;
  lock(crew);
  link = ar_list_pop_last(&crew->idle);
  if (link != NULL) {
    h = ar_container_of(link, hand, link);
    h->job = job;
    crew->n_busy++;
    (void)pthread_cond_signal(&h->wake);
    unlock(crew);
    return 0;
  }
  h = new_hand(crew, job);
  if (h == NULL)
    err = AR_ENOMEM;
  else
    err = start_thread(h);
  if (err == 0) {
    crew->n_threads++;
    crew->n_busy++;
    crew->refs++;
  }
  unlock(crew);
  if (err != 0 && h != NULL) {
    (void)pthread_cond_destroy(&h->wake);
    ar_mem_free(h, sizeof *h);
  }
  return err;
}

static void dismiss(ar_crew *crew) {
  ar_link *link;
  while ((link = ar_list_pop(&crew->idle)) != NULL) {
    hand *h = ar_container_of(link, hand, link);
    h->leaves = true;
    (void)pthread_cond_signal(&h->wake);
  }
}

void ar_crew_dismiss(ar_crew *crew) {
  lock(crew);
  dismiss(crew);
  unlock(crew);
}

void ar_crew_close(ar_crew *crew, bool all) {
  lock(crew);
  crew->closed = true;
  dismiss(crew);
  while (crew->n_threads > (all ? 0 : crew->n_busy))
    (void)pthread_cond_wait(&crew->fewer, &crew->mutex);
  unref_locked(crew);
}

void ar_crew_count(ar_crew *crew, unsigned *busy, unsigned *idle) {
  lock(crew);
  *busy = crew->n_busy;
  *idle = (unsigned)ar_list_length(&crew->idle);
  unlock(crew);
}
