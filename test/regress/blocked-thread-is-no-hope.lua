--- A run was taken for alive while a worker thread was at work for it, also where
-- that waited for an answer of the run itself which nobody could give: asyncio
-- hung where trio reported a deadlock.
local anyio = require "anyio"
local t = require "harness"
local from_thread, run_sync = anyio.from_thread, anyio.to_thread.run_sync

-- In a worker: has the run wait for an event that nobody sets.
local function wait_in_vain()
  from_thread.run(function() anyio.Event():wait() end)
end

t.test("a thread that waits for a task nobody can wake is no hope", {plain = true}, function()
  t.raises(anyio.DeadlockError, t.run, function() run_sync(wait_in_vain) end)
  t.raises(anyio.DeadlockError, t.run, function()
    run_sync({wait_in_vain, abandon_on_cancel = true})
  end)
end)

t.test("one that was abandoned is none either", {plain = true}, function()
  t.raises(anyio.DeadlockError, t.run, function()
    anyio.move_on_after(0.005, function()
      run_sync({wait_in_vain, abandon_on_cancel = true})
    end)
    anyio.Event():wait()
  end)
end)

t.test("one that will go on is", {plain = true}, function()
  t.run(function()
    local event = anyio.Event()
    anyio.move_on_after(0.005, function()
      run_sync({function(e)
        from_thread.run(anyio.sleep, 0.01)
        for _ = 1, 1000000 do end
        from_thread.run_sync(e.set, e)
      end, abandon_on_cancel = true}, event)
    end)
    event:wait()
    run_sync(function(e)
      from_thread.run(function() anyio.Event.wait(e) end)
      for _ = 1, 1000000 do end
      from_thread.run(anyio.lowlevel.checkpoint)
    end, event)
  end)
end)
