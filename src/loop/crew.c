/*
 * Threads that each keep something of their own between jobs.
 */

#define _GNU_SOURCE /* sem_clockwait */

#include "loop/crew.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/err.h"
#include "base/list.h"
#include "base/mem.h"
#include "loop/thread.h"

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
  sem_t call;   /* posted once, by who took it from among the idle */
  ar_link link; /* place among the idle */
  void *job;    /* given; NULL: to end */
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

/* Wait to be called, so long. */
static bool wait_so_long(hand *h, ar_time delay) {
  struct timespec until = in(delay);
  int status;
  do
    status = sem_clockwait(&h->call, CLOCK_MONOTONIC, &until);
  while (status != 0 && errno == EINTR);
  return status == 0;
}

/* Wait to be called, but not longer than patience lasts. */
static void wait_idle(hand *h, void *own) {
  const ar_duty *duty = h->crew->duty;
  bool expired;
  if (wait_so_long(h, duty->pause))
    return;
  duty->rest(own);
  if (wait_so_long(h, duty->patience - duty->pause))
    return;
  lock(h->crew);
  expired = ar_link_is_linked(&h->link);
  if (expired)
    ar_list_remove(&h->link);
  unlock(h->crew);
  while (!expired && sem_wait(&h->call) != 0)
    continue; /* who took it is about to call */
}

/* The job is done; the next one, NULL: end. */
static void *next_job(hand *h, void *own, void *done, void *result) {
  ar_crew *crew = h->crew;
  bool stays;
  void *job;
  lock(crew);
  h->job = NULL;
  crew->n_busy--;
  stays = !crew->closed && !crew->duty->once;
  if (stays)
    ar_list_push(&crew->idle, &h->link);
  unlock(crew);
  crew->duty->tell(done, result);
  if (stays)
    wait_idle(h, own);
  lock(crew);
  job = h->job;
  unlock(crew);
  return job;
}

static void free_hand(hand *h) {
  (void)sem_destroy(&h->call);
  ar_mem_free(h, sizeof *h);
}

static void *serve(void *arg) {
  hand *h = arg;
  ar_crew *crew = h->crew;
  const ar_duty *duty = crew->duty;
  void *own = NULL, *job = h->job;
  (void)prctl(PR_SET_NAME, duty->name, 0, 0, 0);
  while (job != NULL) {
    void *result = duty->run(&own, job);
    job = next_job(h, own, job, result);
  }
  duty->end(own);
  free_hand(h);
  lock(crew);
  crew->n_threads--;
  (void)pthread_cond_broadcast(&crew->fewer);
  unref_locked(crew);
  return NULL;
}

static hand *new_hand(ar_crew *crew, void *job) {
  hand *h = ar_mem_zalloc(sizeof *h);
  if (h == NULL)
    return NULL;
  (void)sem_init(&h->call, 0, 0); /* cannot fail: nobody else's, and small */
  ar_link_init(&h->link);
  h->crew = crew;
  h->job = job;
  return h;
}

/* ---- the owner ---------------------------------------------------------- */

static ar_err hire(ar_crew *crew, void *job) {
  hand *h = new_hand(crew, job);
  ar_err err = h != NULL ? ar_thread_start(serve, h, STACK_SIZE) : AR_ENOMEM;
  if (err != 0) {
    if (h != NULL)
      free_hand(h);
    return err;
  }
  crew->n_threads++;
  crew->n_busy++;
  crew->refs++;
  return 0;
}

/* A semaphore is posted when the mutex is free again: who is woken by it takes
 * the mutex first. */
ar_err ar_crew_run(ar_crew *crew, void *job) {
  ar_link *link;
  ar_err err = 0;
  hand *h = NULL;
  lock(crew);
  link = ar_list_pop_last(&crew->idle);
  if (link != NULL) {
    h = ar_container_of(link, hand, link);
    h->job = job;
    crew->n_busy++;
  } else {
    err = hire(crew, job);
  }
  unlock(crew);
  if (h != NULL)
    (void)sem_post(&h->call);
  return err;
}

/* The mutex is held. */
static void dismiss(ar_crew *crew) {
  ar_link *link;
  while ((link = ar_list_pop(&crew->idle)) != NULL)
    (void)sem_post(&ar_container_of(link, hand, link)->call);
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
