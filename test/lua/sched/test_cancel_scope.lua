--- Cancel scopes: cancelling, level cancellation, and what a scope reports.
local anyio = require "anyio"
local t = require "harness"
local checkpoint = anyio.lowlevel.checkpoint

local function cancelled_class() return anyio.get_cancelled_exc_class() end

--- Call f(...) in a cancelled place; it must raise the cancellation error.
local function raises_cancelled(f, ...)
  return t.raises(cancelled_class(), f, ...)
end

t.test("[CS-01] cancelling a scope stops every task inside it, then the code after it runs",
  function()
    local stopped, after_wait = 0, false
    local function child()
      local ok, err = pcall(anyio.sleep_forever)
      t.no(ok)
      t.isa(err, cancelled_class())
      stopped = stopped + 1
      error(err, 0)
    end
    local scope = anyio.CancelScope(function(scope)
      anyio.create_task_group(function(tg)
        for _ = 1, 3 do tg:start_soon(child) end
        anyio.wait_all_tasks_blocked()
        scope:cancel()
        anyio.sleep_forever()
        after_wait = true
      end)
    end)
    t.eq(stopped, 3)
    t.no(after_wait)
    t.ok(scope.cancel_called)
    t.ok(scope.cancelled_caught)
    checkpoint()
  end)

t.test("[CS-01] a scope in a child can be cancelled by the host; only the child's block ends",
  function()
    local child_scope, child_went_on
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        anyio.CancelScope(function(scope)
          child_scope = scope
          anyio.sleep_forever()
        end)
        checkpoint()
        child_went_on = true
      end)
      anyio.wait_all_tasks_blocked()
      child_scope:cancel()
      anyio.wait_all_tasks_blocked()
      t.ok(child_went_on)
      t.no(tg.cancel_scope.cancel_called)
    end)
    t.ok(child_scope.cancelled_caught)
  end)

t.test("[CS-02 T01] a swallowed cancellation comes again at every checkpoint", function()
  local scope = anyio.CancelScope(function(scope)
    scope:cancel()
    for _ = 1, 3 do
      raises_cancelled(checkpoint)
      raises_cancelled(anyio.sleep, 0.01)
      raises_cancelled(anyio.sleep_forever)
    end
  end)
  t.ok(scope.cancel_called)
  t.no(scope.cancelled_caught, "nothing was left for the scope to catch")
  checkpoint()
end)

t.test("[CS-02 T01] a child that swallows its cancellation is cancelled again", function()
  local hits = 0
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      for _ = 1, 5 do
        raises_cancelled(anyio.sleep_forever)
        hits = hits + 1
      end
    end)
    anyio.wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
  end)
  t.eq(hits, 5)
end)

t.test("[CS-03] cancel does not interrupt its caller before the caller's next checkpoint",
  function()
    local reached = false
    anyio.CancelScope(function(scope)
      scope:cancel()
      reached = true
      checkpoint()
      t.fail("the checkpoint must raise")
    end)
    t.ok(reached)
  end)

t.test("[CS-03] any task of the run may cancel any scope, and goes on itself", function()
  local target, log = nil, t.log()
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      anyio.CancelScope(function(scope)
        target = scope
        anyio.sleep_forever()
      end)
    end)
    tg:start_soon(function()
      anyio.wait_all_tasks_blocked()
      target:cancel()
      log("cancelled")
      checkpoint()
      log("went on")
    end)
  end)
  t.eq(log.items, {"cancelled", "went on"})
  t.ok(target.cancelled_caught)
end)

t.test("[CS-04] a second cancel changes nothing, nor the reason", function()
  local scope = anyio.CancelScope(function(scope)
    scope:cancel("the first reason")
    scope:cancel("the second reason")
    local err = raises_cancelled(checkpoint)
    t.match(tostring(err), "the first reason")
    t.no(tostring(err):find("second", 1, true))
    scope:cancel("the third reason")
    t.match(tostring(raises_cancelled(checkpoint)), "the first reason")
  end)
  t.ok(scope.cancel_called)
end)

t.test("[CS-05] a cancelled scope stays cancelled when its deadline is moved to infinity",
  function()
    local scope = anyio.CancelScope(function(scope)
      scope:cancel()
      scope.deadline = math.huge
      checkpoint()
      t.fail("the checkpoint must raise")
    end)
    t.ok(scope.cancel_called)
    t.ok(scope.cancelled_caught)
  end)

