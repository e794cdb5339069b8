-- A service tells its starter when it is ready, and hands over a value.
local anyio = require "anyio"

local function service(name, task_status)
  sleep(0.01)
  local state = { name = name, requests = 0 }
  task_status:started(state)
  anyio.sleep_forever()
end

run(function()
  anyio.create_task_group(function(tg)
    local state = tg:start(service, "clock")
    print(state.name .. " is ready")
    tg.cancel_scope:cancel()
  end)
  print("and has ended")
end)

-- Output:
-- clock is ready
-- and has ended
