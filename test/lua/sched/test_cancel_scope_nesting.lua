--- Nested cancel scopes: which of them catches, and when a task is hit.
local anyio = require "anyio"
local t = require "harness"
local new_gate = require "gate"
local checkpoint = anyio.lowlevel.checkpoint

local function raises_cancelled(f, ...)
  return t.raises(anyio.get_cancelled_exc_class(), f, ...)
end

t.test("[CS-12 T06] of two cancelled scopes the outer one catches", function()
  local inner, after_inner
  local outer = anyio.CancelScope(function(outer)
    outer:cancel()
    anyio.CancelScope(function(scope)
      inner = scope
      scope:cancel()
      anyio.sleep_forever()
    end)
    after_inner = true
  end)
  t.no(after_inner)
  t.no(inner.cancelled_caught)
  t.ok(outer.cancelled_caught)
  checkpoint()
end)

t.test("[CS-12] uncancelled scopes between the wait and the cancelled one let it pass",
  function()
    local middle, inner
    local outer = anyio.CancelScope(function(outer)
      anyio.CancelScope(function(scope)
        middle = scope
        anyio.CancelScope(function(deepest)
          inner = deepest
          outer:cancel()
          checkpoint()
        end)
        t.fail("the inner scope must not catch")
      end)
      t.fail("the middle scope must not catch")
    end)
    t.ok(outer.cancelled_caught)
    for _, scope in ipairs {middle, inner} do
      t.no(scope.cancel_called)
      t.no(scope.cancelled_caught)
    end
  end)

t.test("[CS-12] a cancelled scope inside an uncancelled one catches; the outer goes on",
  function()
    local went_on
    local outer = anyio.CancelScope(function()
      local inner = anyio.CancelScope(function(inner)
        inner:cancel()
        checkpoint()
      end)
      t.ok(inner.cancelled_caught)
      checkpoint()
      went_on = true
    end)
    t.ok(went_on)
    t.no(outer.cancel_called)
  end)

t.test("[CS-12] a hundred nested scopes let the cancellation of the outermost pass", function()
  local caught = 0
  local function nest(depth)
    local scope = anyio.CancelScope(function()
      if depth == 0 then anyio.sleep_forever() else nest(depth - 1) end
    end)
    if scope.cancelled_caught then caught = caught + 1 end
  end
  local outermost
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      anyio.CancelScope(function(scope)
        outermost = scope
        nest(100)
      end)
    end)
    anyio.wait_all_tasks_blocked()
    outermost:cancel()
  end)
  t.eq(caught, 0)
  t.ok(outermost.cancelled_caught)
end)

t.test("[CS-13 T06] an outer scope cancelled while the error is on its way catches it",
  function()
    local inner
    local outer = anyio.CancelScope(function(outer)
      anyio.CancelScope(function(scope)
        inner = scope
        scope:cancel()
        local _, err = pcall(checkpoint)
        outer:cancel()
        error(err, 0)
      end)
      t.fail("the inner scope must not catch")
    end)
    t.no(inner.cancelled_caught)
    t.ok(outer.cancelled_caught)
    checkpoint()
  end)

t.test("[CS-13] the same when the outer is cancelled by a <close> value on the way", function()
  local inner
  local outer = anyio.CancelScope(function(outer)
    anyio.CancelScope(function(scope)
      inner = scope
      local _ <close> = setmetatable({}, {__close = function() outer:cancel() end})
      scope:cancel()
      checkpoint()
    end)
    t.fail("the inner scope must not catch")
  end)
  t.no(inner.cancelled_caught)
  t.ok(outer.cancelled_caught)
end)

t.test("[CS-14 T06] with a shielded inner scope the inner catches and code between runs",
  function()
    local inner, between
    local outer = anyio.CancelScope(function(outer)
      inner = anyio.CancelScope({shield = true}, function(scope)
        scope:cancel()
        local _, err = pcall(checkpoint)
        outer:cancel()
        error(err, 0)
      end)
      between = true
    end)
    t.ok(between)
    t.ok(inner.cancelled_caught)
    t.ok(outer.cancel_called)
    t.no(outer.cancelled_caught)
    checkpoint()
  end)

