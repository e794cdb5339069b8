--- Shields: what they hold back, what they do not, and what comes after them.
local anyio = require "anyio"
local t = require "harness"
local new_gate = require "gate"
local checkpoint = anyio.lowlevel.checkpoint

local function raises_cancelled(f, ...)
  return t.raises(anyio.get_cancelled_exc_class(), f, ...)
end

local function pending() return anyio.get_current_task():has_pending_cancellation() end

t.test("[CS-19] a shield holds outer cancellation back until it ends", function()
  local inside, after, inner
  local outer = anyio.CancelScope(function(outer)
    inner = anyio.CancelScope({shield = true}, function(scope)
      t.ok(scope.shield)
      outer:cancel()
      checkpoint()
      anyio.sleep(0)
      inside = true
    end)
    checkpoint()
    after = true
  end)
  t.ok(inside)
  t.no(after)
  t.no(inner.cancel_called)
  t.ok(outer.cancelled_caught)
end)

t.test("[CS-19 CS-45] a shielded wait is not interrupted by another task's cancel",
  {mock_clock = true}, function()
    local slept, after, inner
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        anyio.wait_all_tasks_blocked()
        tg.cancel_scope:cancel()
      end)
      inner = anyio.move_on_after(10, {shield = true}, function(scope)
        t.ok(scope.shield)
        anyio.sleep(0.05)
        slept = true
      end)
      anyio.sleep(1)
      after = true
    end)
    t.ok(slept)
    t.no(after)
    t.no(inner.cancel_called)
  end)

t.test("[CS-02 CS-19 CS-48 DBG-08] the cancellation waits behind the shield and comes twice",
  function()
    anyio.create_task_group(function(tg)
      anyio.CancelScope({shield = true}, function()
        tg.cancel_scope:cancel()
        t.eq(anyio.current_effective_deadline(), math.huge)
        t.no(pending())
        checkpoint()
      end)
      t.eq(anyio.current_effective_deadline(), -math.huge)
      t.ok(pending())
      raises_cancelled(anyio.sleep, 0.01)
      raises_cancelled(anyio.sleep, 0.01)
    end)
  end)

t.test("[CS-20 CS-48] a shield does not protect against its own scope's cancel", function()
  local scope = anyio.CancelScope({shield = true}, function(scope)
    scope:cancel()
    t.eq(anyio.current_effective_deadline(), -math.huge)
    t.ok(pending())
    checkpoint()
    t.fail("the checkpoint must raise")
  end)
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-20] nor does it protect a wait from a cancel by another task", function()
  local scope, woke
  anyio.create_task_group(function(tg)
    anyio.CancelScope({shield = true}, function(s)
      scope = s
      tg:start_soon(function()
        anyio.wait_all_tasks_blocked()
        s:cancel()
      end)
      anyio.sleep_forever()
      woke = true
    end)
  end)
  t.no(woke)
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-20] nor against its own deadline", {mock_clock = true}, function()
  local scope = anyio.move_on_after(0.02, {shield = true}, function()
    anyio.sleep_forever()
  end)
  t.ok(scope.cancelled_caught)
end)

t.test("[CS-21] a deadline inside a shield works although an outer scope is cancelled",
  {mock_clock = true}, function()
    local group = t.group(anyio.create_task_group, function(tg)
      anyio.CancelScope(function(outer)
        anyio.CancelScope({shield = true}, function()
          tg:start_soon(function()
            anyio.wait_all_tasks_blocked()
            outer:cancel()
          end)
          anyio.fail_after(0.1, function() anyio.sleep(2) end)
        end)
      end)
    end)
    t.eq(#group.exceptions, 1)
    t.isa(group.exceptions[1], anyio.TimeoutError)
  end)

t.test("[CS-22] a shield can be switched on and off while the scope is active", function()
  local log, gate, scope = t.log(), new_gate(), nil
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      anyio.CancelScope(function(s)
        scope = s
        checkpoint()
        s.shield = true
        gate:wait()
        log("shielded")
        s.shield = false
        checkpoint()
        log("unreachable")
      end)
      log("unreachable too")
    end)
    anyio.wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
    anyio.CancelScope({shield = true}, function() anyio.wait_all_tasks_blocked() end)
    t.eq(log.items, {})
    gate:open()
  end)
  t.eq(log.items, {"shielded"})
  t.no(scope.cancelled_caught)
