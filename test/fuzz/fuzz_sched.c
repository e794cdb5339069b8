/*
 * Fuzz the scheduler: the input is a program for tasks that spawn, wait,
 * wake, cancel, shield, sleep, move, die and end, in any order.
 *
 * Byte 0 chooses backend, loop and order of batches, byte 1 seeds it; every
 * further byte is an operation of whoever runs, or an operand of it. Tasks
 * that meet the end of the input unwind and end. The debug build walks all
 * invariants after each turn; here is asserted what is left, a model of each
 * task: who was made ready is stepped once, with what it was woken with; who
 * has a cancellation pending cannot wait; every task ends, in a bounded
 * number of steps; no wake-up of a lot is lost (but to an asyncio request).
 */

#include "sched_world.h"

/* ---- operations: true when the actor's step is over ---- */

static bool op_yield(actor *a) {
  a->expects = 0;
  ar_task_yield(&a->task);
  return true;
}

static bool op_park(actor *a) {
  a->answer = AR_ABORTED;
  park(a, FOR_LOT, lot_abort);
  return true;
}

static bool op_sleep(actor *a) {
  a->answer = AR_ABORTED;
  a->expects = 0;
  REQUIRE(ar_deadline_set(&w.run.sched, &a->kit.due,
                          w.now + (ar_time)next_byte()) == 0);
  park(a, FOR_TIME, plain_abort);
  return true;
}

static bool op_wait(actor *a) {
  unsigned traits = next_byte();
  a->answer = (traits & 1) != 0 ? AR_ABORT_LATER : AR_ABORTED;
  a->task.deaf = (traits & 6) == 6 ? AR_CAUSE_SCOPE : 0;
  if ((traits & 24) == 24) {
    a->task.patient = true;
    w.run.sched.n_patient++;
  }
  park(a, FOR_ANYBODY, (traits & 96) == 96 ? NULL : plain_abort);
  return true;
}

static bool op_wake(actor *a) {
  actor *other = any_actor();
  (void)a;
  if (other->task.state == AR_TASK_PARKED && other->waits == FOR_ANYBODY)
    wake(other, (next_byte() & 1) != 0 ? AR_EPIPE : 0);
  return false;
}

static bool op_unpark(actor *a) {
  (void)a;
  unpark(&w.lots[next_byte() % N_LOTS], next_byte() % 4);
  return false;
}

static bool op_repark(actor *a) {
  unsigned from = next_byte() % N_LOTS;
  unsigned to = next_byte() % N_LOTS;
  (void)a;
  if (from != to)
    (void)ar_lot_repark(&w.lots[from], &w.lots[to], next_byte() % 4);
  return false;
}

static bool op_scope(actor *a) {
  push_frame(a, false);
  return false;
}

static bool op_group(actor *a) {
  push_frame(a, true);
  return false;
}

static bool op_leave(actor *a) {
  if (a->depth == 0)
    return false;
  if (a->frames[a->depth - 1]->is_group && !join(a))
    return true;
  (void)pop_frame(a);
  return false;
}

/* Leave a scope that is not the innermost. */
static bool op_misnest(actor *a) {
  int at = a->depth == 0 ? 0 : (int)(next_byte() % (unsigned)a->depth);
  if (a->depth == 0 || a->frames[at]->is_group)
    return false;
  ar_scope_exit(&a->frames[at]->scope);
  remove_frame(a, at);
  return false;
}

static bool op_spawn(actor *a) {
  ar_group *g = NULL;
  actor *child;
  for (int i = a->depth; i > 0 && g == NULL; i--)
    g = open_group(a->frames[i - 1]);
  child = g == NULL ? NULL : new_actor();
  if (child == NULL)
    return false;
  ar_group_spawn(g, &child->task);
  if ((next_byte() & 1) != 0)
    ar_task_equip(&child->task, &child->kit);
  return false;
}

/* asyncio's create_task, trio's system tasks. */
static bool op_create(actor *a) {
  actor *child = new_actor();
  (void)a;
  if (child == NULL)
    return false;
  child->task.system = !w.run.sched.policy->counts;
  ar_task_spawn(&child->task, &w.run.sched.system);
  return false;
}

