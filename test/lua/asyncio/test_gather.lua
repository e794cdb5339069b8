--- gather and shield.
local asyncio = require "asyncio"
local anyio = require "anyio"
local t = require "harness"

local CancelledError = asyncio.CancelledError

local function started(f, ...)
  local task = asyncio.create_task(f, ...)
  asyncio.sleep(0)
  return task
end

local function value_later(value, turns)
  return function()
    for _ = 1, turns do asyncio.sleep(0) end
    return value
  end
end

local function failing(message, turns)
  return function()
    for _ = 1, turns or 0 do asyncio.sleep(0) end
    error(anyio.ValueError(message))
  end
end

t.test("[AS-GATH-01] results in the order of the arguments", function()
  local future = asyncio.Future()
  future:set_result("future")
  local results = asyncio.gather(
    value_later("slow", 3), {value_later("spec", 0), name = "named"},
    asyncio.create_task(value_later("task", 1)), future):await()
  t.eq(results, {"slow", "spec", "task", "future"})
end)

t.test("[AS-GATH-01] the same task twice runs once, a function twice runs twice", function()
  local runs = 0
  local function count() runs = runs + 1 return runs end
  local task = asyncio.create_task(count)
  t.eq(asyncio.gather(task, task):await(), {1, 1})
  t.eq(asyncio.gather(count, count):await(), {2, 3})
end)

t.test("[AS-GATH-01] no arguments: done, with no results", function()
  local outer = asyncio.gather()
  t.ok(outer:done())
  t.eq(outer:await(), {})
  t.eq(asyncio.gather({return_exceptions = true}):await(), {})
end)

t.test("[AS-GATH-01] the options are the last table without a [1]; unknown ones are errors", function()
  local err = t.raises(anyio.TypeError, asyncio.gather, function() end, {return_exception = true})
  t.match(err.message, "return_exceptions")
  t.raises(anyio.TypeError, asyncio.gather, 5)
end)

