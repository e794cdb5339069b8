--- Cancel a group of sleeping tasks. arg: how many. Unit: ns/task, measured
-- from the cancel until the group has ended.
local anyio = require "anyio"
local count = tonumber(arg[1]) or 100000

local start
anyio.create_task_group(function(tg)
  for _ = 1, count do
    tg:start_soon(anyio.sleep_forever)
  end
  anyio.wait_all_tasks_blocked()
  start = anyio.current_time()
  tg.cancel_scope:cancel()
end)
print(("%.1f ns/task"):format((anyio.current_time() - start) * 1e9 / count))
