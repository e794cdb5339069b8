--- A time given to uvloop's call_at was turned into a delay by one reading of
-- the clock and back into a time by another: with a tick between the two, the
-- callback came a millisecond later than others of the same time.
local asyncio = require "asyncio"
local uvloop = require "uvloop"
local t = require "harness"

t.test("callbacks of one time keep their order while the clock ticks", {plain = true},
  function()
    asyncio.run(function()
      local loop, order, count = asyncio.get_running_loop(), {}, 0
      local when = loop:time() + 0.06
      while loop:time() < when - 0.01 do
        count = count + 1
        loop:call_at(when, table.insert, order, count)
      end
      while #order < count do asyncio.sleep(0.001) end
      for i = 1, count do t.eq(order[i], i) end
    end, {loop_factory = uvloop.new_event_loop})
  end)
