-- A job that waited for a thread of an executor, and could not be copied when its
-- turn came, was lost: its future was never done, and the run waited for good.
local anyio = require "anyio"
local asyncio = require "asyncio"
local t = require "harness"

t.test("[AS-LOOP-18] a job that cannot be copied when its turn comes fails its future",
  {backend = "asyncio"}, function()
  local loop, idle = asyncio.get_running_loop(), asyncio.new_event_loop()
  loop:set_default_executor(asyncio.ThreadPoolExecutor{max_workers = 1})
  local go, list = false, {}
  list[1] = loop:run_in_executor(nil, function(l, ready)
    while not require("asyncio").run_coroutine_threadsafe(ready, l):result() do end
    return 1
  end, loop, anyio.lowlevel.ref(function() return go end))
  list[2] = loop:run_in_executor(nil, print, idle) -- no thread can have that
  list[3] = loop:run_in_executor(nil, function() return 3 end)
  go = true
  t.eq(list[1]:await(), 1)
  t.raises("only a loop that runs", list[2].await, list[2])
  t.eq(list[3]:await(), 3)
  idle:close()
end)
