--- Checkpoints: cancel points, schedule points, and what they promise.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"
local assert_checkpoints = trio.testing.assert_checkpoints
local assert_no_checkpoints = trio.testing.assert_no_checkpoints
local lowlevel = trio.lowlevel

-- Whether another ready task gets a turn while f() runs.
local function switches(f)
  local turns = 0
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      while true do
        turns = turns + 1
        lowlevel.checkpoint()
      end
    end)
    for _ = 1, 3 do lowlevel.checkpoint() end
    local before = turns
    f()
    before = turns - before
    nursery.cancel_scope:cancel()
    turns = before
  end)
  return turns > 0
end

local function cancelled(f)
  return trio.CancelScope(function(scope)
    scope:cancel()
    f()
  end).cancelled_caught
end

t.test("[TR-CHK-01] a checkpoint lets others run and raises a cancellation", function()
  t.ok(cancelled(lowlevel.checkpoint))
  local turns = 0
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      for _ = 1, 10 do
        turns = turns + 1
        lowlevel.checkpoint()
      end
    end)
    for _ = 1, 12 do lowlevel.checkpoint() end
    t.eq(turns, 10)
  end)
end)

t.test("[TR-CHK-02 TR-TEST-08] functions that do not wait are no checkpoints", function()
  trio.open_nursery(function(nursery)
    local lot = lowlevel.ParkingLot()
    assert_no_checkpoints(function()
      nursery:start_soon(lot.park, lot)
      trio.CancelScope(function() end):cancel()
      lot:unpark_all()
      trio.current_time()
      lowlevel.current_trio_token():run_sync_soon(function() end)
    end)
    trio.testing.wait_all_tasks_blocked()
    lot:unpark_all()
  end)
end)

t.test("[TR-CHK-03 TR-CHK-16 TR-TMO-07 D-26] what may wait checkpoints also when it need not wait",
  function()
    assert_checkpoints(lowlevel.checkpoint)
    assert_checkpoints(function() trio.sleep(0) end)
    assert_checkpoints(function() trio.sleep_until(-math.huge) end)
    assert_checkpoints(function() trio.sleep_until(trio.current_time() - 1) end)
    assert_checkpoints(function() trio.testing.wait_all_tasks_blocked() end)
    for _, lock in ipairs {
      trio.Lock(), trio.StrictFIFOLock(), trio.Semaphore(1), trio.CapacityLimiter(1),
      trio.Condition(),
    } do
      assert_checkpoints(function() lock:acquire() end)
      lock:release()
    end
    local event = trio.Event()
    event:set()
    assert_checkpoints(function() event:wait() end)
    local send, receive = trio.open_memory_channel(1)
    assert_checkpoints(function() send:send(1) end)
    assert_checkpoints(function() receive:receive() end)
  end)

