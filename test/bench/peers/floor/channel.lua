--- As test/bench/channel.lua, on the floor: a stream of items, or round trips.
local floor = require "floor"
local mode, times = arg[1] or "stream", tonumber(arg[2]) or 1000000

local function stream()
  local channel = floor.channel(100)
  floor.spawn(function()
    for i = 1, times do channel:send(i) end
  end)
  floor.spawn(function()
    local sum = 0
    for _ = 1, times do sum = sum + channel:receive() end
    assert(sum == times * (times + 1) // 2)
  end)
end

local function pingpong()
  local there, back = floor.channel(1), floor.channel(1)
  floor.spawn(function()
    for i = 1, times do
      there:send(i)
      assert(back:receive() == i)
    end
  end)
  floor.spawn(function()
    for _ = 1, times do back:send(there:receive()) end
  end)
end

local start = floor.now()
if mode == "stream" then stream() else pingpong() end
floor.join()
print(("%.1f ns/%s"):format((floor.now() - start) * 1e9 / times,
  mode == "stream" and "item" or "round trip"))
