/*
 * A call: the bytes of a request from one thread to another, and of the
 * answer.
 */

#define _GNU_SOURCE /* ppoll */

#include "loop/call.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "loop/clock.h"
#include "loop/door.h"

static void lock(ar_call *call) {
  (void)pthread_mutex_lock(&call->mutex);
}

static void unlock(ar_call *call) {
  (void)pthread_mutex_unlock(&call->mutex);
}

static void free_call(ar_shared *shared) {
  ar_call *call = (ar_call *)(void *)shared;
  ar_parcel_free(call->request);
  ar_parcel_free(call->answer);
  if (call->home != NULL)
    ar_mailbox_unref(call->home);
  ar_door_drop(call->door);
  ar_call_drop(call->backs);
  ar_call_drop(call->from);
  (void)pthread_cond_destroy(&call->cond);
  (void)pthread_mutex_destroy(&call->mutex);
  ar_mem_free(call, sizeof *call);
}

const ar_shared_class ar_call_class = {"Call", "_anyrun.thread", free_call};

/* ---- news --------------------------------------------------------------- */

static ar_call *of_news(ar_message *news) {
  return ar_container_of(news, ar_call, news);
}

static void deliver_news(ar_message *news) {
  ar_call *call = of_news(news);
  lock(call);
  call->posted = false;
  unlock(call);
  call->on_news(call);
  ar_call_drop(call);
}

static void drop_news(ar_message *news) {
  ar_call_drop(of_news(news));
}

/* The mutex is held; true: post the news when it is not. */
static bool must_tell(ar_call *call) {
  if (call->home == NULL || call->posted)
    return false;
  call->posted = true;
  ar_shared_take(&call->shared);
  return true;
}

ar_call *ar_call_new(void) {
  ar_call *call = ar_mem_zalloc(sizeof *call);
  pthread_condattr_t attr;
  if (call == NULL)
    return NULL;
  ar_shared_init(&call->shared, &ar_call_class);
  /* None of these can fail on this system: they take no resources. */
  (void)pthread_mutex_init(&call->mutex, NULL);
  (void)pthread_condattr_init(&attr);
  (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  (void)pthread_cond_init(&call->cond, &attr);
  (void)pthread_condattr_destroy(&attr);
  call->joiner = -1;
  ar_list_init(&call->asks);
  ar_link_init(&call->in_asks);
  call->news.deliver = deliver_news;
  call->news.drop = drop_news;
  atomic_init(&call->cancelled, false);
  return call;
}

/* ---- its course --------------------------------------------------------- */

ar_call_state ar_call_state_of(ar_call *call) {
  ar_call_state state;
  lock(call);
  state = call->state;
  unlock(call);
  return state;
}

static bool set_joiner(ar_call *call, int fd) {
  bool over;
  lock(call);
  call->joiner = fd;
  over = ar_call_state_is_final(call->state);
  unlock(call);
  return over;
}

/* Signals are let in only while it sleeps: none comes between the look at the
 * flag and the wait. False: go on. */
static bool sleep_alert(int fd, ar_time until, const sigset_t *open) {
  struct pollfd poll = {fd, POLLIN, 0};
  ar_time left = until - ar_clock_monotonic();
  struct timespec ts = {(time_t)(left / 1000000000), (long)(left % 1000000000)};
  if (until != AR_TIME_MAX && left <= 0)
    return true;
  return ppoll(&poll, 1, until != AR_TIME_MAX ? &ts : NULL, open) == 0;
}

bool ar_call_join_alert(ar_call *call, ar_time until,
                        const volatile int *flag) {
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  sigset_t all, open;
  bool over;
  if (fd < 0)
    return ar_call_join(call, until); /* deaf, rather than not at all */
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &open);
  over = set_joiner(call, fd);
  while (!over && *flag == 0) {
    if (sleep_alert(fd, until, &open))
      break;
    over = set_joiner(call, fd);
  }
  over = set_joiner(call, -1);
  (void)pthread_sigmask(SIG_SETMASK, &open, NULL);
  (void)close(fd);
  return over;
}

