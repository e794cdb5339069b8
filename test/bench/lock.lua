--- What taking and releasing a lock costs, by a hundred tasks.
-- arg: plain, held (a checkpoint inside) or fast (alone, with fast_acquire);
-- how often. Unit: ns/acquire+release.
local anyio = require "anyio"
local mode, times = arg[1] or "plain", tonumber(arg[2]) or 1000000
local tasks = mode == "fast" and 1 or 100
local lock = anyio.Lock { fast_acquire = mode == "fast" }
local checkpoint, count = anyio.lowlevel.checkpoint, 0

local function work()
  for _ = 1, times // tasks do
    lock:acquire()
    count = count + 1
    if mode == "held" then checkpoint() end
    lock:release()
  end
end

local start = anyio.current_time()
anyio.create_task_group(function(tg)
  for _ = 1, tasks do tg:start_soon(work) end
end)
local seconds = anyio.current_time() - start
print(("%.1f ns/acquire+release"):format(seconds * 1e9 / count))
