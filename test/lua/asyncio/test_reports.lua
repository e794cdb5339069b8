--- Exception handlers, reports, and debug mode.
local asyncio = require "asyncio"
local anyio = require "anyio"
local contextvars = require "contextvars"
local t = require "harness"

--- The reports to the running loop from now on.
local function catch_reports()
  local reports = {}
  asyncio.get_running_loop():set_exception_handler(function(_, context)
    reports[#reports + 1] = context
  end)
  return reports
end

--- What `f` writes to standard error.
local function stderr_of(f)
  local file, old = io.tmpfile(), io.stderr
  io.stderr = file -- luacheck: ignore (put back below)
  local ok, err = pcall(f)
  io.stderr = old -- luacheck: ignore
  if not ok then error(err, 0) end
  file:seek("set")
  local text = file:read("a")
  file:close()
  return text
end

t.test("[AS-EXH-01] set and get the handler; nil resets it", function()
  local loop = asyncio.get_running_loop()
  t.eq(loop:get_exception_handler(), nil)
  local function handler() end
  loop:set_exception_handler(handler)
  t.ok(loop:get_exception_handler() == handler)
  loop:set_exception_handler(nil)
  t.eq(loop:get_exception_handler(), nil)
  t.raises(anyio.TypeError, loop.set_exception_handler, loop, 5)
end)

t.test("[AS-EXH-01 AS-EXH-02] the handler gets the loop and the report", function()
  local loop, got = asyncio.get_running_loop(), {}
  loop:set_exception_handler(function(...) got = {...} end)
  local context = {message = "odd", exception = anyio.ValueError("v")}
  loop:call_exception_handler(context)
  t.ok(got[1] == loop)
  t.ok(got[2] == context)
  t.raises("table expected", loop.call_exception_handler, loop, "text")
end)

t.test("[AS-EXH-02 AS-TASK-12 D-64] the report of a lost task error names task and error", function()
  local reports, boom = catch_reports(), anyio.ValueError("boom")
  asyncio.create_task {function() error(boom) end, name = "loser"}
  asyncio.sleep(0)
  asyncio.sleep(0)
  collectgarbage()
  collectgarbage()
  t.eq(#reports, 1)
  t.eq(reports[1].message, "Task exception was never retrieved")
  t.ok(rawequal(reports[1].exception, boom))
  t.eq(reports[1].future:get_name(), "loser")
end)

t.test("[AS-EXH-03] a lost error that is no object is told with its traceback", function()
  local text = stderr_of(function()
    local function index() local x = nil; return x.field end
    asyncio.create_task(function() local y = index() return y end)
    asyncio.create_task(function() error "another" end)
    asyncio.get_running_loop():call_soon(function() error("in a callback") end)
    asyncio.sleep(0)
    asyncio.sleep(0)
    collectgarbage()
    collectgarbage()
  end)
  t.match(text, "attempt to index a nil value %(local 'x'%)\nstack traceback:\n"
    .. "\t[^\n]*test_reports.lua:%d+: in [^\n]*index")
  t.match(text, "another\nstack traceback:\n\t%[C%]: in function 'error'")
  t.match(text, "in a callback\nstack traceback:\n\t%[C%]: in function 'error'")
end)

t.test("[AS-TASK-12 D-15] at the latest the end of the run reports it", {plain = true}, function()
  local messages = t.log()
  local value = asyncio.run(function()
    asyncio.get_running_loop():set_exception_handler(function(_, context)
      messages(context.message)
    end)
    asyncio.create_task(error, "lost")
    asyncio.sleep(0.001)
    return "status unaffected"
  end)
  t.eq(value, "status unaffected")
  t.eq(messages.items, {"Task exception was never retrieved"})
end)

t.test("[AS-EXH-03] the default handler writes message, sorted keys and the error", function()
  local loop = asyncio.get_running_loop()
  local text = stderr_of(function()
    loop:default_exception_handler {
      message = "something odd", zebra = 1, apple = "red",
      exception = anyio.ValueError("the reason"),
    }
  end)
  t.match(text, "^something odd\napple: 'red'\nzebra: 1\nValueError: the reason")
  t.match(stderr_of(function() loop:call_exception_handler {} end),
    "^Unhandled exception in event loop\n")
end)

t.test("[AS-EXH-03] a callback's error without a handler goes to standard error", function()
  local text = stderr_of(function()
    asyncio.get_running_loop():call_soon(function() error(anyio.ValueError("in callback")) end)
    asyncio.sleep(0)
  end)
  t.match(text, "^Exception in callback function at .*test_reports.lua:%d+\n")
  t.match(text, "ValueError: in callback")
  t.match(text, "handle: <Handle ")
end)

t.test("[AS-EXH-03] members of a group and causes are shown", function()
  local text = stderr_of(function()
    asyncio.get_running_loop():default_exception_handler {
      message = "m",
      exception = anyio.ExceptionGroup("both", {
        anyio.ValueError("first", {cause = anyio.OSError("below")}), "second",
      }),
    }
  end)
  t.match(text, "both")
  t.match(text, "    ValueError: first")
  t.match(text, "caused by:\n%s+OSError: below")
  t.match(text, "    second")
end)

t.test("[AS-EXH-04] a handler that raises is reported by the default one", function()
  local loop = asyncio.get_running_loop()
  loop:set_exception_handler(function() error(anyio.ValueError("broken handler")) end)
  local text = stderr_of(function() loop:call_exception_handler {message = "original"} end)
  t.match(text, "^Unhandled error in exception handler\n")
  t.match(text, "original")
  t.match(text, "ValueError: broken handler")
  loop:set_exception_handler(function() error(anyio.SystemExit(1)) end)
  t.raises(anyio.SystemExit, loop.call_exception_handler, loop, {message = "x"})
end)

t.test("[AS-EXH-06] the handler runs in the context of the task it is about", function()
  local var, seen = contextvars.ContextVar("var", {default = "nobody's"}), nil
  local loop = asyncio.get_running_loop()
  loop:set_exception_handler(function() seen = var:get() end)
  local context = contextvars.copy_context()
  context:run(function() var:set("the task's") end)
  local task = asyncio.create_task {function() error("x") end, context = context}
  asyncio.wait({task})
  loop:call_exception_handler {message = "about it", task = task}
  t.eq(seen, "the task's")
  t.eq(var:get(), "nobody's")
  task:exception()
end)

t.test("[AS-TASK-03 AS-EXH-05] a loop that is closed over a pending task reports it", {plain = true}, function()
  local loop, reports = asyncio.new_event_loop(), {}
  loop:set_exception_handler(function(_, context) reports[#reports + 1] = context end)
  local task = loop:create_task(asyncio.sleep, 60)
  loop:run_until_complete(function() asyncio.sleep(0) end)
  loop:close()
  t.eq(#reports, 1)
  t.eq(reports[1].message, "Task was destroyed but it is pending!")
  t.ok(reports[1].task == task)
end)

t.test("[AS-DBG-01] set_debug switches", function()
  local loop = asyncio.get_running_loop()
  t.eq(loop:get_debug(), false)
  loop:set_debug(true)
  t.eq(loop:get_debug(), true)
  loop:set_debug(false)
  t.eq(loop:get_debug(), false)
end)

--- Works for so many seconds.
local function work(seconds)
  local loop = asyncio.get_running_loop()
  local stop = loop:time() + seconds
  while loop:time() < stop do end
end

t.test("[AS-DBG-02 D-63] slow callbacks and task steps are reported in debug mode", function()
  local loop, reports = asyncio.get_running_loop(), catch_reports()
  loop:set_debug(true)
  t.eq(loop.slow_callback_duration, 0.1)
  loop.slow_callback_duration = 0.05
  loop:call_soon(work, 0.06)
  loop:call_soon(work, 0.001)
  asyncio.sleep(0)
  t.eq(#reports, 1)
  t.match(reports[1].message, "^Executing <Handle .*> took 0%.%d%d%d seconds$")
  local task = asyncio.create_task {work, name = "slow one"}
  task:cancel()
  pcall(task.await, task)
  asyncio.create_task({work, name = "slow one"}, 0.06):await()
  t.eq(#reports, 2)
  t.match(reports[2].message, "^Executing <Task .*'slow one'.*> took 0%.%d%d%d seconds$")
  loop:set_debug(false)
  loop:call_soon(work, 0.06)
  asyncio.sleep(0)
  t.eq(#reports, 2)
end)

t.test("[AS-DBG-05] in debug mode reports say where things were made", function()
  local reports = catch_reports()
  local loop = asyncio.get_running_loop()
  loop:set_debug(true)
  local function fail() error("x") end
  local task = asyncio.create_task(fail)
  t.match(tostring(task), "created at .*test_reports.lua:%d+>$")
  t.match(tostring(asyncio.Future()), "created at .*test_reports.lua:%d+>$")
  t.match(tostring(loop:call_soon(fail)), "created at .*test_reports.lua:%d+>$")
  asyncio.wait({task})
  task = nil -- luacheck: ignore (the collector is to find it)
  collectgarbage()
  collectgarbage()
  loop:set_debug(false)
  t.eq(#reports, 2)
  for _, report in ipairs(reports) do t.match(report.created_at, "test_reports.lua:%d+$") end
end)

t.test("[AS-DBG-06] what cannot be called is refused as a callback", function()
  local loop = asyncio.get_running_loop()
  t.raises(anyio.TypeError, loop.call_soon, loop, 5)
  t.raises(anyio.TypeError, loop.call_soon, loop)
  t.raises(anyio.TypeError, loop.call_later, loop, 1, "text")
  t.raises(anyio.TypeError, loop.call_at, loop, 1, {})
  local err = t.raises(anyio.TypeError, loop.call_soon, loop, {print, name = "x"})
  t.match(err.message, "context")
end)

t.test("[AS-LOOP-08] a callback that awaits is told that it cannot", function()
  local reports = catch_reports()
  asyncio.get_running_loop():call_soon(function() asyncio.sleep(0) end)
  asyncio.get_running_loop():call_soon(function() asyncio.Future():await() end)
  asyncio.sleep(0)
  t.eq(#reports, 2)
  for _, report in ipairs(reports) do t.isa(report.exception, anyio.RuntimeError) end
end)