t.test("[CS-14] and a checkpoint between the scopes is caught by the outer", function()
  local between, after
  local outer = anyio.CancelScope(function(outer)
    local inner = anyio.CancelScope({shield = true}, function(scope)
      scope:cancel()
      local _, err = pcall(checkpoint)
      outer:cancel()
      error(err, 0)
    end)
    t.ok(inner.cancelled_caught)
    between = true
    checkpoint()
    after = true
  end)
  t.ok(between)
  t.no(after)
  t.ok(outer.cancelled_caught)
end)

t.test("[CS-15] a result that came before the cancellation is not lost", function()
  local gate, scope, got = new_gate(), nil, nil
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      anyio.CancelScope(function(s)
        scope = s
        got = gate:wait()
        checkpoint()
        t.fail("the next checkpoint must raise")
      end)
    end)
    anyio.wait_all_tasks_blocked()
    gate:open("the result")
    scope:cancel()
  end)
  t.eq(got, "the result")
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-15] a cancellation that came before the result wins", function()
  local gate, scope, got = new_gate(), nil, nil
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      anyio.CancelScope(function(s)
        scope = s
        got = gate:wait()
      end)
    end)
    anyio.wait_all_tasks_blocked()
    scope:cancel()
    gate:open("too late")
  end)
  t.eq(got, nil)
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-15] a start value that was given before the cancellation arrives", function()
  local got, scope
  anyio.create_task_group(function(tg)
    anyio.CancelScope(function(s)
      scope = s
      got = tg:start(function(task_status)
        anyio.wait_all_tasks_blocked()
        task_status:started("the value")
        s:cancel()
      end)
      checkpoint()
      t.fail("the next checkpoint must raise")
    end)
  end)
  t.eq(got, "the value")
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-15] a native cancellation takes the result away", {backend = "asyncio"}, function()
  local asyncio = require "asyncio"
  local gate, got = new_gate(), nil
  local task = asyncio.create_task(function() got = gate:wait() end)
  anyio.wait_all_tasks_blocked()
  gate:open("the result")
  t.ok(task:cancel())
  raises_cancelled(task.await, task)
  t.eq(got, nil)
  t.ok(task:cancelled())
end)

t.test("[CS-16 T02] a spawned task runs to its first checkpoint before it is cancelled",
  function()
    local log = t.log()
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        log("started")
        checkpoint()
        log("after the checkpoint")
      end)
      tg.cancel_scope:cancel()
    end)
    t.eq(log.items, {"started"})
  end)

t.test("[CS-16] also when a scope around the group was cancelled first", function()
  local log = t.log()
  local scope = anyio.CancelScope(function(scope)
    scope:cancel()
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        log("started")
        anyio.CancelScope(function() anyio.sleep_forever() end)
        log("after the sleep")
      end)
    end)
    t.fail("the group must let the cancellation pass")
  end)
  t.eq(log.items, {"started"})
  t.ok(scope.cancelled_caught)
end)

t.test("[T02] a task made natively and cancelled at once never starts", {backend = "asyncio"},
  function()
    local asyncio = require "asyncio"
    local started = false
    local task = asyncio.create_task(function() started = true end)
    task:cancel()
    raises_cancelled(task.await, task)
    t.no(started)
  end)

t.test("[CS-57] a wait entered while cancelled lets the ready tasks run first",
  {backend = "asyncio"}, function()
    local log = t.log()
    anyio.create_task_group(function(tg)
      tg:start_soon(function() log("sibling") end)
      anyio.CancelScope(function(scope)
        scope:cancel()
        raises_cancelled(anyio.sleep_forever)
        log("cancelled")
      end)
    end)
    t.eq(log.items, {"sibling", "cancelled"})
  end)

t.test("[CS-57] checkpoint() yields first, also when cancelled", function()
  local log = t.log()
  anyio.create_task_group(function(tg)
    tg:start_soon(function() log("sibling") end)
    anyio.CancelScope(function(scope)
      scope:cancel()
      raises_cancelled(checkpoint)
      log("cancelled")
    end)
  end)
  t.eq(log.items, {"sibling", "cancelled"})
end)
