-- However many tasks there are, only two are at work at any time.
local anyio = require "anyio"

run(function()
  local limiter = anyio.CapacityLimiter(2)
  local at_work, most = 0, 0

  local function work()
    local _ <close> = limiter:acquire()
    at_work = at_work + 1
    most = math.max(most, at_work)
    sleep(0.001)
    at_work = at_work - 1
  end

  anyio.create_task_group(function(tg)
    for _ = 1, 10 do tg:start_soon(work) end
  end)
  print("at work at once: " .. most, "left: " .. limiter.borrowed_tokens)
end)

-- Output:
-- at work at once: 2	left: 0