end)

t.test("[CS-22] switching a shield off cancels a task that waits behind it", function()
  local scope, woke
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      anyio.CancelScope({shield = true}, function(s)
        scope = s
        anyio.sleep_forever()
        woke = true
      end)
    end)
    anyio.wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
    anyio.CancelScope({shield = true}, function()
      anyio.wait_all_tasks_blocked()
      scope.shield = false
    end)
  end)
  t.no(woke)
  t.no(scope.cancel_called)
end)

t.test("[CS-22] a shield switched on in a cancelled task lets it wait again", function()
  local waited
  local outer = anyio.CancelScope(function(outer)
    anyio.CancelScope(function(inner)
      outer:cancel()
      raises_cancelled(checkpoint)
      inner.shield = true
      checkpoint()
      waited = true
    end)
    checkpoint()
  end)
  t.ok(waited)
  t.ok(outer.cancelled_caught)
end)

t.test("[CS-23 T07] two outer scopes cancelled inside a shield: the outermost is not forgotten",
  function()
    local shielded, between, after
    local scope1 = anyio.CancelScope(function(scope1)
      anyio.CancelScope(function(scope2)
        anyio.CancelScope({shield = true}, function()
          scope1:cancel()
          scope2:cancel()
          checkpoint()
          shielded = true
        end)
      end)
      between = true
      checkpoint()
      after = true
    end)
    t.ok(shielded)
    t.ok(between)
    t.no(after)
    t.ok(scope1.cancelled_caught)
    checkpoint()
  end)

t.test("[CS-24 T07] the same with the checkpoint in a middle, uncancelled scope", function()
  local shielded, after, middle
  local scope1 = anyio.CancelScope(function(scope1)
    anyio.CancelScope(function(scope2)
      middle = scope2
      anyio.CancelScope({shield = true}, function()
        scope1:cancel()
        checkpoint()
        shielded = true
      end)
      checkpoint()
      after = true
    end)
  end)
  t.ok(shielded)
  t.no(after)
  t.no(middle.cancelled_caught)
  t.ok(scope1.cancelled_caught)
end)

t.test("[CS-25 CS-48 DBG-08] cleanup sees the cancellation outside a shield, not inside",
  function()
    local scope = anyio.CancelScope(function(outer)
      outer:cancel()
      local _, err = pcall(checkpoint)
      t.eq(anyio.current_effective_deadline(), -math.huge)
      t.ok(pending())
      anyio.CancelScope({shield = true}, function()
        t.eq(anyio.current_effective_deadline(), math.huge)
        t.no(pending())
      end)
      t.eq(anyio.current_effective_deadline(), -math.huge)
      t.ok(pending())
      error(err, 0)
    end)
    t.ok(scope.cancelled_caught)
    t.no(pending())
  end)

t.test("[CS-25] a __close handler of a cancelled task can wait inside a shield", function()
  local log = t.log()
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      local _ <close> = setmetatable({}, {__close = function()
        raises_cancelled(checkpoint)
        anyio.CancelScope({shield = true}, function()
          checkpoint()
          log("closed")
        end)
      end})
      anyio.sleep_forever()
    end)
    anyio.wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
  end)
  t.eq(log.items, {"closed"})
end)

t.test("[CS-26] a native cancellation goes straight through a shield", {backend = "asyncio"},
  function()
    local asyncio = require "asyncio"
    local woke
    local task = asyncio.create_task(function()
      anyio.CancelScope({shield = true}, function()
        anyio.sleep_forever()
        woke = true
      end)
    end)
    anyio.wait_all_tasks_blocked()
    task:cancel()
    raises_cancelled(task.await, task)
    t.no(woke)
    t.ok(task:cancelled())
  end)

t.test("[CS-60] a shielded child in a cancelled group is waited for", function()
  local gate, done = new_gate(), nil
  anyio.create_task_group(function(outer)
    outer:start_soon(function()
      anyio.wait_all_tasks_blocked()
      gate:open()
    end)
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        anyio.CancelScope({shield = true}, function()
          gate:wait()
          done = true
        end)
      end)
      tg.cancel_scope:cancel()
    end)
    t.ok(done)
  end)
end)
