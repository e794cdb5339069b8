-- The first copy of a loop in a thread was none that run_coroutine_threadsafe
-- knew: its class stood in a module that was loaded in the middle of the copying,
-- when the modules had been looked at, and so the class was copied itself.

local asyncio = require "asyncio"
local t = require "harness"
local Thread = require("threading").Thread
local thread = require "_anyrun.thread"

t.test("the first copy of a loop is one of a loop's class", { plain = true }, function()
  local cell = thread.cell()
  asyncio.run(function()
    local worker = Thread(function(loop, result)
      local ok, future = pcall(require("asyncio").run_coroutine_threadsafe,
        function() return 8 end, loop)
      result:lock()
      result:unlock(ok and future:result() or tostring(future))
    end, asyncio.get_running_loop(), cell)
    worker:start()
    asyncio.to_thread(worker.join, worker)
  end)
  local result = cell:lock()
  cell:unlock()
  t.eq(result, 8)
end)
