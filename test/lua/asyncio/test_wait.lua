--- wait, wait_for and as_completed.
local asyncio = require "asyncio"
local anyio = require "anyio"
local t = require "harness"

local CancelledError, TimeoutError = asyncio.CancelledError, asyncio.TimeoutError

local function started(f, ...)
  local task = asyncio.create_task(f, ...)
  asyncio.sleep(0)
  return task
end

local function after(turns, value)
  return function()
    for _ = 1, turns do asyncio.sleep(0) end
    return value
  end
end

local function failing(turns)
  return function()
    for _ = 1, turns do asyncio.sleep(0) end
    error(anyio.ValueError("bad"))
  end
end

t.test("[AS-WAIT-01] wait gives who is done and who is not", function()
  local a, b = asyncio.create_task(after(1)), asyncio.create_task(after(2))
  local done, pending = asyncio.wait({a, b, a})
  t.eq(done, {a, b})
  t.eq(pending, {})
end)

t.test("[AS-WAIT-01] done or not, wait lets the others run", function()
  local future, log = asyncio.Future(), t.log()
  future:set_result(1)
  asyncio.create_task(log, "switched")
  t.eq(asyncio.wait({future}), {future})
  t.eq(log.items, {"switched"})
end)

t.test("[AS-WAIT-01] on a timeout it neither raises nor cancels", function()
  local slow, quick = asyncio.create_task(asyncio.sleep, 60), asyncio.create_task(after(0))
  local done, pending = asyncio.wait({slow, quick}, {timeout = 0.01})
  t.eq(done, {quick})
  t.eq(pending, {slow})
  t.eq(slow:cancelling(), 0)
  slow:cancel()
end)

t.test("[AS-WAIT-01] errors of the awaited stay with them", function()
  local task = asyncio.create_task(failing(0))
  local done = asyncio.wait({task})
  t.isa(done[1]:exception(), anyio.ValueError)
end)

t.test("[AS-WAIT-01] a cancelled wait cancels nothing", function()
  local inner = started(after(3, "value"))
  local waiter = started(asyncio.wait, {inner})
  waiter:cancel()
  t.raises(CancelledError, waiter.await, waiter)
  t.eq(inner:await(), "value")
end)

t.test("[AS-WAIT-02] FIRST_COMPLETED", function()
  local a, b = asyncio.create_task(after(9)), asyncio.create_task(after(1))
  local done, pending = asyncio.wait({a, b}, {return_when = asyncio.FIRST_COMPLETED})
  t.eq(done, {b})
  t.eq(pending, {a})
  done = asyncio.wait({a, b}, {return_when = "FIRST_COMPLETED"})
  t.eq(done, {b})
end)

t.test("[AS-WAIT-02] FIRST_EXCEPTION: a cancelled one does not count", function()
  local cancelled, ok = started(asyncio.sleep, 60), asyncio.create_task(after(1))
  local bad, slow = asyncio.create_task(failing(3)), started(asyncio.sleep, 60)
  cancelled:cancel()
  local done, pending = asyncio.wait({cancelled, ok, bad, slow},
    {return_when = asyncio.FIRST_EXCEPTION})
  t.eq(done, {cancelled, ok, bad})
  t.eq(pending, {slow})
  bad:exception()
  slow:cancel()
end)

t.test("[AS-WAIT-03] what wait refuses", function()
  t.raises(anyio.TypeError, asyncio.wait, {function() end})
  t.raises(anyio.ValueError, asyncio.wait, {})
  local future = asyncio.Future()
  t.raises(anyio.ValueError, asyncio.wait, {future}, {return_when = "LAST"})
  t.raises(anyio.ValueError, asyncio.wait, {future}, {return_when = 5})
  t.raises(anyio.TypeError, asyncio.wait, future)
  t.raises(anyio.TypeError, asyncio.wait, 5)
end)

t.test("[AS-WAIT-04 D-48] wait_for: the result, or TimeoutError once it is really done", function()
  t.eq(asyncio.wait_for(after(2, "value"), 5), "value")
  t.eq(asyncio.wait_for(after(2, "value")), "value")
  local log = t.log()
  local task = started(function()
    local _, err = pcall(asyncio.sleep, 60)
    asyncio.sleep(0.01)
    log "cleaned up"
    error(err)
  end)
  t.raises(TimeoutError, asyncio.wait_for, task, 0.01)
  t.eq(log.items, {"cleaned up"})
  t.ok(task:cancelled())
  t.eq(asyncio.current_task():cancelling(), 0)
end)

