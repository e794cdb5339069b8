--- timeout and timeout_at.
local asyncio = require "asyncio"
local anyio = require "anyio"
local t = require "harness"

local CancelledError, TimeoutError = asyncio.CancelledError, asyncio.TimeoutError

local function count() return asyncio.current_task():cancelling() end

local function now() return asyncio.get_running_loop():time() end

t.test("[AS-TMO-01] in time: what the body returned", function()
  local a, b, c = asyncio.timeout(5, function(scope)
    asyncio.sleep(0)
    return scope:expired(), nil, 3
  end)
  t.eq({a, c}, {false, 3})
  t.eq(b, nil)
end)

t.test("[AS-TMO-01 D-48] too late: cancelled once, TimeoutError at exit", function()
  local kept, hits = nil, 0
  local err = t.raises(TimeoutError, asyncio.timeout, 0.01, function(scope)
    kept = scope
    local _, hit = pcall(asyncio.sleep, 60)
    hits = hits + 1
    asyncio.sleep(0)
    error(hit)
  end)
  t.isa(err.cause, CancelledError)
  t.eq(hits, 1)
  t.ok(kept:expired())
  t.eq(count(), 0)
  asyncio.sleep(0)
end)

t.test("[AS-TMO-01] timeout_at takes a time of the loop's clock", function()
  local when = now() + 0.01
  t.raises(TimeoutError, asyncio.timeout_at, when, function(scope)
    t.eq(scope:when(), when)
    asyncio.sleep(60)
  end)
  t.eq(asyncio.timeout_at(nil, function(scope) return scope:when() end), nil)
end)

t.test("[AS-TMO-02] nil disables; reschedule moves the deadline while active", function()
  asyncio.timeout(nil, function(scope)
    t.eq(scope:when(), nil)
    asyncio.sleep(0.01)
  end)
  t.raises(TimeoutError, asyncio.timeout, nil, function(scope)
    scope:reschedule(now() + 0.01)
    asyncio.sleep(60)
  end)
  asyncio.timeout(0.01, function(scope)
    scope:reschedule(now() + 60)
    asyncio.sleep(0.03)
    t.no(scope:expired())
    scope:reschedule(nil)
    t.eq(scope:when(), nil)
  end)
end)

t.test("[AS-TMO-02] reschedule before, after and when expired: RuntimeError", function()
  local scope = asyncio.timeout(60)
  t.match(t.raises(anyio.RuntimeError, scope.reschedule, scope, 1).message, "not been entered")
  scope(function() end)
  t.match(t.raises(anyio.RuntimeError, scope.reschedule, scope, 1).message, "finished")
  t.raises(TimeoutError, asyncio.timeout, 0.001, function(late)
    scope = late
    local _, err = pcall(asyncio.sleep, 60)
    t.match(t.raises(anyio.RuntimeError, late.reschedule, late, 1).message, "expiring")
    error(err)
  end)
  t.match(t.raises(anyio.RuntimeError, scope.reschedule, scope, 1).message, "expired")
end)

t.test("[AS-TMO-03 AS-TMO-07 D-03] the body swallows it: no error, expired, count as before", function()
  local kept
  t.eq(asyncio.timeout(0.01, function(scope)
    kept = scope
    pcall(asyncio.sleep, 60)
    asyncio.sleep(0)
    return "finished"
  end), "finished")
  t.ok(kept:expired())
  t.eq(count(), 0)
  asyncio.sleep(0)
end)

t.test("[AS-TMO-04 D-10] a deadline in the past around a body without a wait: no error", function()
  for _, delay in ipairs {0, -1} do
    local kept
    t.eq(asyncio.timeout(delay, function(scope)
      kept = scope
      return "value"
    end), "value")
    t.no(kept:expired())
  end
end)

