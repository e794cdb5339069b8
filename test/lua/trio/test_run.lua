--- trio.run: its arguments, its results, and what it refuses.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"

local plain = {plain = true}
local raise = error

t.test("[TR-RUN-01 D-55] run calls the function with its arguments and returns what it returned",
  plain, function()
    local function add(a, b)
      trio.sleep(0)
      return a + b, "more"
    end
    local sum, more = trio.run(add, nil, 1, 2)
    t.eq({sum, more}, {3, "more"})
    t.eq(trio.run({add, name = "adder"}, {}, 4, 5), 9)
  end)

t.test("[TR-RUN-02] an error of the main function leaves run as it is, not grouped",
  plain, function()
    local err = anyio.ValueError("mine")
    local ok, got = pcall(trio.run, function() raise(err) end)
    t.no(ok)
    t.ok(rawequal(got, err), "the same object")
    ok, got = pcall(trio.run, function()
      trio.sleep(0)
      error({}, 0)
    end)
    t.no(ok)
    t.eq(got, {}, "any value may be raised")
  end)

t.test("[TR-RUN-03 TR-NUR-06] what is no function is a bad argument that says so", plain, function()
  t.raises("bad argument #1 to 'run' (function expected, got no value)", trio.run)
  t.raises("function expected", trio.run, 12)
  t.raises("function expected", trio.run, coroutine.create(print))
  trio.run(function()
    trio.open_nursery(function(nursery)
      t.raises("start_soon", nursery.start_soon, nursery, 12)
      t.raises("start_soon", nursery.start_soon, nursery)
    end)
  end)
end)

t.test("[TR-RUN-04 D-56 D-57] a run inside a run is refused, and the outer one goes on", function()
  local err = t.raises(anyio.RuntimeError, trio.run, function() end)
  t.match(tostring(err), "trio", "names who is running")
  err = t.raises(anyio.RuntimeError, anyio.run, function() end)
  t.match(tostring(err), "trio")
  err = t.raises(anyio.RuntimeError, require("asyncio").run, function() end)
  t.match(tostring(err), "trio")
  trio.sleep(0)
end)

t.test("[TR-RUN-07 D-38] each run has a clock with a random start", plain, function()
  local first, second = trio.run(trio.current_time), trio.run(trio.current_time)
  for _, now in ipairs {first, second} do
    t.ok(now >= 10000, "starts late")
    t.ok(now <= 200000 + 100000000, "starts within the range")
  end
  t.ok(math.abs(first - second) > 1e-3, "not comparable")
end)

t.test("[TR-RUN-10] an unknown option is refused with the known ones", plain, function()
  local err = t.raises(anyio.TypeError, trio.run, function() end, {clokc = 1})
  t.match(tostring(err), "unknown option 'clokc' to 'run'")
  t.match(tostring(err), "clock, instruments, restrict_keyboard_interrupt_to_checkpoints, "
    .. "strict_exception_groups")
  t.raises("start_clock", trio.run, function() end, {clock = {}})
  t.raises("boolean", trio.run, function() end, {strict_exception_groups = 1})
end)

t.test("[TR-RUN-11 TR-SYS-04 D-14] run cancels system tasks, and waits for their clean-up",
  plain, function()
    local log = t.log()
    local value = trio.run(function()
      trio.lowlevel.spawn_system_task(function()
        pcall(trio.sleep_forever)
        trio.CancelScope({shield = true}, function() trio.sleep(0.01) end)
        log "cleaned up"
      end)
      trio.sleep(0)
      trio.sleep(0)
      log "main ends"
      return "value"
    end)
    t.eq(value, "value")
    t.eq(log.items, {"main ends", "cleaned up"})
  end)

t.test("[TR-RUN-12 TR-RUN-16] an error of the clock is a TrioInternalError with its cause",
  plain, function()
    local clock = trio.testing.MockClock()
    clock.start_clock = function() raise(anyio.ValueError("no start")) end
    local err = t.raises(trio.TrioInternalError, trio.run, function() end, {clock = clock})
    t.isa(err.cause, anyio.ValueError)
  end)

