--- The effective deadline, and values a deadline cannot have.
local anyio = require "anyio"
local t = require "harness"
local checkpoint = anyio.lowlevel.checkpoint
local effective = anyio.current_effective_deadline

t.test("[CS-47] the effective deadline is the least of the enclosing scopes", function()
  anyio.move_on_after(50, function(outer)
    anyio.move_on_after(100, function()
      t.eq(effective(), outer.deadline)
    end)
    anyio.move_on_after(10, function(inner)
      t.eq(effective(), inner.deadline)
    end)
    t.eq(effective(), outer.deadline)
    outer.deadline = outer.deadline + 1
    t.eq(effective(), outer.deadline)
  end)
  t.eq(effective(), math.huge)
end)

t.test("[CS-47] it looks no further than the nearest shield, the shield included", function()
  anyio.move_on_after(10, function()
    anyio.CancelScope({shield = true}, function()
      t.eq(effective(), math.huge)
      anyio.move_on_after(1000, function()
        t.ok(effective() - anyio.current_time() > 900)
        checkpoint()
      end)
    end)
    anyio.move_on_after(500, {shield = true}, function(shield)
      t.eq(effective(), shield.deadline)
      anyio.CancelScope(function() t.eq(effective(), shield.deadline) end)
    end)
  end)
end)

t.test("[CS-47] a child sees the deadlines around its group, not those around its spawner",
  function()
    anyio.move_on_after(50, function(outer)
      anyio.create_task_group(function(tg)
        anyio.move_on_after(10, function()
          local handle = tg:start_soon(effective)
          t.eq(handle:await(), outer.deadline)
        end)
      end)
    end)
  end)

t.test("[CS-48] it is infinity when none applies", function()
  t.eq(effective(), math.huge)
  anyio.CancelScope(function() t.eq(effective(), math.huge) end)
end)

t.test("[CS-48] it is minus infinity when a scope is effectively cancelled", function()
  anyio.CancelScope(function(outer)
    outer:cancel()
    t.eq(effective(), -math.huge)
    anyio.CancelScope(function() t.eq(effective(), -math.huge) end)
    anyio.CancelScope({shield = true}, function() t.eq(effective(), math.huge) end)
  end)
  t.eq(effective(), math.huge)
end)

t.test("[RUN-30] a deadline that is no number in order is refused", function()
  local nan = 0 / 0
  t.raises(anyio.ValueError, anyio.CancelScope, {deadline = nan}, checkpoint)
  t.raises(anyio.ValueError, anyio.move_on_at, nan, checkpoint)
  t.raises(anyio.ValueError, anyio.move_on_after, nan, checkpoint)
  t.raises(anyio.ValueError, anyio.fail_after, nan, checkpoint)
  t.raises(anyio.ValueError, anyio.fail_at, nan, checkpoint)
  t.raises(anyio.ValueError, anyio.sleep, nan)
  anyio.CancelScope(function(scope)
    t.raises(anyio.ValueError, function() scope.deadline = nan end)
    t.eq(scope.deadline, math.huge)
    checkpoint()
  end)
end)

t.test("a scope that ended in time is not cancelled by its deadline later", {mock_clock = true},
  function()
    local scope = anyio.move_on_after(0.01, checkpoint)
    anyio.sleep(0.03)
    t.no(scope.cancelled_caught)
    t.no(scope.cancel_called)
    checkpoint()
  end)

t.test("many scopes with the same deadline all expire", {mock_clock = true}, function()
  local when, caught = anyio.current_time() + 0.02, 0
  anyio.create_task_group(function(tg)
    for _ = 1, 50 do
      tg:start_soon(function()
        local scope = anyio.move_on_at(when, anyio.sleep_forever)
        if scope.cancelled_caught then caught = caught + 1 end
      end)
    end
  end)
  t.eq(caught, 50)
end)
