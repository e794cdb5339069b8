--- fail_after and fail_at: when a TimeoutError is raised and when not.
local anyio = require "anyio"
local t = require "harness"
local checkpoint = anyio.lowlevel.checkpoint

local function raises_timeout(f, ...)
  return t.raises(anyio.TimeoutError, f, ...)
end

--- Compute until the clock has passed `when`, without a checkpoint.
local function busy_until(when)
  while anyio.current_time() <= when do end
end

t.test("[CS-28 CS-36] at the deadline of fail_after the block ends with a TimeoutError",
  {mock_clock = true}, function()
    for _, delay in ipairs {0, 0.03} do
      local scope
      raises_timeout(anyio.fail_after, delay, function(s)
        scope = s
        local ok, err = pcall(anyio.sleep, 10)
        t.no(ok)
        t.match(tostring(err), "deadline")
        error(err, 0)
      end)
      t.ok(scope.cancel_called)
      t.ok(scope.cancelled_caught)
    end
  end)

t.test("[CS-28 CS-36] and of fail_at", {mock_clock = true}, function()
  for _, delay in ipairs {-1, 0, 0.03} do
    local scope
    raises_timeout(anyio.fail_at, anyio.current_time() + delay, function(s)
      scope = s
      anyio.sleep(10)
    end)
    t.ok(scope.cancel_called)
    t.ok(scope.cancelled_caught)
  end
end)

t.test("[CS-36] the TimeoutError is an ordinary error and an OSError", function()
  local err = raises_timeout(anyio.fail_after, 0, checkpoint)
  t.isa(err, anyio.Exception)
  t.isa(err, anyio.OSError)
  t.eq(err.name, "TimeoutError")
  checkpoint()
end)

t.test("[CS-36] a block that ends in time returns the scope and its values", function()
  local scope, value = anyio.fail_after(60, function()
    checkpoint()
    return "value"
  end)
  t.eq(value, "value")
  t.no(scope.cancel_called)
end)

t.test("[CS-36] another error of the block passes through", function()
  local err = t.raises(anyio.ValueError, anyio.fail_after, 0, function()
    error(anyio.ValueError("mine"))
  end)
  t.eq(err.message, "mine")
  checkpoint()
end)

t.test("[CS-37] the reason becomes the text of the TimeoutError", function()
  local err = raises_timeout(anyio.fail_after, 0, {reason = "too slow a server"}, checkpoint)
  t.match(tostring(err), "too slow a server")
  t.eq(err.message, "too slow a server")
  err = raises_timeout(anyio.fail_at, anyio.current_time(), {reason = "too late"}, checkpoint)
  t.eq(err.message, "too late")
end)

t.test("[CS-38] cancelled by hand before the deadline: no TimeoutError", function()
  local scope = anyio.fail_after(60, function(scope)
    scope:cancel()
    checkpoint()
    t.fail("the checkpoint must raise")
  end)
  t.ok(scope.cancel_called)
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-39 T11] nor when the block is left only after the deadline has passed", function()
  local scope = anyio.fail_after(0.005, function(scope)
    scope:cancel()
    busy_until(scope.deadline)
    checkpoint()
    t.fail("the checkpoint must raise")
  end)
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-39] nor when the deadline passes while the block cleans up", {mock_clock = true},
  function()
    local scope = anyio.fail_after(0.01, function(scope)
      scope:cancel()
      local _, err = pcall(checkpoint)
      anyio.CancelScope({shield = true}, function() anyio.sleep(0.03) end)
      error(err, 0)
    end)
    t.ok(scope.cancelled_caught)
  end)

t.test("[CS-40 T11] a late block without a checkpoint raises nothing", function()
  local scope, value = anyio.fail_after(0.005, function(scope)
    busy_until(scope.deadline)
    return "late"
  end)
  t.eq(value, "late")
  t.no(scope.cancelled_caught)
  scope, value = anyio.fail_after(0, function() return "at once" end)
  t.eq(value, "at once")
  t.ok(scope.cancel_called)
  t.no(scope.cancelled_caught)
  checkpoint()
end)