/* A child goes to another group, unless that is below it. */
static bool op_move(actor *a) {
  actor *child = any_actor();
  ar_group *from = child->task.group;
  ar_group *to = open_group(any_frame());
  const ar_scope *up = to == NULL ? NULL : &to->scope;
  (void)a;
  while (up != NULL && up != &child->kit.own)
    up = up->parent;
  if (from == NULL || to == NULL || from == to || up != NULL)
    return false;
  ar_task_move(&child->task, to);
  ar_group_left(from);
  return false;
}

static bool op_starting(actor *a) {
  ar_group *g = a->depth == 0 ? NULL : open_group(a->frames[a->depth - 1]);
  if (g != NULL && (next_byte() & 1) != 0)
    ar_group_starting(g, 1);
  else if (g != NULL && g->n_starting > 0)
    ar_group_starting(g, -1);
  return false;
}

static bool op_cancel(actor *a) {
  frame *f = any_frame();
  (void)a;
  if (f != NULL)
    ar_scope_cancel(scope_of(f), AR_SOURCE_EXPLICIT);
  else
    ar_task_doom(&any_actor()->task, AR_SOURCE_EXPLICIT);
  return false;
}

static bool op_shield(actor *a) {
  frame *f = any_frame();
  (void)a;
  if (f != NULL)
    ar_scope_set_shield(scope_of(f), (next_byte() & 1) != 0);
  return false;
}

static bool op_deadline(actor *a) {
  frame *f = any_frame();
  ar_time when = w.now + (ar_time)next_byte() - 64;
  (void)a;
  if (f != NULL)
    REQUIRE(ar_scope_set_deadline(scope_of(f), when) == 0);
  return false;
}

static bool op_request(actor *a) {
  (void)a;
  (void)ar_task_request_cancel(&any_actor()->task);
  return false;
}

static bool op_uncancel(actor *a) {
  (void)ar_task_uncancel(&a->task);
  return false;
}

static bool op_interrupt(actor *a) {
  (void)a;
  ar_task_interrupt(&any_actor()->task);
  return false;
}

/* Main's error was an exit: everything ends now. */
static bool op_stop(actor *a) {
  (void)a;
  ar_run_stop(&w.run);
  return false;
}

static void on_timer(ar_deadline *due) {
  int i = (int)(due - w.timers);
  if (++w.rings[i] < PERIODIC)
    REQUIRE(ar_deadline_set(&w.run.sched, due,
                            w.now + (ar_time)next_byte() - 64) == 0);
  else
    unpark(&w.lots[0], 1);
}

static bool op_timer(actor *a) {
  unsigned i = next_byte() % N_EXTRAS;
  (void)a;
  w.rings[i] = 0;
  REQUIRE(ar_deadline_set(&w.run.sched, &w.timers[i],
                          w.now + (ar_time)next_byte() - 64) == 0);
  return false;
}

static void on_call(ar_job *job) {
  (void)job;
  (void)ar_task_request_cancel(&any_actor()->task);
  unpark(&w.lots[next_byte() % N_LOTS], 1);
}

static bool op_call(actor *a) {
  ar_job *job = &w.jobs[next_byte() % N_EXTRAS];
  (void)a;
  if (!ar_link_is_linked(&job->ready))
    ar_sched_queue(&w.run.sched, job);
  return false;
}

static void on_idle(ar_idler *idler) {
  (void)idler;
  if ((next_byte() & 1) != 0)
    unpark(&w.lots[next_byte() % N_LOTS], 1);
}

static bool op_idler(actor *a) {
  ar_idler *idler = &w.idlers[next_byte() % N_EXTRAS];
  (void)a;
  if (!ar_link_is_linked(&idler->link))
    ar_sched_add_idler(&w.run.sched, idler);
  return false;
}

static bool op_end(actor *a) {
  a->unwinding = true;
  return false;
}

static bool op_die(actor *a) {
  end_actor(a);
  return true;
}

static bool (*const operations[])(actor *a) = {
    op_yield,   op_park,     op_sleep,     op_wait,    op_wake,  op_unpark,
    op_repark,  op_scope,    op_group,     op_leave,   op_spawn, op_create,
    op_move,    op_starting, op_cancel,    op_shield,  op_end,   op_deadline,
    op_request, op_uncancel, op_interrupt, op_misnest, op_stop,  op_timer,
    op_call,    op_idler,    op_die,       op_spawn,   op_yield, op_wait,
    op_group,   op_cancel,
};

/* ---- steps --------------------------------------------------------------- */

