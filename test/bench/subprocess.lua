--- Start /bin/true and wait for it. arg: how many at a time, how many.
-- Unit: us/process.
local anyio = require "anyio"
local width, count = tonumber(arg[1]) or 1, tonumber(arg[2]) or 1000

local NOTHING <const> = { stdin = false, stdout = false, stderr = false }

local function worker(n)
  for _ = 1, n do
    assert(anyio.open_process({ "/bin/true" }, NOTHING):wait() == 0)
  end
end

local start = anyio.current_time()
anyio.create_task_group(function(tg)
  for _ = 1, width do tg:start_soon(worker, count // width) end
end)
local total = count // width * width
print(("%.1f us/process"):format((anyio.current_time() - start) * 1e6 / total))