t.test("[AS-TMO-04] zero fires in the next turn: sleep(0) survives, a real wait does not", function()
  asyncio.timeout(0, function()
    local future = asyncio.Future()
    future:set_result(1)
    return future:await()
  end)
  t.raises(TimeoutError, asyncio.timeout, 0, function() asyncio.sleep(60) end)
  t.raises(TimeoutError, asyncio.timeout, -1, function() asyncio.sleep(60) end)
  t.eq(count(), 0)
end)

t.test("[AS-TMO-05] nested, both expired: only the outermost makes a TimeoutError", function()
  local inner_err
  t.raises(TimeoutError, asyncio.timeout, 0.01, function()
    local _, err = pcall(asyncio.timeout, 0.01, function()
      local stop = now() + 0.03
      while now() < stop do end
      asyncio.sleep(60)
    end)
    inner_err = err
    error(err)
  end)
  t.isa(inner_err, CancelledError)
  t.eq(count(), 0)
end)

t.test("[AS-TMO-05] nested, the inner one expired: its TimeoutError passes the outer one", function()
  local outer
  t.raises(TimeoutError, asyncio.timeout, 60, function(scope)
    outer = scope
    asyncio.timeout(0.01, function() asyncio.sleep(60) end)
  end)
  t.no(outer:expired())
end)

t.test("[AS-TMO-06] a cancel from elsewhere stays CancelledError", function()
  local task = asyncio.create_task(asyncio.timeout, 60, function() asyncio.sleep(60) end)
  asyncio.sleep(0)
  task:cancel("elsewhere")
  t.eq(t.raises(CancelledError, task.await, task).message, "elsewhere")
end)

t.test("[AS-TMO-06] requests that were pending on entry do not hide the own one", function()
  local task = asyncio.create_task(function()
    local me = asyncio.current_task()
    me:cancel()
    pcall(asyncio.sleep, 0)
    t.eq(me:cancelling(), 1)
    t.raises(TimeoutError, asyncio.timeout, 0.01, function() asyncio.sleep(60) end)
    return me:cancelling()
  end)
  t.eq(task:await(), 1)
end)

t.test("[AS-TMO-06] expired and cancelled from outside: CancelledError", function()
  local task
  task = asyncio.create_task(function()
    asyncio.timeout(0.01, function()
      local _, err = pcall(asyncio.sleep, 60)
      task:cancel()
      pcall(asyncio.sleep, 60)
      error(err)
    end)
  end)
  t.raises(CancelledError, task.await, task)
end)

t.test("[AS-TMO-08] another error passes, a TimeoutError in its chain", function()
  local boom = anyio.ValueError("boom")
  local err = t.raises(anyio.ValueError, asyncio.timeout, 0.01, function()
    pcall(asyncio.sleep, 60)
    error(boom)
  end)
  t.ok(rawequal(err, boom))
  t.isa(err.cause, TimeoutError)
  local early = t.raises(anyio.ValueError, asyncio.timeout, 60, function()
    error(anyio.ValueError("early"))
  end)
  t.eq(early.cause, nil)
end)

t.test("[AS-TMO-09] outside a task, and entered twice: RuntimeError", function()
  local scope = asyncio.timeout(1)
  scope(function() end)
  t.match(t.raises(anyio.RuntimeError, scope, function() end).message, "already been entered")
  local err
  asyncio.get_running_loop():call_soon(function()
    err = select(2, pcall(asyncio.timeout, 1, function() end))
  end)
  asyncio.sleep(0)
  t.match(t.isa(err, anyio.RuntimeError).message, "inside a task")
end)

t.test("[AS-TMO-01] without a body it is an object, also for anyio.with", function()
  local scope = asyncio.timeout(0.01)
  t.raises(TimeoutError, anyio.with, scope, function(s)
    t.ok(s == scope)
    asyncio.sleep(60)
  end)
  t.match(tostring(scope), "^<Timeout %[expired%]>$")
  t.raises("number expected, got string", asyncio.timeout, "1")
end)
