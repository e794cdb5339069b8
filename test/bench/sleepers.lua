--- Tasks that sleep 1 to 50 ms at once. arg: how many. Unit: ns/sleeper.
local anyio = require "anyio"
local count = tonumber(arg[1]) or 100000

local start = anyio.current_time()
anyio.create_task_group(function(tg)
  for i = 1, count do
    tg:start_soon(anyio.sleep, (i * 7919 % 50 + 1) / 1000)
  end
end)
print(("%.1f ns/sleeper"):format((anyio.current_time() - start) * 1e9 / count))