/* What the step brings: a wake-up, or a cancellation, taken or swallowed. */
static void arrive(actor *a) {
  bool first = a->task.state == AR_TASK_NEW;
  ar_cause cause = ar_task_begin(&a->task);
  bool hit =
      cause != AR_CAUSE_NONE || (!first && a->task.woken == AR_ECANCELED);
  w.steps++;
  REQUIRE(a->ready-- == 1);
  REQUIRE(!w.run.stop || w.run.winding);
  REQUIRE(a->place.lot == NULL);
  REQUIRE(cause == AR_CAUSE_NATIVE || a->task.woken == a->expects);
  if (a->waits == FOR_LOT && a->task.woken == 0)
    w.n_arrived++;
  a->waits = FOR_NOTHING;
  a->expects = 0;
  if (a->joining)
    a->frames[a->depth - 1]->group.waiting = false;
  if (hit && (a->joining || (next_byte() & 1) == 0))
    a->unwinding = true;
}

/* One thing after the other; true when the step is over. */
static bool go_on(actor *a) {
  if (is_exhausted())
    a->unwinding = true;
  if (a->unwinding && !unwind(a))
    return true;
  if (a->unwinding) {
    end_actor(a);
    return true;
  }
  if (a->joining) {
    if (!join(a))
      return true;
    (void)pop_frame(a);
  }
  return !is_exhausted() && operations[next_byte() % ar_countof(operations)](a);
}

static void actor_step(ar_job *job) {
  actor *a = actor_of(ar_container_of(job, ar_task, job));
  if (a->task.kit == NULL)
    ar_task_equip(&a->task, &a->kit);
  arrive(a);
  while (!go_on(a))
    ;
}

/* ---- the run ------------------------------------------------------------- */

static void drive(void) {
  size_t bound = 1000 + 64 * (size_t)(w.end - w.at) + 1000 * MAX_ACTORS;
  while (ar_run_drive(&w.run) != AR_RUN_DONE) {
    REQUIRE(let_go());
    REQUIRE(w.steps < bound);
  }
  REQUIRE(w.steps < bound);
}

static void open_world(const uint8_t *data, size_t size) {
  unsigned how = data[0];
  const ar_backend *backend = ar_backend_find(ar_backend_name(how & 1));
  memset(&w, 0, sizeof w);
  w.at = data + 2;
  w.end = data + size;
  w.clock =
      (ar_clock){clock_now, clock_to_sleep, clock_threshold, clock_jump, 0};
  w.hooks.wanted = ~0U;
  w.hooks.call = on_hook;
  REQUIRE(ar_run_open(&w.run, backend, backend->fast != NULL && (how & 2) != 0,
                      &w.clock) == 0);
  w.run.sched.instruments = &w.hooks;
  ar_rand_seed(&w.run.sched.rand, data[1]);
  if ((how & 4) != 0)
    w.run.sched.seeded = &w.run.sched.rand;
  for (int i = 0; i < N_LOTS; i++)
    ar_lot_init(&w.lots[i], "lot");
  for (int i = 0; i < N_EXTRAS; i++) {
    ar_deadline_init(&w.timers[i], on_timer);
    ar_link_init(&w.jobs[i].ready);
    w.jobs[i].step = on_call;
    w.jobs[i].id = w.run.sched.next_id++;
    ar_link_init(&w.idlers[i].link);
    w.idlers[i].idle = on_idle;
  }
}

static void close_world(void) {
  for (size_t i = 0; i < w.n_actors; i++)
    REQUIRE(w.actors[i]->task.state == AR_TASK_DONE);
  for (int i = 0; i < N_LOTS; i++)
    REQUIRE(w.lots[i].n_parked == 0);
  if (!w.run.sched.policy->counts)
    REQUIRE(w.n_unparked == w.n_arrived);
  REQUIRE(ar_run_close(&w.run) == 0);
  for (size_t i = 0; i < w.n_actors; i++)
    free(w.actors[i]);
  REQUIRE(ar_mem_stats().live_blocks == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  actor *first;
  if (size < 3)
    return 0;
  open_world(data, size);
  first = new_actor();
  ar_run_main(&w.run, &first->task);
  ar_task_spawn(&first->task, &w.run.sched.root);
  drive();
  ar_run_wind_down(&w.run);
  drive();
  close_world();
  return 0;
}
