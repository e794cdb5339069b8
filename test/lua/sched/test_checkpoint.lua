--- Checkpoints: who runs meanwhile, what raises in a cancelled scope, tokens.
local anyio = require "anyio"
local t = require "harness"
local lowlevel = anyio.lowlevel

local function raises_cancelled(f, ...)
  return t.raises(anyio.get_cancelled_exc_class(), f, ...)
end

--- Run two tasks: the first calls `f`; say whether it ended and whether the
--- second ran before it.
local function beside(f, cancel)
  local finished, second_ran_first = false, false
  anyio.create_task_group(function(tg)
    tg:start_soon(function()
      f()
      finished = true
    end)
    tg:start_soon(function() second_ran_first = not finished end)
    if cancel then tg.cancel_scope:cancel() end
  end)
  return finished, second_ran_first
end

t.test("[LL-01] checkpoint lets other ready tasks run", function()
  t.eq({beside(lowlevel.checkpoint)}, {true, true})
end)

t.test("[LL-01] then raises if cancelled", function()
  t.eq({beside(lowlevel.checkpoint, true)}, {false, true})
end)

t.test("[LL-01] a cancellation that comes while it yields is seen", function()
  anyio.create_task_group(function(tg)
    local reached = false
    tg:start_soon(function()
      for _ = 1, 100 do lowlevel.checkpoint() end
      reached = true
    end)
    lowlevel.checkpoint()
    tg.cancel_scope:cancel()
    anyio.CancelScope({shield = true}, anyio.wait_all_tasks_blocked)
    t.no(reached)
  end)
end)

t.test("[LL-02] checkpoint_if_cancelled raises if cancelled", function()
  anyio.CancelScope(function(scope)
    scope:cancel()
    raises_cancelled(lowlevel.checkpoint_if_cancelled)
    raises_cancelled(lowlevel.checkpoint_if_cancelled)
  end)
end)

t.test("[LL-02] otherwise it returns without letting others run", function()
  local ran = false
  anyio.create_task_group(function(tg)
    tg:start_soon(function() ran = true end)
    for _ = 1, 10 do lowlevel.checkpoint_if_cancelled() end
    t.no(ran)
    lowlevel.checkpoint()
  end)
  t.ok(ran)
end)

t.test("[LL-02] a shield holds it back", function()
  anyio.CancelScope(function(scope)
    scope:cancel()
    anyio.CancelScope({shield = true}, function() lowlevel.checkpoint_if_cancelled() end)
  end)
end)

t.test("[LL-03] cancel_shielded_checkpoint lets others run", function()
  t.eq({beside(lowlevel.cancel_shielded_checkpoint)}, {true, true})
end)

t.test("[LL-03] and never raises a scope's cancellation", function()
  t.eq({beside(lowlevel.cancel_shielded_checkpoint, true)}, {true, true})
  anyio.CancelScope(function(scope)
    scope:cancel()
    for _ = 1, 3 do lowlevel.cancel_shielded_checkpoint() end
    raises_cancelled(lowlevel.checkpoint)
  end)
end)

t.test("[LL-03] a cancellation that comes while it yields waits for the next checkpoint",
  function()
    local passed, after = false, false
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        tg.cancel_scope:cancel()
        lowlevel.cancel_shielded_checkpoint()
        passed = true
        lowlevel.checkpoint()
        after = true
      end)
    end)
    t.ok(passed)
    t.no(after)
  end)

t.test("[LL-04] it does not hold back a native cancellation", {backend = "asyncio"}, function()
  local asyncio = require "asyncio"
  local passed = false
  local task = asyncio.create_task(function()
    asyncio.current_task():cancel()
    lowlevel.cancel_shielded_checkpoint()
    passed = true
  end)
  raises_cancelled(task.await, task)
  t.no(passed)
end)

t.test("[LL-05] current_token is the same for one run and another for the next", {plain = true},
  function()
    local tokens = {}
    for i = 1, 2 do
      t.run(function()
        local token = lowlevel.current_token()
        t.ok(token ~= nil)
        t.ok(token == lowlevel.current_token())
        anyio.create_task_group(function(tg)
          t.ok(tg:start_soon(lowlevel.current_token):await() == token)
        end)
        tokens[i] = token
      end)
    end
    t.ok(tokens[1] ~= tokens[2])
  end)

t.test("[T21] in a cancelled scope every waiting call raises", function()
  local finished
  anyio.create_task_group(function(tg)
    finished = tg:start_soon(function() return "done" end)
  end)
  anyio.CancelScope(function(scope)
    scope:cancel()
    raises_cancelled(lowlevel.checkpoint)
    raises_cancelled(anyio.sleep, 0)
    raises_cancelled(anyio.sleep, 0.01)
    raises_cancelled(anyio.sleep_forever)
    raises_cancelled(anyio.sleep_until, anyio.current_time() - 1)
    raises_cancelled(anyio.sleep_until, anyio.current_time() + 1)
    raises_cancelled(finished.await, finished)
    raises_cancelled(finished.wait, finished)
  end)
end)

t.test("[T21] and these do not: leaving an empty group, cancel, spawning, reading", function()
  anyio.CancelScope(function(scope)
    scope:cancel()
    scope:cancel()
    anyio.create_task_group(function() end)
    anyio.CancelScope(function() end)
    anyio.current_time()
    anyio.current_effective_deadline()
    anyio.get_current_task()
    anyio.get_running_tasks()
    lowlevel.current_token()
    lowlevel.cancel_shielded_checkpoint()
    local ran = false
    anyio.CancelScope({shield = true}, function()
      anyio.create_task_group(function(tg)
        tg:start_soon(function() ran = true end)
      end)
    end)
    t.ok(ran)
  end)
end)

t.test("[TR-CHK-11] a deadline that passes while a checkpoint yields is seen", {backend = "trio"},
  function()
    local scope
    anyio.create_task_group(function(tg)
      scope = anyio.move_on_after(0.003, function(s)
        tg:start_soon(function()
          while anyio.current_time() <= s.deadline do end
        end)
        lowlevel.checkpoint()
        lowlevel.checkpoint()
      end)
    end)
    t.ok(scope.cancelled_caught)
  end)

t.test("a hundred thousand checkpoints in one task do not grow anything", function()
  collectgarbage()
  local before = collectgarbage "count"
  for _ = 1, 100000 do lowlevel.checkpoint() end
  collectgarbage()
  t.ok(collectgarbage "count" - before < 64, "kB kept")
end)
