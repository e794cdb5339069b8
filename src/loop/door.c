/*
 * A door: where other threads bring calls to a run.
 */

#include "loop/door.h"

#include "base/mem.h"

static void free_door(ar_shared *shared) {
  ar_door *door = (ar_door *)(void *)shared;
  ar_mailbox_unref(door->mailbox);
  (void)pthread_mutex_destroy(&door->mutex);
  ar_mem_free(door, sizeof *door);
}

const ar_shared_class ar_door_class = {"Door", "_anyrun.thread", free_door};

ar_door *ar_door_new(ar_mailbox *mailbox, const char *backend) {
  ar_door *door = ar_mem_zalloc(sizeof *door);
  if (door == NULL)
    return NULL;
  ar_shared_init(&door->shared, &ar_door_class);
  (void)pthread_mutex_init(&door->mutex, NULL); /* cannot fail here */
  door->mailbox = ar_mailbox_ref(mailbox);
  door->backend = backend;
  ar_list_init(&door->arrived);
  return door;
}

/* The call has arrived, or never will. */
static ar_door *arrived(ar_call *call) {
  ar_door *door = call->knocks_at;
  call->knocks_at = NULL;
  return door;
}

static void announce(ar_door *door) {
  if (!door->announced)
    door->announced = door->announce(door);
}

static void refuse(ar_call *call) {
  (void)ar_call_finish(call, AR_CALL_REFUSED, NULL);
  ar_call_drop(call);
}

/* In the order in which they came, which a ready queue need not keep. */
static void deliver(ar_message *knock) {
  ar_call *call = ar_container_of(knock, ar_call, knock);
  ar_door *door = arrived(call);
  if (door->run != NULL)
    announce(door);
  if (door->run != NULL && door->announced)
    ar_list_push(&door->arrived, &call->in_asks);
  else
    refuse(call);
  ar_door_drop(door);
}

static void drop(ar_message *knock) {
  ar_call *call = ar_container_of(knock, ar_call, knock);
  ar_door *door = arrived(call);
  refuse(call);
  ar_door_drop(door);
}

void ar_door_knock(ar_door *door, ar_call *call) {
  bool open;
  (void)pthread_mutex_lock(&door->mutex);
  open = !door->sealed;
  if (open) {
    ar_shared_take(&call->shared);
    ar_shared_take(&door->shared);
    call->knocks_at = door;
    call->knock.deliver = deliver;
    call->knock.drop = drop;
    ar_mailbox_post(door->mailbox, &call->knock);
  }
  (void)pthread_mutex_unlock(&door->mutex);
  if (!open)
    (void)ar_call_finish(call, AR_CALL_REFUSED, NULL);
}

bool ar_door_is_open(ar_door *door) {
  bool open;
  (void)pthread_mutex_lock(&door->mutex);
  open = !door->sealed;
  (void)pthread_mutex_unlock(&door->mutex);
  return open;
}

static void seal(ar_door *door) {
  (void)pthread_mutex_lock(&door->mutex);
  door->sealed = true;
  (void)pthread_mutex_unlock(&door->mutex);
}

void ar_door_seal(ar_door *door) {
  seal(door);
  ar_mailbox_empty(door->mailbox);
  if (!ar_list_is_empty(&door->arrived))
    announce(door); /* there may have been no memory for whoever took them */
}

ar_call *ar_door_take_call(ar_door *door) {
  ar_link *link = ar_list_pop(&door->arrived);
  return link != NULL ? ar_container_of(link, ar_call, in_asks) : NULL;
}

void ar_door_close(ar_door *door) {
  ar_call *call;
  seal(door);
  door->run = NULL;
  while ((call = ar_door_take_call(door)) != NULL)
    refuse(call);
}
