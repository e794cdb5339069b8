--- trio.lowlevel: tasks, waiting and rescheduling, run variables.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"
local lowlevel = trio.lowlevel
local Abort = lowlevel.Abort
local blocked = trio.testing.wait_all_tasks_blocked
local raise = error

local function succeed() return Abort.SUCCEEDED end

local function named_function() trio.sleep(0) end

t.test("[TR-LL-01] the current task is always the same object", function()
  local me = lowlevel.current_task()
  trio.sleep(0)
  t.ok(lowlevel.current_task() == me)
  trio.open_nursery(function(nursery)
    nursery:start_soon(function() t.ok(lowlevel.current_task() ~= me) end)
  end)
  t.eq(lowlevel.current_clock():current_time() - trio.current_time() < 1, true)
end)

t.test("[TR-LL-03] a task shows its name, context, nurseries and coroutine", function()
  trio.open_nursery(function(nursery)
    nursery:start_soon({function()
      local task = lowlevel.current_task()
      t.eq(task.name, "shown")
      t.eq(type(task.coro), "thread")
      t.ok(task.context ~= nil)
      t.ok(task.parent_nursery == nursery)
      t.eq(task.child_nurseries, {})
      t.match(tostring(task), "^<Task 'shown' at ")
      task.name = "renamed"
      t.eq(task.name, "renamed")
      t.raises("no field 'other'", function() task.other = 1 end)
    end, name = "shown"})
  end)
end)

t.test("[TR-LL-03] where a task waits can be read", function()
  local task
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      task = lowlevel.current_task()
      trio.sleep_forever()
    end)
    blocked()
    local text = {}
    for frame in task:iter_await_frames() do text[#text + 1] = frame end
    t.match(table.concat(text, "\n"), "test_lowlevel%.lua")
    nursery.cancel_scope:cancel()
  end)
end)

