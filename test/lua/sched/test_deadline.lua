--- Deadlines of scopes: move_on_after, move_on_at, the effective deadline.
local anyio = require "anyio"
local t = require "harness"
local checkpoint = anyio.lowlevel.checkpoint

local function raises_cancelled(f, ...)
  return t.raises(anyio.get_cancelled_exc_class(), f, ...)
end

--- Compute until the clock has passed `when`, without a checkpoint.
local function busy_until(when)
  while anyio.current_time() <= when do end
end

t.test("[CS-27] a scope's deadline is infinity and its shield off unless given", function()
  local scope = anyio.CancelScope(checkpoint)
  t.eq(scope.deadline, math.huge)
  t.eq(scope.shield, false)
  local when = anyio.current_time() + 50
  scope = anyio.CancelScope({deadline = when, shield = true}, function(s)
    t.near(s.deadline, when, 1e-6)
    t.eq(anyio.current_effective_deadline(), s.deadline)
    checkpoint()
  end)
  t.eq(scope.shield, true)
  t.no(scope.cancel_called)
end)

t.test("[CS-27 CS-28] reaching the deadline cancels the scope", {mock_clock = true}, function()
  local start = anyio.current_time()
  local scope = anyio.CancelScope({deadline = start + 0.05}, function()
    anyio.sleep_forever()
  end)
  t.ok(scope.cancelled_caught)
  local passed = anyio.current_time() - start
  t.ok(passed >= 0.05, "ended early")
  t.ok(passed < 5, "ended late")
end)

t.test("[CS-28] the error of an expired scope mentions the deadline", {mock_clock = true},
  function()
    for _, delay in ipairs {0, 0.02} do
      anyio.move_on_after(delay, function()
        local err = raises_cancelled(anyio.sleep_forever)
        t.match(tostring(err), "deadline")
        error(err, 0)
      end)
    end
  end)

t.test("[CS-29] a deadline that is past on entry cancels from the start", function()
  for _, delay in ipairs {0, -1, -math.huge} do
    local entered = false
    local scope = anyio.CancelScope({deadline = anyio.current_time() + delay}, function(scope)
      entered = true
      t.ok(scope.cancel_called)
      t.eq(anyio.current_effective_deadline(), -math.huge)
      checkpoint()
      t.fail("the checkpoint must raise")
    end)
    t.ok(entered)
    t.ok(scope.cancelled_caught)
  end
end)

t.test("[CS-29 CS-33] move_on_after(0) and move_on_at(now) run to the first checkpoint",
  function()
    for _, scope in ipairs {
      anyio.move_on_after(0), anyio.move_on_after(-1), anyio.move_on_at(anyio.current_time()),
    } do
      local entered = false
      scope(function()
        entered = true
        checkpoint()
        t.fail("the checkpoint must raise")
      end)
      t.ok(entered)
      t.ok(scope.cancel_called)
      t.ok(scope.cancelled_caught)
    end
  end)

t.test("[CS-30] a deadline moved later is honoured", {mock_clock = true}, function()
  local slept = false
  local scope = anyio.move_on_after(0.03, function(scope)
    scope.deadline = scope.deadline + 30
    anyio.sleep(0.06)
    slept = true
  end)
  t.ok(slept)
  t.no(scope.cancel_called)
end)

t.test("[CS-30] a deadline moved earlier is honoured", {mock_clock = true}, function()
  local start = anyio.current_time()
  local scope = anyio.move_on_after(1000, function(scope)
    scope.deadline = anyio.current_time() + 0.03
    anyio.sleep_forever()
  end)
  t.ok(scope.cancelled_caught)
  t.ok(anyio.current_time() - start < 5)
end)

t.test("[CS-30] another task may move the deadline of a scope that is waited in",
  {mock_clock = true}, function()
    local scope
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        anyio.CancelScope(function(s)
          scope = s
          anyio.sleep_forever()
        end)
      end)
      anyio.wait_all_tasks_blocked()
      scope.deadline = anyio.current_time() + 0.01
    end)
    t.ok(scope.cancelled_caught)
  end)

t.test("[CS-30] a deadline set to infinity in time never comes", {mock_clock = true}, function()
  local scope = anyio.move_on_after(0.03, function(scope)
    scope.deadline = math.huge
    t.eq(scope.deadline, math.huge)
    anyio.sleep(0.06)
  end)
  t.no(scope.cancel_called)
end)

