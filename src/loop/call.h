/*
 * A call: the bytes of a request from one thread to another, and of the
 * answer.
 *
 *   state      what it means                        leaves it by
 *   WAITING    nobody has begun it                  ar_call_take, ar_call_begin
 *   RUNNING    somebody is at work on it            ar_call_finish -> the rest
 *   ANSWERED   the answer is there                  -
 *   REFUSED    there will be no answer: the run     -
 *              it was for is over
 *   WITHDRAWN  its caller does not want it          -
 *
 * WAITING leaves also to the last two. Whoever wants the answer waits in its
 * thread (ar_call_join) or hears of it in a loop: news is posted to the
 * mailbox `home`, and `on_news` called there. Whoever works on a call may ask
 * back: an ask is a call of its own, left in the list of the first one for the
 * task that waits for it. All functions may be called from any thread.
 */

#ifndef ar_call_h
#define ar_call_h

#include <pthread.h>

#include "base/list.h"
#include "base/parcel.h"
#include "loop/mailbox.h"

typedef struct ar_call ar_call;
typedef struct ar_door ar_door;

typedef enum {
  AR_CALL_WAITING,
  AR_CALL_RUNNING,
  AR_CALL_ANSWERED,
  AR_CALL_REFUSED,
  AR_CALL_WITHDRAWN
} ar_call_state;

struct ar_call {
  ar_shared shared; /* first */
  pthread_mutex_t mutex;
  pthread_cond_t cond; /* the state changed */
  /* Under the mutex: */
  ar_call_state state;
  ar_parcel *request; /* owned; NULL once taken */
  ar_parcel *answer;  /* owned; NULL until there is one, and once taken */
  ar_list asks;       /* ar_call by in_asks, each counted */
  bool deserted;      /* nobody serves asks any more: they go to the door */
  bool posted;        /* `news` is on its way */
  bool let_go;        /* nobody is to wait until it is begun */
  int joiner;         /* owned by who joins: written to at the end; -1: none */
  ar_err failure;     /* why it was REFUSED, if that is known */
  /* Set before the call is known to others: */
  const char *backend; /* default of a state made for it (a constant) */
  ar_mailbox *home;    /* ref; NULL: nobody hears of it in a loop */
  void (*on_news)(ar_call *call); /* on the loop's thread */
  bool interruptible; /* control-C ends the wait for it, whatever else may */
  ar_call *backs; /* counted: it is refused when this one is over; or NULL */
  ar_call *from;  /* counted: of the thread that waits for this ask; or NULL */
  ar_door *door;  /* counted: who takes asks that nobody serves; or NULL */
  /* Of one side only: */
  bool left;             /* its task went away before it was over */
  bool asking;           /* its thread waits for the answer to an ask */
  bool expected;         /* the loop waits for its thread */
  bool hooked;           /* its run has something to do at its end */
  void *waiter;          /* borrowed: of on_news; the home loop's thread's */
  const void *server;    /* the task that waits for it and serves its asks: to
                          * be compared only, it may be gone */
  ar_link in_asks;       /* place among the asks of another call */
  ar_message news;       /* to `home` */
  ar_message knock;      /* to a door: see door.h */
  ar_door *knocks_at;    /* counted, while `knock` is on its way */
  atomic_bool cancelled; /* whoever works on it should end soon */
};

extern const ar_shared_class ar_call_class;

/* A call, WAITING, with a count of one. NULL: no memory. */
AR_MUST_CHECK ar_call *ar_call_new(void);

static inline void ar_call_drop(ar_call *call) {
  if (call != NULL)
    ar_shared_drop(&call->shared);
}

ar_call_state ar_call_state_of(ar_call *call);

static inline bool ar_call_state_is_final(ar_call_state state) {
  return state >= AR_CALL_ANSWERED;
}

/* Its request, which stays where it is: for the one who has to answer. */
const ar_parcel *ar_call_request(ar_call *call);

/* Begin it, if it is WAITING. */
void ar_call_begin(ar_call *call);

/* Begin it: its request, which is the caller's then. NULL: it is not WAITING
 * any more. */
ar_parcel *ar_call_take(ar_call *call);

/* It is over; `answer` (owned, may be NULL) is kept if it is ANSWERED now.
 * False: it was over already. */
bool ar_call_finish(ar_call *call, ar_call_state state, ar_parcel *answer);

/* The answer, which is the caller's then; NULL if there is none. */
ar_parcel *ar_call_take_answer(ar_call *call);

/* Wait until it is over or the time (of the monotonic clock) has come. True:
 * it is over. */
bool ar_call_join(ar_call *call, ar_time until);

/* The same for the thread that takes the signals, which end the wait when the
 * handler has set the flag. One thread at a time. */
bool ar_call_join_alert(ar_call *call, ar_time until, const volatile int *flag);

/* Wait until somebody has begun it, it is over, or who waits so is let go. */
void ar_call_join_begun(ar_call *call);
void ar_call_let_go(ar_call *call);

/* Leave `ask` for whoever serves the asks of the call, and tell them. False:
 * nobody does any more. */
bool ar_call_ask(ar_call *call, ar_call *ask);

/* The oldest ask that nobody has taken: its count is the caller's. */
ar_call *ar_call_take_ask(ar_call *call);

bool ar_call_is_deserted(ar_call *call);

/* Nobody serves asks any more: those that are there go to the door. */
void ar_call_desert(ar_call *call);

#endif
