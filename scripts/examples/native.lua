-- The backends' own libraries, and AnyIO's functions inside their runs.
local anyio = require "anyio"
local asyncio = require "asyncio"
local trio = require "trio"

-- trio: a nursery, level cancellation.
trio.run(function()
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      trio.sleep(0.01)
      print("a task of trio's, in " .. current_async_library())
    end)
  end)
  anyio.sleep(0)
end)

-- asyncio: tasks that are awaited, gathered, cancelled one by one.
asyncio.run(function()
  local function double(n)
    asyncio.sleep(0.01)
    return 2 * n
  end
  local task = asyncio.create_task(double, 21)
  print("a task of asyncio's: " .. task:await())
  anyio.sleep(0)
end)

-- Output:
-- a task of trio's, in trio
-- a task of asyncio's: 42