t.test("[TR-RUN-13] outside a task the questions about it are RuntimeErrors", plain, function()
  local errors = {}
  local instrument = {}
  function instrument:before_run()
    for i, f in ipairs {trio.lowlevel.current_task, trio.current_effective_deadline,
        trio.sleep_forever} do
      errors[i] = select(2, pcall(f))
    end
  end
  trio.run(function() end, {instruments = {instrument}})
  t.eq(#errors, 3)
  for _, err in ipairs(errors) do t.isa(err, anyio.RuntimeError) end
end)

t.test("[TR-RUN-15] a clock is any object with the three functions", plain, function()
  local calls = {}
  local clock = {time = 100}
  function clock:start_clock() calls.start = (calls.start or 0) + 1 end
  function clock:current_time() return self.time end
  function clock:deadline_to_sleep_time(deadline)
    calls.deadline = deadline
    self.time = deadline -- it is that late as soon as somebody asks
    return 0
  end
  local now = trio.run(function()
    t.eq(trio.current_time(), 100)
    t.ok(trio.lowlevel.current_clock() == clock)
    trio.sleep(50)
    return trio.current_time()
  end, {clock = clock})
  t.eq(now, 150)
  t.eq(calls, {start = 1, deadline = 150})
end)

t.test("[TR-SYS-01] <init> owns three nurseries; main and system tasks are in two of them",
  function()
    local root = trio.lowlevel.current_root_task()
    t.eq(root.name, "<init>")
    t.eq(root.parent_nursery, nil)
    t.eq(#root.child_nurseries, 3)
    local main = trio.lowlevel.current_task()
    local system = trio.lowlevel.spawn_system_task(trio.sleep_forever)
    t.ok(main.parent_nursery == root.child_nurseries[3])
    t.ok(system.parent_nursery == root.child_nurseries[2])
    t.ok(main.parent_nursery.parent_task == root)
    t.ok(root.child_nurseries[2].child_tasks[1] == system)
    t.ok(trio.lowlevel.current_root_task() == root)
  end)

t.test("[TR-SYS-02 TR-LL-02] a quiet run has three living tasks", plain, function()
  trio.run(function()
    local figures = trio.lowlevel.current_statistics()
    t.eq(figures.tasks_living, 3)
    t.eq(figures.tasks_runnable, 0)
    t.eq(figures.seconds_to_next_deadline, math.huge)
    t.eq(figures.run_sync_soon_queue_size, 0)
    t.eq(type(figures.io_statistics.backend), "string")
    trio.open_nursery(function(nursery)
      nursery:start_soon(trio.sleep, 5)
      figures = trio.lowlevel.current_statistics()
      t.eq({figures.tasks_living, figures.tasks_runnable}, {4, 1})
      trio.testing.wait_all_tasks_blocked()
      trio.lowlevel.current_trio_token():run_sync_soon(function() end)
      figures = trio.lowlevel.current_statistics()
      t.near(figures.seconds_to_next_deadline, 5, 1)
      t.eq(figures.run_sync_soon_queue_size, 1)
      nursery.cancel_scope:cancel()
    end)
  end)
end)

t.test("[TR-SYS-03] spawn_system_task needs no nursery and returns the task", function()
  local log = t.log()
  local task = trio.lowlevel.spawn_system_task({function(x)
    log(x, trio.lowlevel.current_task().name)
  end, name = "mine"}, 42)
  t.eq(task.name, "mine")
  t.eq(log.items, {}, "it takes its first step later")
  trio.testing.wait_all_tasks_blocked()
  t.eq(log.items, {42, "mine"})
end)

local function internal_error(f)
  return t.raises(trio.TrioInternalError, trio.run, f)
end

t.test("[TR-SYS-05 TR-SYS-06 D-64] an error of a system task ends the run as a TrioInternalError",
  plain, function()
    local log = t.log()
    local err = internal_error(function()
      trio.lowlevel.spawn_system_task(function() raise(anyio.LookupError("lost")) end)
      t.raises(trio.Cancelled, trio.sleep_forever)
      log "main is cancelled"
    end)
    t.eq(log.items, {"main is cancelled"})
    local cause = t.isa(err.cause, anyio.ExceptionGroup)
    t.isa(cause.exceptions[1], anyio.ExceptionGroup, "wrapped twice")
    t.isa(cause:leaves()[1], anyio.LookupError)
    t.eq(#cause:leaves(), 1)
  end)

t.test("[TR-SYS-07] a KeyboardInterrupt raised in a system task is a TrioInternalError too",
  plain, function()
    local err = internal_error(function()
      trio.lowlevel.spawn_system_task(function() raise(anyio.KeyboardInterrupt()) end)
      trio.sleep_forever()
    end)
    t.isa(err.cause:leaves()[1], anyio.KeyboardInterrupt)
  end)

t.test("[TR-SYS-08] a system task begins protected from control-C", function()
  local seen
  trio.lowlevel.spawn_system_task(function()
    seen = trio.lowlevel.currently_ki_protected()
  end)
  trio.testing.wait_all_tasks_blocked()
  t.eq(seen, true)
  t.eq(trio.lowlevel.currently_ki_protected(), false)
end)

t.test("[TR-SYS-10] a closing run takes no further system tasks", plain, function()
  local caught
  trio.run(function()
    trio.lowlevel.spawn_system_task(function()
      pcall(trio.sleep_forever)
      -- a later one, so that the system tasks have all been told
      trio.CancelScope({shield = true}, function() trio.sleep(0.01) end)
      trio.lowlevel.spawn_system_task(function() caught = "it ran" end)
      trio.CancelScope({shield = true}, function() trio.sleep(0.01) end)
    end)
    trio.testing.wait_all_tasks_blocked()
  end)
  t.eq(caught, "it ran", "while one is left the nursery is open")
  trio.run(function()
    local token = trio.lowlevel.current_trio_token()
    caught = function() token:run_sync_soon(print) end
  end)
  t.raises(trio.RunFinishedError, caught)
end)

t.test("[TR-RUN-05 D-59] trio's functions refuse to work in an asyncio run", plain, function()
  anyio.run(function()
    for _, f in ipairs {trio.sleep, trio.lowlevel.checkpoint, trio.current_time,
        trio.lowlevel.current_task, trio.move_on_after, trio.CancelScope} do
      local err = t.raises(anyio.RuntimeError, f,
        (f == trio.sleep or f == trio.move_on_after) and 0 or nil)
      t.match(tostring(err), "needs a trio run, and this task runs on asyncio")
    end
    t.raises(anyio.RuntimeError, trio.open_nursery, function() end)
    t.no(trio.lowlevel.in_trio_run())
    anyio.sleep(0)
  end, {backend = "asyncio"})
end)