t.test("[TR-LL-04 D-37] a task is named after its function, or as it is told", function()
  local names = {}
  local function note() names[#names + 1] = lowlevel.current_task().name end
  trio.open_nursery(function(nursery)
    nursery:start_soon({note, name = "told"})
    nursery:start_soon(named_function)
    for _, task in ipairs(nursery.child_tasks) do names[task.name] = true end
  end)
  t.ok(names.told)
  t.eq(names[1], "told")
  local found
  for name in pairs(names) do
    found = found or type(name) == "string" and name:find "named_function"
  end
  t.ok(found, "named after the function")
end)

t.test("[TR-LL-05] custom_sleep_data is nil again after each wait", function()
  local me = lowlevel.current_task()
  lowlevel.current_trio_token():run_sync_soon(function() lowlevel.reschedule(me) end)
  me.custom_sleep_data = {}
  lowlevel.wait_task_rescheduled(succeed)
  t.eq(me.custom_sleep_data, nil)
  trio.CancelScope(function(scope)
    scope:cancel()
    me.custom_sleep_data = {}
    t.raises(trio.Cancelled, lowlevel.wait_task_rescheduled, succeed)
    t.eq(me.custom_sleep_data, nil)
  end)
end)

-- What a task's wait gives when reschedule is called with `...`.
local function outcome(...)
  local given, result = table.pack(...), nil
  trio.open_nursery(function(nursery)
    local task
    nursery:start_soon(function()
      task = lowlevel.current_task()
      result = table.pack(pcall(lowlevel.wait_task_rescheduled, succeed))
    end)
    blocked()
    lowlevel.reschedule(task, table.unpack(given, 1, given.n))
  end)
  return result
end

t.test("[TR-LL-06] the wait returns the values or raises the error that reschedule gives", function()
  t.eq(outcome(), {true, n = 1})
  t.eq(outcome(true, 1, nil, 3), {true, 1, nil, 3, n = 4})
  local err = anyio.ValueError("given")
  local result = outcome(false, err)
  t.eq(result[1], false)
  t.ok(rawequal(result[2], err))
  t.raises("bad argument #1 to 'reschedule' (Task expected", lowlevel.reschedule, {})
  t.raises("bad argument #2 to 'reschedule'", lowlevel.reschedule, lowlevel.current_task(), 1)
  t.raises(anyio.RuntimeError, lowlevel.reschedule, lowlevel.current_task())
end)

t.test("[TR-LL-06] a task is rescheduled once", function()
  trio.open_nursery(function(nursery)
    local task
    nursery:start_soon(function()
      task = lowlevel.current_task()
      t.eq(lowlevel.wait_task_rescheduled(succeed), 1)
    end)
    blocked()
    lowlevel.reschedule(task, true, 1)
    t.raises(anyio.RuntimeError, lowlevel.reschedule, task, true, 2)
  end)
end)

t.test("[TR-LL-07] an abort that succeeds lets the task be cancelled", function()
  local undone = 0
  local scope = trio.CancelScope(function(scope)
    lowlevel.current_trio_token():run_sync_soon(scope.cancel, scope)
    lowlevel.wait_task_rescheduled(function(raise_cancel)
      undone = undone + 1
      t.eq(type(raise_cancel), "function")
      t.ok(lowlevel.in_trio_run())
      return Abort.SUCCEEDED
    end)
  end)
  t.eq(undone, 1)
  t.ok(scope.cancelled_caught)
end)

t.test("[TR-LL-08] a failed abort may deliver the cancellation later", function()
  local caught
  local scope = trio.CancelScope(function(scope)
    scope:cancel("slowly")
    local me, token = lowlevel.current_task(), lowlevel.current_trio_token()
    local _, err = pcall(lowlevel.wait_task_rescheduled, function(raise_cancel)
      token:run_sync_soon(function() lowlevel.reschedule(me, pcall(raise_cancel)) end)
      return Abort.FAILED
    end)
    caught = t.isa(err, trio.Cancelled)
    raise(err, 0)
  end)
  t.eq({caught.source, caught.reason}, {"explicit", "slowly"})
  t.ok(scope.cancelled_caught)
end)

t.test("[TR-LL-09] another answer, or an error, of the abort function ends the run", {plain = true},
  function()
    for _, abort in ipairs {
      function() end,
      function() return true end,
      function() raise(anyio.ValueError("in abort")) end,
    } do
      local err = t.raises(trio.TrioInternalError, trio.run, function()
        trio.CancelScope(function(scope)
          lowlevel.current_trio_token():run_sync_soon(scope.cancel, scope)
          lowlevel.wait_task_rescheduled(abort)
        end)
      end)
      t.ok(err.cause ~= nil)
    end
  end)

t.test("[TR-LL-10] in a cancelled scope the abort function is called at once", function()
  local called
  trio.CancelScope(function(scope)
    scope:cancel()
    lowlevel.wait_task_rescheduled(function()
      called = true
      return Abort.SUCCEEDED
    end)
  end)
  t.ok(called)
end)

t.test("[TR-LL-11] in_trio_run and in_trio_task tell where the code is", function()
  t.eq({lowlevel.in_trio_run(), lowlevel.in_trio_task()}, {true, true})
  local in_callback
  lowlevel.current_trio_token():run_sync_soon(function() in_callback = lowlevel.in_trio_run() end)
  blocked()
  t.eq(in_callback, true)
end)

t.test("[TR-LL-11] outside a run both are false", {plain = true}, function()
  t.eq({lowlevel.in_trio_run(), lowlevel.in_trio_task()}, {false, false})
end)

t.test("[TR-LL-12] a RunVar has a value in each run", {plain = true}, function()
  local var = lowlevel.RunVar("var")
  local defaulted = lowlevel.RunVar("defaulted", {default = "default"})
  local kept
  trio.run(function()
    t.raises(anyio.LookupError, var.get, var)
    t.eq(var:get("else"), "else")
    t.eq(defaulted:get(), "default")
    local first = var:set(1)
    trio.open_nursery(function(nursery)
      nursery:start_soon(function()
        t.eq(var:get(), 1)
        var:set(2)
      end)
    end)
    t.eq(var:get(), 2, "shared by all tasks")
    var:reset(first)
    t.raises(anyio.LookupError, var.get, var)
    t.raises(anyio.ValueError, var.reset, var, first)
    kept = defaulted:set("value")
    t.raises(anyio.ValueError, var.reset, var, kept)
  end)
  trio.run(function()
    t.eq(defaulted:get(), "default")
    t.raises(anyio.ValueError, defaulted.reset, defaulted, kept)
  end)
end)