t.test("[CS-30] a deadline set before entering counts", function()
  local scope = anyio.CancelScope()
  scope.deadline = anyio.current_time() - 1
  scope(function()
    checkpoint()
    t.fail("the checkpoint must raise")
  end)
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-31 T13] a past deadline assigned inside: the next checkpoint raises", function()
  local scope = anyio.CancelScope(function(scope)
    scope.deadline = anyio.current_time() - 1
    if t.backend == "asyncio" then
      t.eq(anyio.current_effective_deadline(), -math.huge, "cancelled by the assignment")
    else
      t.eq(anyio.current_effective_deadline(), scope.deadline, "nobody has looked yet")
    end
    t.ok(scope.cancel_called)
    t.eq(anyio.current_effective_deadline(), -math.huge)
    checkpoint()
    t.fail("the checkpoint must raise")
  end)
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-31] the same when nobody reads cancel_called", function()
  local scope = anyio.CancelScope(function(scope)
    scope.deadline = anyio.current_time() - 1
    checkpoint()
    t.fail("the checkpoint must raise")
  end)
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-32 T13] a deadline that passes while the task computes", function()
  local scope = anyio.move_on_after(0.005, function(scope)
    busy_until(scope.deadline)
    if t.backend == "asyncio" then
      t.no(scope.cancel_called, "the loop has not run its timers yet")
    else
      t.ok(scope.cancel_called, "reading it cancels")
    end
    raises_cancelled(anyio.sleep_forever)
  end)
  t.ok(scope.cancel_called)
end)

t.test("[CS-33] move_on_after and move_on_at leave the block quietly", {mock_clock = true},
  function()
    local start = anyio.current_time()
    for _, scope in ipairs {
      anyio.move_on_after(0.03), anyio.move_on_at(anyio.current_time() + 0.06),
    } do
      local woke = false
      local returned = scope(function()
        anyio.sleep(20)
        woke = true
      end)
      t.ok(rawequal(returned, scope))
      t.no(woke)
      t.ok(scope.cancel_called)
      t.ok(scope.cancelled_caught)
    end
    t.ok(anyio.current_time() - start < 10)
  end)

t.test("[CS-33] a block that ends in time is not touched and returns its values", function()
  local scope, a, b = anyio.move_on_after(60, function()
    checkpoint()
    return "a", "b"
  end)
  t.eq({a, b}, {"a", "b"})
  t.no(scope.cancel_called)
  t.no(scope.cancelled_caught)
  checkpoint()
end)

t.test("[CS-34] no delay or deadline means no timeout", function()
  for _, name in ipairs {"move_on_after", "move_on_at", "fail_after", "fail_at"} do
    local done = false
    local scope = anyio[name](nil, function(scope)
      t.eq(scope.deadline, math.huge)
      t.eq(anyio.current_effective_deadline(), math.huge)
      anyio.sleep(0.001)
      done = true
    end)
    t.ok(done)
    t.no(scope.cancel_called)
    t.no(scope.cancelled_caught)
  end
end)

t.test("[CS-35 T12] move_on_after's clock starts at the call", {mock_clock = true}, function()
  local scope = anyio.move_on_after(0.02)
  anyio.sleep(0.04)
  local entered = false
  scope(function()
    entered = true
    checkpoint()
    t.fail("the checkpoint must raise")
  end)
  t.ok(entered)
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-45] all four timeouts accept a shield", function()
  for name, argument in pairs {
    move_on_after = 60, fail_after = 60,
    move_on_at = anyio.current_time() + 60, fail_at = anyio.current_time() + 60,
  } do
    local inside = false
    local outer = anyio.CancelScope(function(outer)
      outer:cancel()
      anyio[name](argument, {shield = true}, function(scope)
        t.ok(scope.shield)
        checkpoint()
        inside = true
      end)
    end)
    t.ok(inside, name)
    t.no(outer.cancelled_caught)
  end
end)

t.test("[CS-09 CS-46 CS-47] of nested timeouts only the one that came reports", {mock_clock = true},
  function()
    local inner, woke, after
    local outer = anyio.move_on_after(0.03, function(outer)
      t.eq(anyio.current_effective_deadline(), outer.deadline)
      anyio.move_on_after(100, function(scope)
        inner = scope
        t.eq(anyio.current_effective_deadline(), outer.deadline)
        anyio.sleep(200)
        woke = true
      end)
      after = true
    end)
    t.no(woke)
    t.no(after)
    t.ok(outer.cancel_called)
    t.ok(outer.cancelled_caught)
    t.no(inner.cancel_called)
    t.no(inner.cancelled_caught)
  end)
