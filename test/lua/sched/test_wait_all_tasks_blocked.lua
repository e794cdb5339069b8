--- wait_all_tasks_blocked: it returns when every other task waits for something.
local anyio = require "anyio"
local t = require "harness"
local new_gate = require "gate"
local checkpoint = anyio.lowlevel.checkpoint

t.test("[DBG-09] alone in a run it returns", function()
  anyio.wait_all_tasks_blocked()
end)

t.test("[DBG-09] it waits for tasks that are ready or in sleep(0)", function()
  local log = t.log()
  anyio.create_task_group(function(tg)
    local gate = new_gate()
    tg:start_soon(function()
      for _ = 1, 20 do anyio.sleep(0) end
      for _ = 1, 20 do checkpoint() end
      log("about to wait")
      gate:wait()
      log("woken")
    end)
    anyio.wait_all_tasks_blocked()
    t.eq(log.items, {"about to wait"})
    gate:open()
    anyio.wait_all_tasks_blocked()
    t.eq(log.items, {"about to wait", "woken"})
  end)
end)

t.test("[DBG-09] tasks that wake each other in a chain are waited for", function()
  local steps = 0
  anyio.create_task_group(function(tg)
    local gates = {}
    for i = 1, 10 do gates[i] = new_gate() end
    for i = 1, 10 do
      tg:start_soon(function()
        gates[i]:wait()
        steps = steps + 1
        if gates[i + 1] then gates[i + 1]:open() end
      end)
    end
    anyio.wait_all_tasks_blocked()
    t.eq(steps, 0)
    gates[1]:open()
    anyio.wait_all_tasks_blocked()
    t.eq(steps, 10)
  end)
end)

t.test("[DBG-09] a task that sleeps is blocked", function()
  anyio.create_task_group(function(tg)
    tg:start_soon(anyio.sleep_forever)
    tg:start_soon(anyio.sleep, 600)
    anyio.wait_all_tasks_blocked()
    tg.cancel_scope:cancel()
  end)
end)

t.test("[DBG-09] two tasks may wait for it at once", function()
  local returned = 0
  anyio.create_task_group(function(tg)
    for _ = 1, 2 do
      tg:start_soon(function()
        anyio.wait_all_tasks_blocked()
        returned = returned + 1
      end)
    end
    anyio.wait_all_tasks_blocked()
  end)
  t.eq(returned, 2)
end)

t.test("[DBG-10] a task whose wait was just cancelled is not blocked", function()
  local done = false
  anyio.create_task_group(function(tg)
    local gate = new_gate()
    tg:start(function(task_status)
      task_status:started()
      anyio.move_on_after(-1, function() gate:wait() end)
      done = true
    end)
    anyio.wait_all_tasks_blocked()
    t.ok(done)
  end)
end)

t.test("[DBG-10] the same when the cancellation comes by another task", function()
  local done = false
  anyio.create_task_group(function(tg)
    local scope
    tg:start_soon(function()
      anyio.CancelScope(function(s)
        scope = s
        anyio.sleep_forever()
      end)
      checkpoint()
      done = true
    end)
    anyio.wait_all_tasks_blocked()
    scope:cancel()
    anyio.wait_all_tasks_blocked()
    t.ok(done)
  end)
end)

t.test("[DBG-11] a task that runs a callable table does not upset it", function()
  local called = false
  local callable = setmetatable({}, {__call = function()
    called = true
    checkpoint()
  end})
  anyio.create_task_group(function(tg)
    tg:start_soon(callable)
    anyio.wait_all_tasks_blocked()
    t.ok(called)
  end)
end)

t.test("[DBG-12] it needs no time to pass", {backend = "trio", mock_clock = true}, function()
  local start = anyio.current_time()
  anyio.create_task_group(function(tg)
    tg:start_soon(anyio.sleep, 5)
    for _ = 1, 10 do anyio.wait_all_tasks_blocked() end
    t.eq(anyio.current_time(), start)
  end)
end)

t.test("[DBG-12] it notices within a second", {backend = "asyncio"}, function()
  local start = anyio.current_time()
  anyio.wait_all_tasks_blocked()
  t.ok(anyio.current_time() - start < 1)
end)

t.test("wait_all_tasks_blocked can be cancelled", {mock_clock = true}, function()
  anyio.create_task_group(function(tg)
    local busy = true
    tg:start_soon(function() while busy do checkpoint() end end)
    local scope = anyio.CancelScope(function(scope)
      tg:start_soon(function() scope:cancel() end)
      anyio.wait_all_tasks_blocked()
      t.fail("a task is busy")
    end)
    busy = false
    t.ok(scope.cancelled_caught)
  end)
end)
