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

/* ---- whose loop stands still -------------------------------------------- */

static ar_block take_block(ar_door *door, bool leave) {
  ar_block block;
  (void)pthread_mutex_lock(&door->mutex);
  block = door->block;
  if (!leave) {
    door->block = (ar_block){NULL, NULL, false};
  } else if (block.call != NULL) {
    ar_shared_take(&block.call->shared);
    ar_shared_take(&block.at->shared);
  }
  (void)pthread_mutex_unlock(&door->mutex);
  return block;
}

static void drop_block(ar_block *block) {
  ar_call_drop(block->call);
  ar_door_drop(block->at);
}

/* Is it one still? Its thread may be about to wake. */
static bool is_blocked(const ar_block *block) {
  ar_call_state state;
  if (block->call == NULL)
    return false;
  state = ar_call_state_of(block->call);
  return block->until_begun ? state == AR_CALL_WAITING
                            : !ar_call_state_is_final(state);
}

/* Follow who waits for whom. Each thread says that it is blocked before it
 * looks at the others: whoever closes a circle sees it. Nobody in a circle goes
 * on before one of them is let go, so that what was seen stays true. */
static bool is_circle(ar_door *door, ar_call **beginning) {
  ar_block block = take_block(door, true);
  bool is = false;
  while (!is && is_blocked(&block)) {
    ar_block next;
    if (block.until_begun && *beginning == NULL) {
      *beginning = block.call;
      ar_shared_take(&block.call->shared);
    }
    is = block.at == door;
    next = is ? (ar_block){NULL, NULL, false} : take_block(block.at, true);
    drop_block(&block);
    block = next;
  }
  drop_block(&block);
  return is;
}

bool ar_door_block(ar_door *door, ar_call *call, ar_door *at,
                   bool until_begun) {
  ar_call *beginning = NULL;
  bool stuck;
  ar_shared_take(&call->shared);
  ar_shared_take(&at->shared);
  (void)pthread_mutex_lock(&door->mutex);
  door->block = (ar_block){call, at, until_begun};
  (void)pthread_mutex_unlock(&door->mutex);
  stuck = is_circle(door, &beginning);
  if (stuck && beginning != NULL) {
    ar_call_let_go(beginning);
    stuck = false;
  }
  ar_call_drop(beginning);
  if (stuck)
    ar_door_unblock(door);
  return !stuck;
}

void ar_door_unblock(ar_door *door) {
  ar_block block = take_block(door, false);
  drop_block(&block);
}