t.test("[AS-GATH-02 D-16] the first error is raised at once, the others run on", function()
  local log = t.log()
  local outer = asyncio.gather(failing("first"), function()
    asyncio.sleep(0)
    asyncio.sleep(0)
    asyncio.sleep(0)
    log "ran on"
    error(anyio.ValueError("dropped"))
  end)
  t.eq(t.raises(anyio.ValueError, outer.await, outer).message, "first")
  t.eq(#log, 0)
  for _ = 1, 4 do asyncio.sleep(0) end
  t.eq(log.items, {"ran on"})
end)

t.test("[AS-GATH-02] the later errors are dropped silently", function()
  local messages = t.log()
  asyncio.get_running_loop():set_exception_handler(function(_, context)
    messages(context.message)
  end)
  local outer = asyncio.gather(failing("first"), failing("second", 2), failing("third", 3))
  pcall(outer.await, outer)
  outer = nil -- luacheck: ignore (the collector is to find it)
  for _ = 1, 5 do asyncio.sleep(0) end
  collectgarbage()
  collectgarbage()
  t.eq(messages.items, {})
end)

t.test("[AS-GATH-03] return_exceptions makes results of errors and cancellations", function()
  local cancelled = started(asyncio.sleep, 60)
  cancelled:cancel("stopped")
  local results = asyncio.gather(failing("bad"), value_later("good", 1), cancelled,
    function() error("plain", 0) end, {return_exceptions = true}):await()
  t.isa(results[1], anyio.ValueError)
  t.eq(results[2], "good")
  t.isa(results[3], CancelledError)
  t.eq(results[3].message, "stopped")
  t.eq(results[4], "plain")
end)

t.test("[AS-GATH-04] a child cancelled on its own is an error, the outer not cancelled", function()
  local child = started(asyncio.sleep, 60)
  local outer = asyncio.gather(child, value_later(1, 1))
  child:cancel()
  t.raises(CancelledError, outer.await, outer)
  t.no(outer:cancelled())
  t.isa(outer:exception(), CancelledError)
  t.eq(asyncio.current_task():cancelling(), 0)
end)

t.test("[AS-GATH-05] cancelling the outer cancels all children", function()
  local log = t.log()
  local function child(name)
    return function()
      local _, err = pcall(asyncio.sleep, 60)
      log(name)
      error(err)
    end
  end
  for _, options in ipairs {{}, {return_exceptions = true}} do
    local outer = asyncio.gather(child "a", child "b", options)
    asyncio.sleep(0)
    t.eq(outer:cancel(), true)
    t.no(outer:done())
    t.raises(CancelledError, outer.await, outer)
  end
  t.eq(log.items, {"a", "b", "a", "b"})
end)

t.test("[AS-GATH-05] cancelling who awaits it does the same", function()
  local a, b = started(asyncio.sleep, 60), started(asyncio.sleep, 60)
  local task = started(function() asyncio.gather(a, b):await() end)
  task:cancel("all of you")
  t.raises(CancelledError, task.await, task)
  t.ok(a:cancelled())
  t.ok(b:cancelled())
end)

t.test("[AS-GATH-06] once all children are done a cancel is refused", function()
  local future = asyncio.Future()
  local outer = asyncio.gather(future)
  future:set_result(1)
  t.eq(outer:cancel(), false)
  t.eq(outer:await(), {1})
  t.eq(outer:cancel(), false)
end)

t.test("[AS-GATH-06 AS-CAN-06] who awaits it is cancelled all the same", function()
  local future = asyncio.Future()
  local task = started(function() return asyncio.gather(future):await() end)
  future:set_result(1)
  task:cancel()
  t.raises(CancelledError, task.await, task)
end)

t.test("[AS-GATH-06] after a first error a cancel no longer reaches the children", function()
  local child = started(asyncio.sleep, 0.01)
  local outer = asyncio.gather(failing("first"), child)
  t.raises(anyio.ValueError, outer.await, outer)
  t.eq(outer:cancel(), false)
  child:await()
  t.no(child:cancelled())
end)

t.test("[AS-SHLD-01 AS-SHLD-04 D-12] cancelling the waiter leaves the inner one alone", function()
  local inner = started(value_later("inner's", 3))
  local log = t.log()
  local waiter = started(function()
    local outer = asyncio.shield(inner)
    local ok, err = pcall(outer.await, outer)
    log(ok, err.name, outer:cancelled(), inner:done())
    error(err)
  end)
  waiter:cancel()
  t.raises(CancelledError, waiter.await, waiter)
  t.eq(log.items, {false, "CancelledError", true, false})
  t.eq(inner:await(), "inner's")
end)

t.test("[AS-SHLD-01] a shield can be cancelled itself", function()
  local inner = started(value_later(5, 3))
  local outer = asyncio.shield(inner)
  t.eq(outer:cancel(), true)
  t.ok(outer:cancelled())
  t.eq(inner:await(), 5)
end)

t.test("[AS-SHLD-02] the inner one's result, error and cancellation pass through", function()
  t.eq(asyncio.shield(value_later("v", 1)):await(), "v")
  local failed = asyncio.shield(failing("bad", 1))
  t.eq(t.raises(anyio.ValueError, failed.await, failed).message, "bad")
  local inner = started(asyncio.sleep, 60)
  local outer = asyncio.shield(inner)
  inner:cancel()
  t.raises(CancelledError, outer.await, outer)
  t.ok(outer:cancelled())
  local done = asyncio.Future()
  done:set_result(1)
  t.ok(asyncio.shield(done) == done)
end)

t.test("[AS-SHLD-03 AS-EXH-05] the inner one fails when nobody waits: reported, once", function()
  local reports = {}
  asyncio.get_running_loop():set_exception_handler(function(_, context)
    reports[#reports + 1] = context
  end)
  local inner = started(failing("late", 3))
  for _ = 1, 2 do asyncio.shield(inner):cancel() end
  for _ = 1, 6 do asyncio.sleep(0) end
  t.eq(#reports, 1)
  t.eq(reports[1].message, "ValueError exception in shielded future")
  t.eq(reports[1].exception.message, "late")
  t.ok(reports[1].future == inner)
end)
