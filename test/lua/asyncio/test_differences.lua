--- The asyncio side of the rows in which the two backends differ.
local asyncio = require "asyncio"
local anyio = require "anyio"
local t = require "harness"

local plain = {plain = true}

t.test("[D-16] gather: the first error bare, the other one runs to its end", function()
  local log = t.log()
  local outer = asyncio.gather(
    function() error(anyio.ValueError("bare")) end,
    function()
      asyncio.sleep(0.005)
      log "ran to its end"
    end)
  local err = t.raises(anyio.ValueError, outer.await, outer)
  t.eq(err.message, "bare")
  asyncio.sleep(0.02)
  t.eq(log.items, {"ran to its end"})
end)

t.test("[D-24] after a blocked thread sleepers wake in the order of their deadlines", function()
  local log = t.log()
  for i, delay in ipairs {0.006, 0.002, 0.004} do
    asyncio.create_task(function()
      asyncio.sleep(delay)
      log(i)
    end)
  end
  asyncio.sleep(0)
  local loop = asyncio.get_running_loop()
  local stop = loop:time() + 0.02
  while loop:time() < stop do end
  asyncio.sleep(0.005)
  t.eq(log.items, {2, 3, 1})
end)

t.test("[D-25 D-22] the same program, the same order, without a seed", plain, function()
  local function main()
    local log = t.log()
    local future = asyncio.Future()
    for i = 1, 4 do
      asyncio.create_task(function()
        log(i)
        future:await()
        log(i)
      end)
    end
    asyncio.sleep(0)
    future:set_result(nil)
    asyncio.sleep(0)
    asyncio.sleep(0)
    return table.concat(log.items)
  end
  for _ = 1, 5 do t.eq(asyncio.run(main), "12341234") end
end)

t.test("[D-57 SN-15] trio's run inside an asyncio task is refused, asyncio named", function()
  local trio = require "trio"
  local err = t.raises(anyio.RuntimeError, trio.run, function() t.fail("ran") end)
  t.match(tostring(err), "asyncio")
  asyncio.sleep(0)
end)

t.test("[D-57 SN-16] asyncio's run inside a trio task is refused, trio named", plain, function()
  anyio.run(function()
    local err = t.raises(anyio.RuntimeError, asyncio.run, function() t.fail("ran") end)
    t.match(tostring(err), "trio")
    anyio.sleep(0)
  end, {backend = "trio"})
end)

t.test("[D-59 RUN-36] asyncio's functions in a trio run say what is wrong", plain, function()
  anyio.run(function()
    local calls = {
      create_task = {print}, gather = {print}, current_task = {},
      all_tasks = {}, wait_for = {print, 1}, timeout = {1, print}, shield = {print},
      get_running_loop = {}, Future = {}, as_completed = {{}}, ensure_future = {print},
    }
    for name, args in pairs(calls) do
      local err = t.raises(anyio.RuntimeError, asyncio[name], table.unpack(args))
      t.match(err.message, "trio")
    end
    t.match(t.raises(anyio.TypeError, asyncio.sleep, 0).message, "asyncio.sleep")
    t.raises(anyio.RuntimeError, asyncio.TaskGroup, print)
  end, {backend = "trio"})
end)

t.test("[D-59 AS-TASK-06] trio's sleep in an asyncio task: RuntimeError, bad yield", function()
  local err = t.raises(anyio.RuntimeError, require("trio").sleep, 0)
  t.match(tostring(err), "bad yield")
end)

t.test("[D-26] a free wait is no switch", function()
  local log = t.log()
  asyncio.create_task(function() log "other" end)
  local done = asyncio.Future()
  done:set_result(1)
  for _ = 1, 10 do done:await() end
  asyncio.wait_for(done, 1)
  asyncio.gather():await()
  t.eq(#log, 0)
end)

t.test("[D-01 D-02] AnyIO's level cancellation is none of asyncio's own", function()
  local hits = 0
  local task = asyncio.create_task(function()
    if not pcall(asyncio.sleep, 60) then hits = hits + 1 end
    for _ = 1, 3 do asyncio.sleep(0) end
    return "value"
  end)
  asyncio.sleep(0)
  task:cancel()
  t.eq(task:await(), "value")
  t.eq(hits, 1)
end)
