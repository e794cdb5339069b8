--- Cancel scopes: cancelling, nesting, shields, misuse.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"
local CancelScope = trio.CancelScope
local checkpoint = trio.lowlevel.checkpoint
local raise = error

t.test("[TR-CS-01] a scope has no deadline and no shield, and its body gets the scope", function()
  local scope = CancelScope()
  t.eq({scope.deadline, scope.shield}, {math.huge, false})
  t.eq({scope.cancel_called, scope.cancelled_caught}, {false, false})
  local returned, value = scope(function(inner)
    t.ok(inner == scope)
    return "value"
  end)
  t.ok(returned == scope)
  t.eq(value, "value")
  t.eq(CancelScope{deadline = 7, shield = true}.deadline, 7)
end)

t.test("[TR-CS-02 D-01] each checkpoint in a cancelled scope raises, however often it is caught",
  function()
    local scope = CancelScope(function(scope)
      scope:cancel()
      for _ = 1, 3 do
        t.raises(trio.Cancelled, checkpoint)
        t.raises(trio.Cancelled, trio.sleep_forever)
      end
      checkpoint()
    end)
    t.ok(scope.cancelled_caught)
  end)

t.test("[TR-CS-03] cancelling twice is cancelling once, and cannot be taken back", function()
  CancelScope(function(scope)
    scope:cancel()
    scope:cancel()
    scope.deadline = math.huge
    t.ok(scope.cancel_called)
    t.raises(trio.Cancelled, checkpoint)
  end)
end)

t.test("[TR-CS-04] of two cancelled scopes the outer one catches", function()
  local inner, value
  local outer = CancelScope(function(outer)
    inner = CancelScope(function(inner_scope)
      inner_scope:cancel()
      outer:cancel()
      checkpoint()
    end)
    value = "never"
  end)
  t.ok(outer.cancelled_caught)
  t.eq({inner, value}, {})
  CancelScope(function(first)
    first:cancel()
    local second = CancelScope({shield = true}, function(second)
      second:cancel()
      checkpoint()
    end)
    t.ok(second.cancelled_caught, "behind its shield it is the outermost")
  end)
end)

t.test("[TR-CS-05] reading cancel_called notices a deadline that has passed", {mock_clock = true},
  function()
    trio.move_on_after(5, function(scope)
      t.no(scope.cancel_called)
      trio.lowlevel.current_clock():jump(6)
      t.ok(scope.cancel_called)
      t.no(scope.cancelled_caught)
      t.raises(trio.Cancelled, checkpoint)
    end)
  end)

t.test("[TR-CS-06 D-06] a cancel after the last checkpoint has no effect", function()
  local scope, value = CancelScope(function(scope)
    checkpoint()
    scope:cancel()
    return "value"
  end)
  t.eq(value, "value")
  t.ok(scope.cancel_called)
  t.no(scope.cancelled_caught)
end)

t.test("[TR-CS-07 D-02] swallowing Cancelled inside the scope leaves cancelled_caught false",
  function()
  local scope, value = CancelScope(function(scope)
    scope:cancel()
    t.raises(trio.Cancelled, checkpoint)
    return "value"
  end)
  t.no(scope.cancelled_caught)
  t.eq(value, "value")
end)

t.test("[TR-CS-08 D-12] a shield hides outer cancellation, and nothing else", function()
  local outer = CancelScope(function(outer)
    outer:cancel()
    local shield = CancelScope({shield = true}, function(shield)
      checkpoint()
      local inner = CancelScope(function(inner)
        inner:cancel()
        trio.sleep_forever()
      end)
      t.ok(inner.cancelled_caught)
      checkpoint()
      shield:cancel()
      trio.sleep_forever()
    end)
    t.ok(shield.cancelled_caught)
    checkpoint()
  end)
  t.ok(outer.cancelled_caught)
end)

t.test("[TR-CS-09] lowering a shield wakes those it protected at once", function()
  local woken
  trio.open_nursery(function(nursery)
    local shield
    nursery:start_soon(function()
      CancelScope({shield = true}, function(scope)
        shield = scope
        t.raises(trio.Cancelled, trio.sleep_forever)
        woken = true
      end)
    end)
    trio.testing.wait_all_tasks_blocked()
    nursery.cancel_scope:cancel()
    CancelScope({shield = true}, function()
      for _ = 1, 3 do checkpoint() end
      t.no(woken)
      shield.shield = false
      for _ = 1, 2 do checkpoint() end
      t.ok(woken)
    end)
  end)
  t.raises("boolean", function() CancelScope().shield = 1 end)
  t.raises("boolean", CancelScope, {shield = "yes"})
end)