t.test("[AS-WAIT-04] TimeoutError is the one of the language too", function()
  local err = t.raises(anyio.TimeoutError, asyncio.wait_for, asyncio.Future(), 0.001)
  t.isa(err, anyio.OSError)
  t.isa(err.cause, CancelledError)
end)

t.test("[AS-WAIT-05] no time at all: a done future is returned, others do not start", function()
  local done, ran = asyncio.Future(), false
  done:set_result("done")
  for _, timeout in ipairs {0, -1} do
    t.eq(asyncio.wait_for(done, timeout), "done")
    t.raises(TimeoutError, asyncio.wait_for, function() ran = true end, timeout)
    local future = asyncio.Future()
    t.raises(TimeoutError, asyncio.wait_for, future, timeout)
    t.ok(future:cancelled())
  end
  t.no(ran)
end)

t.test("[AS-WAIT-06] it swallows the cancel: its value, or the error it raises instead", function()
  local stubborn = started(function()
    pcall(asyncio.sleep, 60)
    return "all the same"
  end)
  t.eq(asyncio.wait_for(stubborn, 0.01), "all the same")
  local broken = started(function()
    pcall(asyncio.sleep, 60)
    error(anyio.ValueError("instead"))
  end)
  t.raises(anyio.ValueError, asyncio.wait_for, broken, 0.01)
  local zero = started(function() pcall(asyncio.sleep, 60) return "zero" end)
  t.eq(asyncio.wait_for(zero, 0), "zero")
end)

t.test("[AS-WAIT-07] cancelling wait_for cancels what it waits for", function()
  local inner = started(asyncio.sleep, 60)
  local waiter = started(asyncio.wait_for, inner, 60)
  waiter:cancel()
  t.raises(CancelledError, waiter.await, waiter)
  t.ok(inner:cancelled())
end)

t.test("[AS-WAIT-08] a function runs in the calling task, with its arguments", function()
  local me = asyncio.current_task()
  local task, arg = asyncio.wait_for(function(x) return asyncio.current_task(), x end, 5, "arg")
  t.ok(task == me)
  t.eq(arg, "arg")
  t.eq(asyncio.wait_for({function() return asyncio.current_task():get_name() end,
    name = "a spec's"}, 5), "a spec's")
end)

t.test("[AS-COMP-01] as_completed gives the tasks themselves, in the order they are done", function()
  local slow, quick = asyncio.create_task(after(4, "slow")), asyncio.create_task(after(1, "quick"))
  local seen, log = {}, t.log()
  for task in asyncio.as_completed({slow, quick, slow}) do
    seen[#seen + 1] = task
    log(task:result(), task:await())
  end
  t.eq(seen, {quick, slow})
  t.eq(log.items, {"quick", "quick", "slow", "slow"})
end)

t.test("[AS-COMP-01] functions are begun; an error is raised where it is asked for", function()
  local log = t.log()
  for task in asyncio.as_completed({failing(1), after(2, "fine")}) do
    log(pcall(task.result, task))
  end
  t.eq(log.items[1], false)
  t.isa(log.items[2], anyio.ValueError)
  t.eq(log.items[4], "fine")
  for _ in asyncio.as_completed({}) do t.fail("a step for nothing") end
  t.raises(anyio.TypeError, asyncio.as_completed, asyncio.Future())
end)

t.test("[AS-COMP-02] timeout: the remaining steps raise TimeoutError, nothing is cancelled", function()
  local slow = asyncio.create_task(asyncio.sleep, 60)
  local step, state = asyncio.as_completed({slow, after(0, "v")}, {timeout = 0.2})
  t.eq(step(state):result(), "v")
  t.raises(TimeoutError, step, state)
  t.raises(TimeoutError, step, state)
  t.eq(slow:cancelling(), 0)
  slow:cancel()
end)

t.test("[AS-COMP-01] a loop that is left early leaves nothing behind", function()
  local slow = asyncio.create_task(after(5, "slow"))
  local function first()
    for task in asyncio.as_completed({slow, after(0, "first")}, {timeout = 60}) do -- luacheck: ignore
      return task:result()
    end
  end
  t.eq(first(), "first")
  t.no(tostring(slow):find("cb="))
  t.eq(slow:await(), "slow")
end)
