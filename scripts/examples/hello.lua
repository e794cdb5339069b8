-- Two tasks take turns; run it with --backend=trio and --backend=asyncio.
local anyio = require "anyio"

local function greet(name, delay)
  sleep(delay)
  print("hello, " .. name)
end

run(function()
  anyio.create_task_group(function(tg)
    tg:start_soon(greet, "world", 0.2)
    tg:start_soon(greet, "anyio", 0.01)
    print("two tasks started on " .. current_async_library())
  end)
  print("both have ended")
end)

-- Output:
-- two tasks started on BACKEND
-- hello, anyio
-- hello, world
-- both have ended
