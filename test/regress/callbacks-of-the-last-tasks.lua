-- A task ended in the same pass as main, or was cancelled because main had
-- ended: the callbacks that were to hear of its end were never called, and an
-- error of it was said to have been retrieved by nobody.

local asyncio = require "asyncio"
local t = require "harness"

local function heard(main)
  local log = {}
  asyncio.run(function()
    local loop = asyncio.get_running_loop()
    local gate = loop:create_future()
    local task = asyncio.create_task(function()
      gate:await()
      error("failed", 0)
    end)
    task:add_done_callback(function(ended)
      log[#log + 1] = ended:cancelled() and "cancelled" or ended:exception()
    end)
    asyncio.sleep(0)
    main(gate, loop)
  end)
  return log
end

t.test("a task that ends with main: its callbacks are called",
  { backend = "asyncio", plain = true }, function()
    t.eq(heard(function(gate)
      gate:set_result(nil)
      asyncio.sleep(0)
    end), { "failed" })
    t.eq(heard(function(gate, loop)
      local mine = loop:create_future()
      loop:call_soon(function()
        mine:set_result(nil)
        gate:set_result(nil)
      end)
      mine:await()
    end), { "failed" })
  end)

t.test("a task that is cancelled at the end: its callbacks are called",
  { backend = "asyncio", plain = true }, function()
    t.eq(heard(function() end), { "cancelled" })
    t.eq(heard(function(gate) gate:set_result(nil) end), { "cancelled" })
  end)
