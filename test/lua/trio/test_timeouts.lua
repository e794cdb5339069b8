--- Sleeping, and the helpers with a deadline.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"

local mock = {mock_clock = true}
local raise = error

t.test("[TR-TMO-01] move_on_after and move_on_at end silently", mock, function()
  local before = trio.current_time()
  local scope, value = trio.move_on_after(2, function(scope)
    t.eq(scope.deadline, before + 2)
    trio.sleep_forever()
    return "never"
  end)
  t.eq(trio.current_time(), before + 2)
  t.ok(scope.cancelled_caught)
  t.eq(value, nil)
  scope = trio.move_on_at(before + 3, trio.sleep_forever)
  t.ok(scope.cancelled_caught)
  t.eq(trio.current_time(), before + 3)
  scope, value = trio.move_on_after(2, function() return "value" end)
  t.no(scope.cancelled_caught)
  t.eq(value, "value")
end)

t.test("[TR-TMO-02 D-48] fail_after and fail_at raise TooSlowError", mock, function()
  local before = trio.current_time()
  t.raises(trio.TooSlowError, trio.fail_after, 1, trio.sleep_forever)
  t.eq(trio.current_time(), before + 1)
  t.raises(trio.TooSlowError, trio.fail_at, before + 3, trio.sleep_forever)
  t.eq(trio.current_time(), before + 3)
  local scope, value = trio.fail_after(1, function()
    trio.sleep(0.5)
    return "value"
  end)
  t.no(scope.cancelled_caught)
  t.eq(value, "value")
  local err = t.raises(anyio.ValueError, trio.fail_after, 1, function()
    raise(anyio.ValueError("own"))
  end)
  t.eq(err.message, "own")
end)

t.test("[TR-TMO-03] a scope cancelled by hand counts as too slow as well", function()
  t.raises(trio.TooSlowError, trio.fail_after, 100, function(scope)
    scope:cancel()
    trio.sleep(0)
  end)
end)

t.test("[TR-TMO-04] the time runs from the entering, not from the making", mock, function()
  for _, make in ipairs {trio.move_on_after, trio.fail_after} do
    local scope = make(5)
    t.eq(scope.relative_deadline, 5)
    t.eq(scope.is_relative, true)
    trio.sleep(3)
    local before = trio.current_time()
    scope(function(inner)
      t.eq(inner.deadline, before + 5)
      trio.sleep(4)
    end)
    t.no(scope.cancelled_caught)
  end
  local scope = trio.fail_after(5)
  t.raises(trio.TooSlowError, scope, trio.sleep_forever)
  t.ok(scope.cancelled_caught)
end)

t.test("[TR-TMO-05] negative and NaN seconds and NaN deadlines are ValueErrors", mock, function()
  local nan = 0 / 0
  for _, f in ipairs {trio.sleep, trio.move_on_after, trio.fail_after} do
    t.raises(anyio.ValueError, f, -1, trio.sleep_forever)
    t.raises(anyio.ValueError, f, nan, trio.sleep_forever)
  end
  for _, f in ipairs {trio.sleep_until, trio.move_on_at, trio.fail_at} do
    t.raises(anyio.ValueError, f, nan, trio.sleep_forever)
  end
  t.ok(trio.move_on_at(-7, trio.sleep_forever).cancelled_caught)
  t.raises(trio.TooSlowError, trio.fail_at, -7, trio.sleep_forever)
  trio.sleep_until(-7)
  t.raises("unknown option 'sheild' to 'fail_after'", trio.fail_after, 1, {sheild = true}, print)
  t.raises("bad argument #1 to 'move_on_at'", trio.move_on_at, "soon")
end)

t.test("[TR-TMO-06] a shielded timeout ignores outer cancellation and keeps its deadline", mock,
  function()
    local before = trio.current_time()
    local outer = trio.CancelScope(function(outer)
      outer:cancel()
      local inner = trio.move_on_after(2, {shield = true}, trio.sleep_forever)
      t.ok(inner.cancelled_caught)
      t.eq(trio.current_time(), before + 2)
      t.raises(trio.TooSlowError, trio.fail_after, 1, {shield = true}, trio.sleep_forever)
      t.raises(trio.TooSlowError, trio.fail_at, before + 4, {shield = true}, trio.sleep_forever)
      trio.move_on_at(before + 5, {shield = true}, trio.sleep_forever)
      t.eq(trio.current_time(), before + 5)
      trio.sleep_forever()
    end)
    t.ok(outer.cancelled_caught)
  end)

t.test("[TR-TMO-08] nobody can reschedule sleep_forever", function()
  local task
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      task = trio.lowlevel.current_task()
      trio.sleep_forever()
    end)
    trio.testing.wait_all_tasks_blocked()
    t.raises(anyio.RuntimeError, trio.lowlevel.reschedule, task)
    nursery.cancel_scope:cancel()
  end)
end)

t.test("[TR-TMO-09] a sleep never ends early", function()
  for _ = 1, 5 do
    local before = trio.current_time()
    trio.sleep(0.02)
    t.ok(trio.current_time() - before >= 0.02)
  end
end)

t.test("[TR-TMO-10 D-03] a timeout that is swallowed comes again and is reported", mock, function()
  local hits = 0
  t.raises(trio.TooSlowError, trio.fail_after, 1, function()
    t.raises(trio.Cancelled, trio.sleep, 5)
    hits = hits + 1
    trio.sleep(5)
  end)
  t.eq(hits, 1)
end)

t.test("[TR-TMO-10 D-10] a deadline in the past around a body that does not wait", mock, function()
  local scope, value = trio.move_on_at(trio.current_time() - 1, function() return "value" end)
  t.ok(scope.cancel_called)
  t.no(scope.cancelled_caught)
  t.eq(value, "value")
end)

t.test("[TR-TMO-01] the scopes of fail_after can be used as scopes", mock, function()
  local scope = trio.fail_after(5, {shield = true})
  t.ok(scope.shield)
  scope.shield = false
  t.no(scope.shield)
  scope.relative_deadline = 2
  local before = trio.current_time()
  t.raises(trio.TooSlowError, scope, trio.sleep_forever)
  t.eq(trio.current_time(), before + 2)
  scope = trio.fail_after(5)
  scope:cancel("no need")
  t.ok(scope.cancel_called)
  t.raises(trio.TooSlowError, scope, trio.sleep_forever)
end)
