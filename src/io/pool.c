/*
 * Threads that run work which blocks.
 */

#include "io/pool.h"

#include <pthread.h>
#include <time.h>

#include "base/err.h"
#include "base/mem.h"
#include "loop/thread.h"

/* Seconds after which a thread that has nothing to do ends. */
#define IDLE_SECONDS 10

struct ar_pool {
  pthread_mutex_t mutex;
  pthread_cond_t more; /* there is work, or the pool is closed */
  ar_list queue;       /* ar_work, oldest first */
  size_t n_queued;     /* length of `queue` */
  pthread_cond_t less; /* a thread of a closed pool has ended, or is at work */
  unsigned n_threads;
  unsigned n_idle; /* threads that wait for `more` */
  unsigned n_busy; /* threads that run work */
  unsigned max_threads;
  unsigned refs; /* the owner's and each thread's */
  bool closed;
};

static void lock(ar_pool *pool) {
  (void)pthread_mutex_lock(&pool->mutex);
}

static void unlock(ar_pool *pool) {
  (void)pthread_mutex_unlock(&pool->mutex);
}

static ar_err init_cond(pthread_cond_t *cond) {
  pthread_condattr_t attr;
  int number = pthread_condattr_init(&attr);
  if (number != 0)
    return ar_err_from_errno(number);
  (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  number = pthread_cond_init(cond, &attr);
  (void)pthread_condattr_destroy(&attr);
  return ar_err_from_errno(number);
}

ar_err ar_pool_new(unsigned max_threads, ar_pool **out) {
  ar_pool *pool = ar_mem_zalloc(sizeof *pool);
  ar_err err;
  if (pool == NULL)
    return AR_ENOMEM;
  err = ar_err_from_errno(pthread_mutex_init(&pool->mutex, NULL));
  if (err != 0)
    goto free_memory;
  err = init_cond(&pool->more);
  if (err != 0)
    goto destroy_mutex;
  err = init_cond(&pool->less);
  if (err != 0)
    goto destroy_more;
  ar_list_init(&pool->queue);
  pool->max_threads = max_threads;
  pool->refs = 1;
  *out = pool;
  return 0;
destroy_more:
  (void)pthread_cond_destroy(&pool->more);
destroy_mutex:
  (void)pthread_mutex_destroy(&pool->mutex);
free_memory:
  ar_mem_free(pool, sizeof *pool);
  return err;
}

/* Called with the mutex held, which it gives back. */
static void unref_locked(ar_pool *pool) {
  unsigned left = --pool->refs;
  unlock(pool);
  if (left > 0)
    return;
  (void)pthread_cond_destroy(&pool->less);
  (void)pthread_cond_destroy(&pool->more);
  (void)pthread_mutex_destroy(&pool->mutex);
  ar_mem_free(pool, sizeof *pool);
}

void ar_pool_close(ar_pool *pool) {
  lock(pool);
  pool->closed = true;
  (void)pthread_cond_broadcast(&pool->more);
  while (pool->n_threads > pool->n_busy)
    (void)pthread_cond_wait(&pool->less, &pool->mutex);
  unref_locked(pool);
}

/* ---- a thread ----------------------------------------------------------- */

/* The next piece of work, waited for; NULL: end. The mutex is held. */
static ar_work *take_work(ar_pool *pool) {
  struct timespec until;
  int waited = 0;
  (void)clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += IDLE_SECONDS;
  for (;;) {
    ar_link *link = ar_list_pop(&pool->queue);
    if (link != NULL) {
      pool->n_queued--;
      return ar_container_of(link, ar_work, link);
    }
    if (pool->closed || waited != 0)
      return NULL;
    pool->n_idle++;
    waited = pthread_cond_timedwait(&pool->more, &pool->mutex, &until);
    pool->n_idle--;
  }
}

static void *serve(void *arg) {
  ar_pool *pool = arg;
  ar_work *work;
  lock(pool);
  while ((work = take_work(pool)) != NULL) {
    ar_mailbox *mailbox = work->mailbox;
    pool->n_busy++;
    (void)pthread_cond_signal(&pool->less);
    unlock(pool);
    work->run(work);
    ar_mailbox_post(mailbox, &work->message); /* work may be gone */
    ar_mailbox_unref(mailbox);
    lock(pool);
    pool->n_busy--;
  }
  pool->n_threads--;
  (void)pthread_cond_signal(&pool->less);
  unref_locked(pool);
  return NULL;
}

static ar_err start_thread(ar_pool *pool) {
  ar_err err = ar_thread_start(serve, pool, 0);
  if (err != 0)
    return err;
  pool->n_threads++;
  pool->refs++;
  return 0;
}

/* ---- work --------------------------------------------------------------- */

static void deliver(ar_message *message) {
  ar_work *work = ar_container_of(message, ar_work, message);
  ar_op_end(&work->op, work->result); /* work may be gone */
}

static void drop(ar_message *message) {
  ar_work *work = ar_container_of(message, ar_work, message);
  work->discard(work);
}

/* Only what no thread has taken can be undone. */
static bool cancel(ar_op *op) {
  ar_work *work = ar_container_of(op, ar_work, op);
  ar_pool *pool = work->pool;
  bool queued;
  lock(pool);
  queued = ar_link_is_linked(&work->link);
  if (queued) {
    ar_list_remove(&work->link);
    pool->n_queued--;
  }
  unlock(pool);
  if (queued)
    ar_mailbox_unref(work->mailbox);
  return queued;
}

static void orphan(ar_op *op) {
  ar_work *work = ar_container_of(op, ar_work, op);
  work->discard(work);
}

static const ar_op_kind work_kind = {cancel, orphan};

void ar_work_init(ar_work *work, void (*run)(ar_work *),
                  void (*discard)(ar_work *)) {
  ar_op_init(&work->op, &work_kind);
  ar_link_init(&work->link);
  work->message.deliver = deliver;
  work->message.drop = drop;
  work->pool = NULL;
  work->mailbox = NULL;
  work->result = 0;
  work->run = run;
  work->discard = discard;
}

ar_err ar_pool_start(ar_pool *pool, ar_loop *loop, ar_work *work) {
  ar_mailbox *mailbox;
  ar_err err = ar_mailbox_of(loop, &mailbox);
  if (err != 0)
    return err;
  lock(pool);
  if (pool->n_queued >= pool->n_idle && pool->n_threads < pool->max_threads)
    err = start_thread(pool);
  if (err != 0 && pool->n_threads == 0) { /* else those there are will do */
    unlock(pool);
    return err;
  }
  work->pool = pool;
  work->mailbox = ar_mailbox_ref(mailbox);
  ar_list_push(&pool->queue, &work->link);
  pool->n_queued++;
  ar_op_begin(&work->op, loop);
  ar_mailbox_asked(mailbox);
  unlock(pool);
  /* Behind the lock: who wakes would only wait for that. (The pool stays: it is
   * its owner who calls.) */
  (void)pthread_cond_signal(&pool->more);
  return 0;
}