t.test("[T11] computing past the deadline: cancel_called, nothing caught, no error", function()
  local scope = anyio.fail_after(0.005, function(scope)
    busy_until(scope.deadline)
    -- asyncio's timer has not run yet; a checkpoint inside a shield lets it
    anyio.CancelScope({shield = true}, function() anyio.sleep(0.001) end)
    t.ok(scope.cancel_called)
  end)
  t.ok(scope.cancel_called)
  t.no(scope.cancelled_caught)
end)

t.test("[CS-35 T12] fail_after's clock starts at entering the block", {mock_clock = true},
  function()
    local scope = anyio.fail_after(10)
    anyio.sleep(0.03)
    local entered_at
    scope(function(s)
      entered_at = anyio.current_time()
      t.near(s.deadline - entered_at, 10, 0.02)
      checkpoint()
    end)
    t.no(scope.cancel_called)
  end)

t.test("[CS-35 T12] an object made early expires only after its whole delay",
  {mock_clock = true}, function()
    local scope = anyio.fail_after(0.03)
    anyio.sleep(0.06)
    local ran = false
    scope(function()
      checkpoint()
      ran = true
    end)
    t.ok(ran)
  end)

t.test("[CS-41] fail_after works in a task that was cancelled and recovered", {mock_clock = true},
  function()
    anyio.create_task_group(function(tg)
      tg.cancel_scope:cancel()
      anyio.sleep_forever()
    end)
    local woke = false
    raises_timeout(anyio.fail_after, 0.02, function()
      anyio.sleep(20)
      woke = true
    end)
    t.no(woke)
  end)

t.test("[CS-42] fail_after around a task group raises one TimeoutError and no group",
  {mock_clock = true}, function()
    local err = raises_timeout(anyio.fail_after, 0.03, function()
      anyio.create_task_group(function(tg)
        tg:start_soon(anyio.sleep, 20)
        tg:start_soon(anyio.sleep_forever)
        anyio.sleep(20)
      end)
    end)
    t.no(anyio.isinstance(err, anyio.BaseExceptionGroup))
  end)

t.test("[CS-43] an outer scope's cancellation does not become a TimeoutError", function()
  local timeout, reached
  local outer
  anyio.create_task_group(function(tg)
    outer = anyio.CancelScope(function(outer_scope)
      anyio.CancelScope(function()
        tg:start_soon(function()
          anyio.wait_all_tasks_blocked()
          outer_scope:cancel()
        end)
        anyio.fail_after(60, function(scope)
          timeout = scope
          anyio.sleep_forever()
        end)
        reached = true
      end)
      reached = true
    end)
  end)
  t.no(reached)
  t.ok(outer.cancelled_caught)
  t.no(timeout.cancelled_caught)
end)

t.test("[CS-43] nor when both are cancelled", function()
  local timeout
  local outer = anyio.CancelScope(function(outer_scope)
    outer_scope:cancel()
    anyio.fail_after(0, function(scope)
      timeout = scope
      checkpoint()
    end)
    t.fail("the outer scope's cancellation must pass")
  end)
  t.ok(outer.cancelled_caught)
  t.no(timeout.cancelled_caught)
end)

t.test("[CS-44] a TimeoutError in a child travels as an ordinary error", {mock_clock = true},
  function()
    local group = t.group(anyio.create_task_group, function(tg)
      tg:start_soon(function() anyio.fail_after(0.01, anyio.sleep_forever) end)
      anyio.sleep_forever()
    end)
    t.isa(group, anyio.ExceptionGroup)
    t.eq(#group.exceptions, 1)
    t.isa(group.exceptions[1], anyio.TimeoutError)
  end)

t.test("fail_after takes known options only", function()
  local err = t.raises("resaon", anyio.fail_after, 1, {resaon = "x"}, checkpoint)
  t.match(tostring(err), "reason")
  t.match(tostring(err), "shield")
end)
