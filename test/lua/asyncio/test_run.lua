--- asyncio.run and Runner: what they return, refuse, and leave behind.
local asyncio = require "asyncio"
local anyio = require "anyio"
local contextvars = require "contextvars"
local t = require "harness"

local plain = {plain = true}

--- Runs `f` with a list of the reports that the loop's handler got.
local function run_reported(f, ...)
  local reports = {}
  local function main(...)
    asyncio.get_running_loop():set_exception_handler(function(_, context)
      reports[#reports + 1] = context
    end)
    return f(...)
  end
  return reports, asyncio.run(main, nil, ...)
end

t.test("[AS-RUN-01 D-55] run calls main with its arguments and returns its values", plain, function()
  local a, b, c = asyncio.run(function(x, y)
    asyncio.sleep(0)
    return x + y, nil, "last"
  end, nil, 1, 2)
  t.eq({a, c}, {3, "last"})
  t.eq(b, nil)
end)

t.test("[AS-RUN-01] run raises what main raised, the very object", plain, function()
  local err = anyio.ValueError("mine")
  t.ok(rawequal(t.raises(anyio.ValueError, asyncio.run, function() error(err) end), err))
end)

t.test("[AS-RUN-01] the loop is closed after a run, also after a failing one", plain, function()
  local loops = {}
  local function main(fail)
    loops[#loops + 1] = asyncio.get_running_loop()
    if fail then error("no") end
  end
  asyncio.run(main)
  pcall(asyncio.run, main, nil, true)
  t.ok(loops[1]:is_closed())
  t.ok(loops[2]:is_closed())
  t.ok(loops[1] ~= loops[2])
end)

t.test("[AS-RUN-02 D-56] a run inside a run is refused and names the library", plain, function()
  asyncio.run(function()
    local err = t.raises(anyio.RuntimeError, asyncio.run, function() end)
    t.match(err.message, "asyncio")
    t.match(err.message, "running")
    asyncio.sleep(0)
  end)
end)

t.test("[AS-RUN-02] a callback cannot begin a run either", plain, function()
  local err
  asyncio.run(function()
    asyncio.get_running_loop():call_soon(function()
      err = select(2, pcall(asyncio.run, function() end))
    end)
    asyncio.sleep(0)
    asyncio.sleep(0)
  end)
  t.isa(err, anyio.RuntimeError)
end)

t.test("[AS-RUN-02] a native run inside an AnyIO run is refused", function()
  local err = t.raises(anyio.RuntimeError, asyncio.run, function() end)
  t.match(err.message, "asyncio")
end)

t.test("[AS-RUN-03] anything that can be awaited can be run", plain, function()
  t.eq(asyncio.run({function(x) return x end, name = "starter"}, nil, 5), 5)
  t.eq(asyncio.run({await = function() asyncio.sleep(0) return "awaited" end}), "awaited")
  for _, wrong in ipairs {1, "text", true} do
    local err = t.raises(anyio.TypeError, asyncio.run, wrong)
    t.match(err.message, "an awaitable is required")
  end
  t.raises("awaitable is required", asyncio.run, nil)
end)

t.test("[AS-RUN-03] a future of the runner's own loop can be run", plain, function()
  local runner <close> = asyncio.Runner()
  local future = runner:get_loop():create_future()
  runner:get_loop():call_soon(future.set_result, future, 7)
  t.eq(runner:run(future), 7)
end)

t.test("[AS-RUN-04 AS-DBG-01] debug is forced by the option", plain, function()
  local function debug() return asyncio.get_running_loop():get_debug() end
  t.eq(asyncio.run(debug, {debug = true}), true)
  t.eq(asyncio.run(debug, {debug = false}), false)
  t.eq(asyncio.run(debug), os.getenv "ANYRUN_ASYNCIO_DEBUG" == "1")
end)

t.test("[AS-RUN-01] an unknown option is an error that lists the known ones", plain, function()
  local err = t.raises(anyio.TypeError, asyncio.run, function() end, {debgu = true})
  t.match(err.message, "debgu")
  t.match(err.message, "debug, loop_factory")
end)

t.test("[AS-RUN-05] loop_factory is called without arguments and makes the loop", plain, function()
  local made, n
  local function factory(...)
    n = select("#", ...)
    made = asyncio.new_event_loop()
    return made
  end
  asyncio.run(function()
    t.ok(asyncio.get_running_loop() == made)
    t.ok(asyncio.get_event_loop() == made)
  end, {loop_factory = factory})
  t.eq(n, 0)
  t.ok(made:is_closed())
  t.raises(anyio.TypeError, asyncio.run, function() end, {loop_factory = function() return 1 end})
end)

t.test("[AS-RUN-05] only a runner's own loop becomes the current one", plain, function()
  local runner <close> = asyncio.Runner()
  local own = runner:get_loop()
  t.ok(asyncio.get_event_loop() == own)
  local other <close> = asyncio.Runner {loop_factory = asyncio.new_event_loop}
  t.ok(other:get_loop() ~= asyncio.get_event_loop())
end)

t.test("[AS-RUN-06] a runner makes its loop when it is first needed", plain, function()
  local made = 0
  local runner = asyncio.Runner {loop_factory = function()
    made = made + 1
    return asyncio.new_event_loop()
  end}
  t.eq(made, 0)
  local loop = runner:get_loop()
  t.eq(made, 1)
  runner:run(function() t.ok(asyncio.get_running_loop() == loop) end)
  t.eq(made, 1)
  t.no(loop:is_closed())
  runner:close()
  t.ok(loop:is_closed())
end)

t.test("[AS-RUN-07] a runner runs many times on one loop and in one context", plain, function()
  local var = contextvars.ContextVar("var")
  local runner <close> = asyncio.Runner()
  local first = runner:run(function()
    var:set("kept")
    return asyncio.get_running_loop()
  end)
  local second, value = runner:run(function(x)
    asyncio.sleep(0)
    return asyncio.get_running_loop(), var:get() .. x
  end, "!")
  t.ok(first == second)
  t.eq(value, "kept!")
  t.eq(var:get("outside untouched"), "outside untouched")
end)

t.test("[AS-RUN-07] a run of a runner may bring its own context", plain, function()
  local var = contextvars.ContextVar("var")
  local context = contextvars.copy_context()
  context:run(function() var:set("theirs") end)
  local runner <close> = asyncio.Runner()
  t.eq(runner:run {function() return var:get() end, context = context}, "theirs")
  t.eq(runner:run(function() return var:get("none") end), "none")
end)

t.test("[AS-RUN-07] tasks live on between the runs of a runner", plain, function()
  local runner <close> = asyncio.Runner()
  local log = t.log()
  local task = runner:run(function()
    return asyncio.create_task(function()
      log "begun"
      asyncio.sleep(0)
      log "ended"
      return "value"
    end)
  end)
  t.no(task:done())
  t.eq(runner:run(function() return task:await() end), "value")
  t.eq(log.items, {"begun", "ended"})
end)

t.test("[AS-RUN-08] close cancels what is left; a second close does nothing", plain, function()
  local runner = asyncio.Runner()
  local task = runner:run(function()
    local task = asyncio.create_task(asyncio.sleep, 60)
    asyncio.sleep(0)
    return task
  end)
  t.no(task:done())
  runner:close()
  t.ok(task:cancelled())
  runner:close()
end)

t.test("[AS-RUN-09] a closed runner refuses, and so does one inside a run", plain, function()
  local runner = asyncio.Runner()
  runner:run(function() end)
  runner:close()
  t.match(t.raises(anyio.RuntimeError, runner.run, runner, function() end).message,
    "Runner is closed")
  t.match(t.raises(anyio.RuntimeError, runner.get_loop, runner).message, "Runner is closed")
  local outer <close> = asyncio.Runner()
  outer:run(function()
    t.raises(anyio.RuntimeError, outer.run, outer, function() end)
    local inner <close> = asyncio.Runner()
    t.raises(anyio.RuntimeError, inner.run, inner, function() end)
    asyncio.sleep(0)
  end)
end)

t.test("[AS-RUN-10 D-14] leftover tasks are cancelled and awaited, main's value is kept", plain, function()
  local log = t.log()
  local task
  local value = asyncio.run(function()
    task = asyncio.create_task(function()
      local ok, err = pcall(asyncio.sleep, 60)
      log(ok, anyio.isinstance(err, asyncio.CancelledError))
      asyncio.sleep(0)
      log "cleaned up"
      error(err)
    end)
    asyncio.sleep(0)
    return "main's"
  end)
  t.eq(value, "main's")
  t.eq(log.items, {false, true, "cleaned up"})
  t.ok(task:cancelled())
end)

t.test("[AS-RUN-11 AS-CAN-14 AS-EXH-05] a leftover task's error is reported, the result unaffected", plain, function()
  local boom = anyio.ValueError("boom")
  local task
  local reports, value = run_reported(function()
    task = asyncio.create_task(function()
      pcall(asyncio.sleep, 60)
      error(boom)
    end)
    asyncio.sleep(0)
    return "fine"
  end)
  t.eq(value, "fine")
  t.eq(#reports, 1)
  t.eq(reports[1].message, "unhandled exception during asyncio.run() shutdown")
  t.ok(rawequal(reports[1].exception, boom))
  t.ok(reports[1].task == task)
end)

t.test("[AS-RUN-12] a leftover task that ignores its cancel is waited for", plain, function()
  local ended = false
  asyncio.run(function()
    asyncio.create_task(function()
      for _ = 1, 3 do pcall(asyncio.sleep, 0.01) end
      ended = true
    end)
    asyncio.sleep(0)
  end)
  t.ok(ended)
end)

t.test("[AS-RUN-13] main ending in CancelledError: run raises it", plain, function()
  t.raises(asyncio.CancelledError, asyncio.run, function()
    asyncio.current_task():cancel("bye")
    asyncio.sleep(0)
  end)
  t.raises(asyncio.CancelledError, asyncio.run, function()
    error(asyncio.CancelledError())
  end)
end)

t.test("[AS-RUN-21 D-18 D-19] SystemExit and KeyboardInterrupt stop the loop at once, bare", plain, function()
  for _, class in ipairs {anyio.SystemExit, anyio.KeyboardInterrupt} do
    local log = t.log()
    t.raises(class, asyncio.run, function()
      asyncio.create_task(function() error(class()) end)
      local ok, err = pcall(asyncio.sleep, 60)
      log(ok, anyio.isinstance(err, asyncio.CancelledError))
    end)
    t.eq(log.items, {false, true})
  end
end)

t.test("[AS-RUN-21 UV-11] the same from a callback", plain, function()
  for _, factory in ipairs {asyncio.new_event_loop, require("uvloop").new_event_loop} do
    t.raises(anyio.SystemExit, asyncio.run, function()
      asyncio.get_running_loop():call_soon(function() error(anyio.SystemExit(3)) end)
      asyncio.sleep(60)
    end, {loop_factory = factory})
  end
end)

t.test("[AS-LOOP-10] a loop that is stopped under run: RuntimeError", plain, function()
  local err = t.raises(anyio.RuntimeError, asyncio.run, function()
    asyncio.get_running_loop():stop()
    asyncio.sleep(60)
  end)
  t.match(err.message, "Event loop stopped before Future completed")
end)

t.test("[AS-RUN-06] a runner is a context manager too", plain, function()
  local kept
  anyio.with(asyncio.Runner(), function(runner)
    kept = runner
    t.eq(runner:run(function() return 1 end), 1)
  end)
  t.raises(anyio.RuntimeError, kept.run, kept, function() end)
end)
