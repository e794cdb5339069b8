--- An error was reported as never retrieved although a task had been woken by it.
--
-- A future failed, and the task that waited for it was cancelled before it ran:
-- the cancellation took the error's place, and the error counted as one that
-- nobody had looked at. A writer whose connection was lost while its task was
-- cancelled in `drain` was such a case.

local anyio = require "anyio"
local asyncio = require "asyncio"
local t = require "harness"

local function reports_of(body)
  local loop, reported = asyncio.get_running_loop(), {}
  loop:set_exception_handler(function(_, context) table.insert(reported, context) end)
  body(loop)
  for _ = 1, 3 do
    collectgarbage()
    asyncio.sleep(0)
  end
  return #reported
end

t.test("[AS-FUT-06 AS-CAN-06] who is cancelled when it was woken has seen the error",
  { backend = "asyncio" }, function()
    t.eq(reports_of(function(loop)
      local future = loop:create_future()
      local task = asyncio.create_task(future.await, future)
      asyncio.sleep(0)
      future:set_exception(anyio.ValueError "x")
      task:cancel()
      t.raises(asyncio.CancelledError, task.await, task)
    end), 0)
  end)

t.test("[AS-FUT-06] an error that nobody was woken by is reported as before",
  { backend = "asyncio" }, function()
    t.eq(reports_of(function(loop)
      local future = loop:create_future()
      local task = asyncio.create_task(future.await, future)
      asyncio.sleep(0)
      task:cancel()
      t.raises(asyncio.CancelledError, task.await, task)
      loop:create_future():set_exception(anyio.ValueError "x")
    end), 1)
  end)
