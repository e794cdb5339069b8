--- What one switch costs: tasks that do nothing but reach checkpoints.
-- arg: tasks, checkpoints of each. Unit: ns/switch.
local anyio = require "anyio"
local lowlevel = require "anyio.lowlevel"
local tasks, each = tonumber(arg[1]) or 1, tonumber(arg[2]) or 1000000

local function work()
  local checkpoint = lowlevel.checkpoint
  for _ = 1, each do
    checkpoint()
  end
end

local start = anyio.current_time()
anyio.create_task_group(function(tg)
  for _ = 1, tasks do
    tg:start_soon(work)
  end
end)
local seconds = anyio.current_time() - start
print(("%.1f ns/switch"):format(seconds * 1e9 / (tasks * each)))
