/*
 * Leaving a cancel scope.
 *
 * A scope swallows a cancellation if it is cancelled and no cancelled scope
 * is visible above it: the outermost one catches. On asyncio that holds for
 * cancellations that a scope made; one that a task was asked for natively, or
 * that a script raised, is nobody's here and goes on.
 */

#include "host/leave.h"

#include <lauxlib.h>

#include "host/cancelled.h"
#include "host/raise.h"

/* On asyncio: the requests that deliveries of this scope counted as are
 * taken back by the scope that catches; another hands them outwards. */
static void settle_debt(ar_scope *s, ar_task *t, bool catches) {
  if (s->debt == 0)
    return;
  if (catches)
    while (s->debt > 0) {
      (void)ar_task_uncancel(t);
      s->debt--;
    }
  else if (s->parent != NULL)
    s->parent->debt += s->debt;
  s->debt = 0;
}

void ar_leave_settle(ar_scope *s, ar_task *t) {
  if (AR_UNLIKELY(s->debt != 0))
    settle_debt(s, t, ar_scope_catches(s));
}

/* Is the bare cancellation on top one that a scope made? */
static bool is_made_by_scope(lua_State *L) {
  bool is;
  lua_pushliteral(L, "scope_made");
  lua_rawget(L, -2);
  is = lua_toboolean(L, -1);
  lua_pop(L, 1);
  return is;
}

bool ar_leave_filter(lua_State *L, ar_scope *s, ar_task *t, bool failed) {
  bool catches = ar_scope_catches(s);
  bool native = t->sched->policy->counts;
  int kind;
  settle_debt(s, t, catches);
  if (!failed)
    return false;
  if (!catches)
    return true;
  if (ar_is_recent(L, -1)) {
    s->caught = true;
    lua_pop(L, 1);
    return false;
  }
  kind = ar_error_kind(L, -1);
  if ((kind & (AR_KIND_CANCELLED | AR_KIND_GROUP)) == 0)
    return true;
  if ((kind & AR_KIND_CANCELLED) != 0 && (!native || is_made_by_scope(L))) {
    s->caught = true;
    lua_pop(L, 1);
    return false;
  }
  lua_pushboolean(L, native);
  ar_call_errors(L, "filter_cancelled", 2, 2); /* stack: caught, rest */
  if (lua_toboolean(L, -2))
    s->caught = true;
  lua_remove(L, -2);
  if (!lua_isnil(L, -1))
    return true;
  lua_pop(L, 1);
  return false;
}

bool ar_leave(lua_State *L, ar_scope *s, ar_task *t, bool failed) {
  bool goes_on;
  bool misnested = t->scope != s;
  goes_on = ar_leave_filter(L, s, t, failed);
  ar_scope_exit(s);
  ar_cancelled_forget(L, s);
  if (misnested && !goes_on) {
    ar_push_error(L, "RuntimeError",
                  "a cancel scope was left while one inside it was still "
                  "entered");
    return true;
  }
  return goes_on;
}