const ar_parcel *ar_call_request(ar_call *call) {
  const ar_parcel *request;
  lock(call);
  request = call->request;
  unlock(call);
  return request;
}

void ar_call_begin(ar_call *call) {
  lock(call);
  if (call->state == AR_CALL_WAITING) {
    call->state = AR_CALL_RUNNING;
    (void)pthread_cond_broadcast(&call->cond);
  }
  unlock(call);
}

void ar_call_join_begun(ar_call *call) {
  lock(call);
  while (call->state == AR_CALL_WAITING && !call->let_go)
    (void)pthread_cond_wait(&call->cond, &call->mutex);
  unlock(call);
}

void ar_call_let_go(ar_call *call) {
  lock(call);
  call->let_go = true;
  (void)pthread_cond_broadcast(&call->cond);
  unlock(call);
}

ar_parcel *ar_call_take(ar_call *call) {
  ar_parcel *request = NULL;
  lock(call);
  if (call->state == AR_CALL_WAITING) {
    call->state = AR_CALL_RUNNING;
    request = call->request;
    call->request = NULL;
  }
  unlock(call);
  return request;
}

bool ar_call_finish(ar_call *call, ar_call_state state, ar_parcel *answer) {
  bool first, tell = false;
  lock(call);
  first = !ar_call_state_is_final(call->state);
  if (first) {
    call->state = state;
    call->answer = answer;
    answer = NULL;
    (void)pthread_cond_broadcast(&call->cond);
    if (call->joiner >= 0)
      (void)eventfd_write(call->joiner, 1);
    tell = must_tell(call);
  }
  unlock(call);
  if (tell)
    ar_mailbox_post(call->home, &call->news);
  if (first && call->backs != NULL)
    (void)ar_call_finish(call->backs, AR_CALL_REFUSED, NULL);
  ar_parcel_free(answer);
  return first;
}

ar_parcel *ar_call_take_answer(ar_call *call) {
  ar_parcel *answer;
  lock(call);
  answer = call->answer;
  call->answer = NULL;
  unlock(call);
  return answer;
}

bool ar_call_join(ar_call *call, ar_time until) {
  bool over;
  lock(call);
  while (!ar_call_state_is_final(call->state)) {
    struct timespec ts = {(time_t)(until / 1000000000),
                          (long)(until % 1000000000)};
    if (until == AR_TIME_MAX)
      (void)pthread_cond_wait(&call->cond, &call->mutex);
    else if (pthread_cond_timedwait(&call->cond, &call->mutex, &ts) != 0)
      break;
  }
  over = ar_call_state_is_final(call->state);
  unlock(call);
  return over;
}

/* ---- asks --------------------------------------------------------------- */

bool ar_call_ask(ar_call *call, ar_call *ask) {
  bool taken, tell = false;
  lock(call);
  taken = !call->deserted && call->home != NULL;
  if (taken) {
    ar_shared_take(&ask->shared);
    ar_list_push(&call->asks, &ask->in_asks);
    tell = must_tell(call);
  }
  unlock(call);
  if (tell)
    ar_mailbox_post(call->home, &call->news);
  return taken;
}

ar_call *ar_call_take_ask(ar_call *call) {
  ar_link *link;
  lock(call);
  link = ar_list_pop(&call->asks);
  unlock(call);
  return link != NULL ? ar_container_of(link, ar_call, in_asks) : NULL;
}

bool ar_call_is_deserted(ar_call *call) {
  bool deserted;
  lock(call);
  deserted = call->deserted;
  unlock(call);
  return deserted;
}

void ar_call_desert(ar_call *call) {
  ar_call *ask;
  lock(call);
  call->deserted = true;
  unlock(call);
  while ((ask = ar_call_take_ask(call)) != NULL) {
    if (call->door != NULL)
      ar_door_knock(call->door, ask);
    else
      (void)ar_call_finish(ask, AR_CALL_REFUSED, NULL);
    ar_call_drop(ask);
  }
}