t.test("[TR-CS-10] shielding while a Cancelled passes does not make the scope catch it", function()
  local inner
  local outer = CancelScope(function(outer)
    CancelScope(function(scope)
      inner = scope
      outer:cancel()
      local ok, err = pcall(checkpoint)
      t.no(ok)
      scope.shield = true
      raise(err, 0)
    end)
  end)
  t.no(inner.cancelled_caught)
  t.ok(outer.cancelled_caught)
end)

t.test("[TR-CS-11] one cancel reaches all nested children", function()
  local ended = 0
  local function leaf()
    t.raises(trio.Cancelled, trio.sleep_forever)
    ended = ended + 1
  end
  local function branch(depth)
    trio.open_nursery(function(nursery)
      for _ = 1, 2 do
        if depth == 0 then nursery:start_soon(leaf) else nursery:start_soon(branch, depth - 1) end
      end
    end)
  end
  trio.open_nursery(function(nursery)
    nursery:start_soon(branch, 3)
    trio.testing.wait_all_tasks_blocked()
    nursery.cancel_scope:cancel()
  end)
  t.eq(ended, 16)
end)

t.test("[TR-CS-12 TR-CS-14] a scope can be cancelled, shielded and timed before it is entered",
  {mock_clock = true}, function()
    local scope = CancelScope()
    scope:cancel()
    local reached
    scope(function()
      reached = true
      checkpoint()
    end)
    t.ok(reached)
    t.ok(scope.cancelled_caught)
    local timed = CancelScope()
    timed.deadline = trio.current_time() + 1
    trio.sleep(0.5)
    trio.open_nursery(function(nursery)
      nursery:start_soon(function() timed(trio.sleep_forever) end)
    end)
    t.ok(timed.cancelled_caught, "made in one task, entered in another")
  end)

t.test("[TR-CS-13] a scope is good for one use", function()
  local scope = CancelScope()
  scope(function()
    t.raises(anyio.RuntimeError, scope, function() end)
    trio.open_nursery(function(nursery)
      nursery:start_soon(function() t.raises(anyio.RuntimeError, scope, print) end)
    end)
  end)
  t.raises(anyio.RuntimeError, scope, function() end)
end)

t.test("[TR-CS-15 TR-CS-16] the deadline can be set to the past", {mock_clock = true}, function()
  local scope = CancelScope(function(scope)
    scope.deadline = -math.huge
    checkpoint()
  end)
  t.ok(scope.cancelled_caught)
  local ran
  scope = CancelScope({deadline = trio.current_time() - 1}, function(inner)
    t.ok(inner.cancel_called)
    ran = true
    checkpoint()
  end)
  t.ok(ran)
  t.ok(scope.cancelled_caught)
end)

t.test("[TR-CS-17] a deadline that is moved away or left in time cancels nothing",
  {mock_clock = true}, function()
    local scope = trio.move_on_after(1, function(scope)
      scope.deadline = math.huge
      trio.sleep(5)
    end)
    t.no(scope.cancel_called)
    scope = trio.move_on_after(1, function() trio.sleep(0.5) end)
    trio.sleep(5)
    t.no(scope.cancel_called)
  end)

t.test("[TR-CS-27] very many nested scopes do not overflow a stack", function()
  local deepest
  local function nest(depth)
    if depth == 0 then
      deepest = true
      trio.sleep_forever()
    end
    -- a nursery's child is a scope inside it too, and begins a stack of its own
    trio.open_nursery(function(nursery) nursery:start_soon(nest, depth - 1) end)
  end
  trio.open_nursery(function(nursery)
    nursery:start_soon(nest, 2500)
    trio.testing.wait_all_tasks_blocked()
    t.ok(deepest)
    nursery.cancel_scope:cancel()
  end)
end)

t.test("[TR-CS-28] the effective deadline is the soonest one that is visible", function()
  local deadline = trio.current_effective_deadline
  local now = trio.current_time()
  t.eq(deadline(), math.huge)
  CancelScope({deadline = now + 50}, function()
    CancelScope({deadline = now + 90}, function(inner)
      t.near(deadline(), now + 50, 1e-6)
      inner.shield = true
      t.near(deadline(), now + 90, 1e-6)
      inner:cancel()
      t.eq(deadline(), -math.huge)
    end)
  end)
end)
