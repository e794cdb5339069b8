--- asyncio's own things inside AnyIO runs and scopes, and the reverse.
local asyncio = require "asyncio"
local anyio = require "anyio"
local t = require "harness"

local function count() return asyncio.current_task():cancelling() end

t.test("[RUN-36] native code and AnyIO code call each other freely", {plain = true}, function()
  t.eq(asyncio.run(function()
    local result
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        asyncio.sleep(0)
        result = asyncio.gather(function() anyio.sleep(0) return "both" end):await()[1]
      end)
    end)
    return result
  end), "both")
end)

t.test("[RUN-37] a natively spawned task is not in its spawner's scopes", function()
  local task
  anyio.CancelScope(function(scope)
    task = asyncio.create_task(function()
      asyncio.sleep(0)
      anyio.sleep(0)
      return "finished"
    end)
    scope:cancel()
    anyio.sleep(0)
  end)
  t.eq(task:await(), "finished")
end)

t.test("[RUN-38] a TaskGroup inside a cancelled scope is cancelled with its host", function()
  local child
  local scope = anyio.CancelScope(function(scope)
    asyncio.TaskGroup(function(group)
      child = group:create_task(asyncio.sleep, 60)
      asyncio.sleep(0)
      scope:cancel()
    end)
    t.fail("went on")
  end)
  t.ok(scope.cancelled_caught)
  t.ok(child:cancelled())
  t.eq(count(), 0)
  asyncio.sleep(0)
end)

t.test("[RUN-39] a native timeout around an AnyIO group works", function()
  local log = t.log()
  t.raises(asyncio.TimeoutError, asyncio.timeout, 0.01, function()
    anyio.create_task_group(function(tg)
      for i = 1, 2 do
        tg:start_soon(function()
          local ok, err = pcall(anyio.sleep, 60)
          log(i, ok)
          error(err)
        end)
      end
    end)
  end)
  t.eq(#log, 4)
  t.eq(count(), 0)
  asyncio.sleep(0)
end)

t.test("[RUN-38 AS-CAN-05] a scope's cancellation goes through the awaited task and is caught", function()
  local inner
  local scope = anyio.move_on_after(0.01, function()
    inner = asyncio.create_task(asyncio.sleep, 60)
    inner:await()
  end)
  t.ok(scope.cancelled_caught)
  t.ok(inner:cancelled())
  t.eq(count(), 0)
end)

t.test("[RUN-38] a scope's cancellation ends the wait for a future, which is cancelled", function()
  local future = asyncio.Future()
  local scope = anyio.move_on_after(0.01, function() future:await() end)
  t.ok(scope.cancelled_caught)
  t.ok(future:cancelled())
end)

t.test("[RUN-38] the awaited task swallows it: the value comes, the next wait is hit", function()
  local log = t.log()
  local scope = anyio.move_on_after(0.01, function()
    local inner = asyncio.create_task(function()
      pcall(asyncio.sleep, 60)
      return "value"
    end)
    log(inner:await())
    asyncio.sleep(0)
    log "too far"
  end)
  t.ok(scope.cancelled_caught)
  t.eq(log.items, {"value"})
end)

t.test("[RUN-38] gather inside a scope that is cancelled", function()
  local a, b = asyncio.create_task(asyncio.sleep, 60), asyncio.create_task(asyncio.sleep, 60)
  local scope = anyio.move_on_after(0.01, function() asyncio.gather(a, b):await() end)
  t.ok(scope.cancelled_caught)
  t.ok(a:cancelled())
  t.ok(b:cancelled())
end)

t.test("[D-12] a shield scope protects the code, shield() the awaited thing", function()
  local log = t.log()
  local inner = asyncio.create_task(function() asyncio.sleep(0.03) return "inner" end)
  local scope = anyio.move_on_after(0.01, function()
    anyio.CancelScope({shield = true}, function() log(inner:await()) end)
    asyncio.sleep(0)
    log "too far"
  end)
  t.ok(scope.cancelled_caught)
  t.eq(log.items, {"inner"})
end)

t.test("[RUN-39] a native cancel of a task inside an AnyIO group ends group and task", function()
  local child
  local task = asyncio.create_task(function()
    anyio.create_task_group(function(tg)
      tg:start_soon(function()
        child = asyncio.current_task()
        anyio.sleep(60)
      end)
      anyio.sleep(60)
    end)
  end)
  asyncio.sleep(0)
  asyncio.sleep(0)
  task:cancel()
  t.raises(asyncio.CancelledError, task.await, task)
  t.ok(child:cancelled())
end)