t.test("[TR-CHK-07] in a cancelled scope a call raises before it does its work", function()
  local lot = lowlevel.ParkingLot()
  t.ok(cancelled(function() lot:park() end))
  t.eq(#lot, 0)
  t.ok(cancelled(function() trio.sleep(1000) end))
end)

t.test("[TR-CHK-08] a wait that was cancelled did not happen", function()
  local lot = lowlevel.ParkingLot()
  trio.open_nursery(function(nursery)
    local first
    nursery:start_soon(function()
      trio.CancelScope(function(scope)
        first = scope
        lot:park()
      end)
    end)
    trio.testing.wait_all_tasks_blocked()
    local second
    nursery:start_soon(function()
      lot:park()
      second = true
    end)
    trio.testing.wait_all_tasks_blocked()
    first:cancel()
    lot:unpark()
    trio.testing.wait_all_tasks_blocked()
    t.ok(second, "the wake-up is the other waiter's")
    t.ok(first.cancelled_caught)
  end)
end)

t.test("[TR-CHK-09 D-05] a value given to a task stays when it is cancelled in the same step",
  function()
    local value, raised
    trio.open_nursery(function(nursery)
      local task, scope
      nursery:start_soon(function()
        trio.CancelScope(function(s)
          task, scope = lowlevel.current_task(), s
          value = lowlevel.wait_task_rescheduled(function() return "SUCCEEDED" end)
          raised = t.raises(trio.Cancelled, lowlevel.checkpoint)
        end)
      end)
      trio.testing.wait_all_tasks_blocked()
      lowlevel.reschedule(task, true, "value")
      scope:cancel()
    end)
    t.eq(value, "value")
    t.ok(raised)
  end)

t.test("[TR-CHK-11] a checkpoint sees a deadline that passed while it let others run",
  {mock_clock = true}, function()
    local clock = lowlevel.current_clock()
    trio.open_nursery(function(nursery)
      nursery:start_soon(function() clock:jump(10) end)
      local scope = trio.move_on_after(1, function()
        for _ = 1, 3 do lowlevel.checkpoint() end
      end)
      t.ok(scope.cancelled_caught)
    end)
  end)

t.test("[TR-CHK-12] checkpoint_if_cancelled is only a cancel point", function()
  t.no(switches(lowlevel.checkpoint_if_cancelled))
  t.ok(cancelled(lowlevel.checkpoint_if_cancelled))
end)

t.test("[TR-CHK-13] cancel_shielded_checkpoint is only a schedule point", function()
  t.ok(switches(function()
    for _ = 1, 2 do lowlevel.cancel_shielded_checkpoint() end
  end))
  t.no(cancelled(lowlevel.cancel_shielded_checkpoint))
end)

t.test("[TR-CHK-14] the recipe for a primitive is a full checkpoint on its fast path", function()
  local function recipe()
    lowlevel.checkpoint_if_cancelled()
    lowlevel.cancel_shielded_checkpoint()
  end
  assert_checkpoints(recipe)
  t.ok(cancelled(recipe))
end)

t.test("[TR-CHK-15 D-28] an empty nursery is a schedule point and no cancel point", function()
  local function empty() trio.open_nursery(function() end) end
  t.no(cancelled(empty))
  t.ok(switches(function()
    for _ = 1, 2 do empty() end
  end))
end)

t.test("[TR-CHK-16 TR-TMO-05 D-30] a negative or NaN sleep is a ValueError", function()
  t.raises(anyio.ValueError, trio.sleep, -1)
  t.raises(anyio.ValueError, trio.sleep, 0 / 0)
  t.raises("bad argument #1 to 'sleep' (number expected, got string)", trio.sleep, "x")
end)

t.test("[TR-CHK-17 D-59] asyncio's functions are a TypeError in a trio task; nurseries clean up",
  function()
    local asyncio = require "asyncio"
    local err = t.raises(anyio.TypeError, asyncio.sleep, 0)
    t.match(tostring(err), "unrecognized yield message")
    local stopped
    local group = t.group(function()
      trio.open_nursery(function(nursery)
        nursery:start_soon(function()
          t.raises(trio.Cancelled, trio.sleep_forever)
          stopped = true
        end)
        trio.testing.wait_all_tasks_blocked()
        asyncio.sleep(0)
      end)
    end)
    t.isa(group.exceptions[1], anyio.TypeError)
    t.ok(stopped)
    trio.sleep(0)
  end)

t.test("[TR-TEST-07] assert_checkpoints wants a cancel point and a schedule point", function()
  t.raises("AssertionError", assert_checkpoints, function() end)
  t.raises("AssertionError", assert_checkpoints, lowlevel.cancel_shielded_checkpoint)
  t.raises("AssertionError", assert_checkpoints, lowlevel.checkpoint_if_cancelled)
  t.raises(anyio.LookupError, assert_checkpoints, function()
    error(anyio.LookupError("passes"))
  end)
  t.eq(assert_checkpoints(function()
    lowlevel.checkpoint()
    return "result"
  end), "result")
end)

t.test("[TR-TEST-08] assert_no_checkpoints wants neither", function()
  t.raises("AssertionError", assert_no_checkpoints, lowlevel.checkpoint)
  t.raises("AssertionError", assert_no_checkpoints, lowlevel.cancel_shielded_checkpoint)
  t.raises("AssertionError", assert_no_checkpoints, lowlevel.checkpoint_if_cancelled)
  t.raises("AssertionError", assert_no_checkpoints, function()
    lowlevel.checkpoint()
    error(anyio.LookupError("replaced"))
  end)
  t.raises(anyio.LookupError, assert_no_checkpoints, function()
    error(anyio.LookupError("passes"))
  end)
  t.eq(assert_no_checkpoints(function() return "result" end), "result")
end)
