-- AnyIO and the backend's own library in one run.

local t = require "harness"
local anyio = require "anyio"
local sniffio = require "sniffio"
local checkpoint = require("anyio.lowlevel").checkpoint
local wait_all_tasks_blocked = require("anyio.testing").wait_all_tasks_blocked

local group, scope = anyio.create_task_group, anyio.CancelScope
local plain = {plain = true}
local on_asyncio = {backend = "asyncio"}

t.test("[RUN-16 B5] AnyIO works inside the backend's own run function", plain,
  function()
    local log = t.log()
    local result = require(t.backend).run(function()
      log(sniffio.current_async_library())
      group(function(tg)
        tg:start_soon(anyio.sleep, 0)
        tg:start_soon(log, "child")
      end)
      local timeout = anyio.move_on_after(0.01, anyio.sleep_forever)
      log(timeout.cancelled_caught)
      return "result"
    end)
    t.eq(log.items, {t.backend, "child", true})
    t.eq(result, "result")
  end)

t.test("[RUN-16 B5] a native run names its library, whatever the command line "
  .. "says", plain, function()
  for _, library in ipairs{"asyncio", "trio"} do
    local name = require(library).run(function()
      anyio.sleep(0)
      return current_async_library()
    end)
    t.eq(name, library)
  end
end)

t.test("[RUN-17 B14] the current library is known in main, children and "
  .. "coroutines", function()
  local names = t.log()
  names(sniffio.current_async_library())
  group(function(tg)
    tg:start_soon(function() names(sniffio.current_async_library()) end)
  end)
  coroutine.wrap(function() names(sniffio.current_async_library()) end)()
  t.eq(names.items, {t.backend, t.backend, t.backend})
end)

t.test("[RUN-17 B14] there is no current library in a loop callback", on_asyncio,
  function()
    local err
    require("asyncio").get_running_loop():call_soon(function()
      local _
      _, err = pcall(sniffio.current_async_library)
    end)
    checkpoint()
    checkpoint()
    t.isa(err, sniffio.AsyncLibraryNotFoundError)
    t.isa(err, anyio.RuntimeError)
  end)

t.test("[RUN-36 B18] the other library cannot be used in a run", function()
  if t.backend == "trio" then
    local asyncio = require "asyncio"
    t.raises(anyio.RuntimeError, asyncio.get_running_loop)
    t.raises(anyio.RuntimeError, asyncio.create_task, checkpoint)
    t.raises({anyio.RuntimeError, anyio.TypeError}, asyncio.sleep, 0)
  else
    local trio = require "trio"
    t.raises(anyio.RuntimeError, trio.sleep, 0)
    t.raises(anyio.RuntimeError, trio.open_nursery, function() end)
    t.raises(anyio.RuntimeError, trio.current_time)
  end
  checkpoint()
end)

t.test("[RUN-36 B18] the backend's own library can", function()
  local log = t.log()
  if t.backend == "trio" then
    local trio = require "trio"
    trio.open_nursery(function(nursery)
      nursery:start_soon(function() trio.sleep(0) log "native" end)
      group(function(tg) tg:start_soon(trio.sleep, 0) end)
    end)
  else
    local asyncio = require "asyncio"
    local task = asyncio.create_task(function() asyncio.sleep(0) log "native" end)
    group(function(tg) tg:start_soon(asyncio.sleep, 0) end)
    task:await()
  end
  t.eq(log.items, {"native"})
end)

t.test("[RUN-37 B19] a natively spawned task is not in its spawner's scopes",
  on_asyncio, function()
    local asyncio = require "asyncio"
    local task
    scope(function(outer)
      task = asyncio.create_task(function()
        asyncio.sleep(0)
        return "finished"
      end)
      outer:cancel()
      checkpoint()
    end)
    t.eq(task:await(), "finished")
  end)

t.test("[RUN-37] a native nursery is in the scopes around it", {backend = "trio"},
  function()
    local trio = require "trio"
    local log = t.log()
    local outer = scope(function(outer)
      trio.open_nursery(function(nursery)
        nursery:start_soon(function()
          t.cancelled(trio.sleep_forever)
          log "native child cancelled"
        end)
        outer:cancel()
      end)
      checkpoint()
      log "went on"
    end)
    t.ok(outer.cancelled_caught)
    t.eq(log.items, {"native child cancelled"})
  end)

t.test("[RUN-38 B19] a native TaskGroup in a cancelled scope", on_asyncio,
  function()
    local asyncio = require "asyncio"
    local log = t.log()
    local outer = scope(function(outer)
      asyncio.TaskGroup(function(tg)
        tg:create_task(function()
          t.cancelled(asyncio.sleep, 60)
          log "child cancelled"
        end)
        tg:create_task(function()
          wait_all_tasks_blocked()
          outer:cancel()
        end)
        anyio.sleep_forever()
      end)
      log "went on"
    end)
    t.ok(outer.cancelled_caught)
    t.eq(log.items, {"child cancelled"})
    t.eq(asyncio.current_task():cancelling(), 0)
    checkpoint()
  end)

t.test("[RUN-39 B19] a native timeout around a group", on_asyncio, function()
  local asyncio = require "asyncio"
  local log = t.log()
  local err = t.raises(anyio.TimeoutError, asyncio.timeout, 0.01, function()
    group(function(tg)
      tg:start_soon(function()
        t.cancelled(anyio.sleep_forever)
        log "child cancelled"
      end)
      anyio.sleep_forever()
    end)
  end)
  t.no(anyio.isinstance(err, anyio.BaseExceptionGroup))
  t.eq(log.items, {"child cancelled"})
  t.eq(asyncio.current_task():cancelling(), 0)
end)

t.test("[B20] a native wait in a cancelled scope is hit every time", on_asyncio,
  function()
    local asyncio = require "asyncio"
    scope(function(outer)
      outer:cancel()
      for _ = 1, 3 do t.cancelled(asyncio.sleep, 0) end
    end)
    asyncio.sleep(0)
  end)

local no_condition = not require("asyncio").Condition
  and "asyncio's own locks are not built yet" or nil

t.test("[RUN-40 B20] a native Condition in a cancelled scope gets its lock back",
  {backend = "asyncio", skip = no_condition}, function()
    local asyncio = require "asyncio"
    local log = t.log()
    group(function(tg)
      local condition, outer = asyncio.Condition(), scope()
      tg:start_soon(function()
        wait_all_tasks_blocked()
        condition:acquire()
        outer:cancel()
        for _ = 1, 3 do checkpoint() end
        log "released"
        condition:release()
      end)
      outer(function()
        condition:acquire()
        t.cancelled(condition.wait, condition)
        log "cancelled"
        t.ok(condition:locked())
        condition:release()
      end)
    end)
    t.eq(log.items, {"released", "cancelled"})
  end)

t.test("[RUN-35] a callback of the loop is no task: nothing can be had there",
  {backend = "asyncio"}, function()
    local calls = {
      anyio.CancelScope, anyio.create_task_group, anyio.get_current_task,
      anyio.current_effective_deadline, anyio.lowlevel.checkpoint,
      function() return anyio.move_on_after(1) end,
      function() return anyio.fail_after(1, function() end) end,
      function() return anyio.sleep(0) end,
    }
    local seen = {}
    require("asyncio").get_running_loop():call_soon(function()
      for i, call in ipairs(calls) do
        local ok, err = pcall(call)
        seen[i] = not ok and anyio.isinstance(err, anyio.NoEventLoopError)
      end
    end)
    checkpoint()
    checkpoint()
    t.eq(#seen, #calls)
    for i, refused in ipairs(seen) do t.ok(refused, "call " .. i) end
  end)
