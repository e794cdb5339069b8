--- Spawn and join tasks that end at once. arg: how many. Unit: ns/task.
local anyio = require "anyio"
local count = tonumber(arg[1]) or 100000

local function work() end

local start = anyio.current_time()
anyio.create_task_group(function(tg)
  for _ = 1, count do
    tg:start_soon(work)
  end
end)
print(("%.1f ns/task"):format((anyio.current_time() - start) * 1e9 / count))