t.test("[CS-05] nor does an expired deadline that is moved save the block", function()
  local scope = anyio.move_on_after(0, function(scope)
    raises_cancelled(checkpoint)
    scope.deadline = math.huge
    checkpoint()
    t.fail("the checkpoint must raise")
  end)
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-06] a cancel before the scope is entered counts", function()
  local scope = anyio.CancelScope()
  t.no(scope.cancel_called)
  scope:cancel()
  t.ok(scope.cancel_called)
  local entered = false
  scope(function()
    entered = true
    anyio.sleep_forever()
    t.fail("the sleep must raise")
  end)
  t.ok(entered)
  t.ok(scope.cancelled_caught)
  checkpoint()
end)

t.test("[CS-07] a cancel after the scope has ended only sets cancel_called", function()
  local scope = anyio.CancelScope(checkpoint)
  t.no(scope.cancel_called)
  scope:cancel()
  t.ok(scope.cancel_called)
  t.no(scope.cancelled_caught)
  checkpoint()
  anyio.sleep(0)
  t.no(anyio.get_current_task():has_pending_cancellation())
end)

t.test("[CS-08] a cancelled scope without a checkpoint catches nothing and raises nothing",
  function()
    local scope, value = anyio.CancelScope(function(scope)
      scope:cancel()
      return "the body's value"
    end)
    t.ok(scope.cancel_called)
    t.no(scope.cancelled_caught)
    t.eq(value, "the body's value")
    checkpoint()
  end)

t.test("[CS-09] a scope that was not cancelled reports neither", function()
  local scope, a, b = anyio.CancelScope(function()
    checkpoint()
    return 1, nil
  end)
  t.no(scope.cancel_called)
  t.no(scope.cancelled_caught)
  t.eq(a, 1)
  t.eq(b, nil)
end)

t.test("[CS-09] a scope returns itself and nothing more where it caught its cancellation",
  function()
    local count = select("#", anyio.CancelScope(function(scope)
      scope:cancel()
      checkpoint()
      return "unreachable"
    end))
    t.eq(count, 1)
  end)

t.test("[CS-10] another error raised because of the cancellation passes through", function()
  local scope
  local err = t.raises(anyio.ValueError, function()
    anyio.CancelScope(function(s)
      scope = s
      s:cancel()
      local ok = pcall(checkpoint)
      t.no(ok)
      error(anyio.ValueError("cleanup failed"))
    end)
  end)
  t.eq(err.message, "cleanup failed")
  t.ok(scope.cancel_called)
  t.no(scope.cancelled_caught)
  checkpoint()
end)

t.test("[CS-10] any Lua value passes through a cancelled scope unchanged", function()
  for _, value in ipairs {"a string", 42, false, {"a table"}} do
    local ok, err = pcall(anyio.CancelScope, function(scope)
      scope:cancel()
      error(value, 0)
    end)
    t.no(ok)
    t.ok(rawequal(err, value))
  end
  checkpoint()
end)

t.test("[CS-11 T01] after a cancelled scope the task is fully usable", function()
  for _ = 1, 3 do
    anyio.CancelScope(function(scope)
      scope:cancel()
      checkpoint()
    end)
    t.no(anyio.get_current_task():has_pending_cancellation())
    t.eq(anyio.current_effective_deadline(), math.huge)
    checkpoint()
    anyio.sleep(0.001)
    local done = false
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        checkpoint()
        done = true
      end)
    end)
    t.ok(done)
  end
end)

t.test("[CS-11] a timeout inside, then a cancel without a checkpoint, leaves nothing behind",
  {mock_clock = true}, function()
    local scope = anyio.CancelScope(function(scope)
      anyio.move_on_after(0.02, function() anyio.sleep_forever() end)
      scope:cancel()
    end)
    t.no(scope.cancelled_caught)
    checkpoint()
  end)

t.test("aclose_forcefully is given something that can be closed", function()
  for _, value in ipairs { 5, "x", {}, io.stdout } do
    t.raises("bad argument #1 to 'aclose_forcefully' (resource expected, with a "
      .. "method aclose", anyio.aclose_forcefully, value)
  end
  t.raises("bad argument #1 to 'aclose_forcefully'", anyio.aclose_forcefully)
end)

t.test("[CS-73] aclose_forcefully closes in a cancelled scope and swallows what results",
  function()
    local log = t.log()
    local resource = {}
    function resource.aclose()
      log("closing")
      raises_cancelled(checkpoint)
      log("closed")
      anyio.sleep_forever()
      log("waited")
    end
    anyio.aclose_forcefully(resource)
    t.eq(log.items, {"closing", "closed"})
    checkpoint()
  end)
