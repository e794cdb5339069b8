--- What an item through a memory stream costs.
-- arg: stream (buffer 100) or pingpong (two streams without buffer); how many.
-- Unit: ns/item, ns/round trip.
local anyio = require "anyio"
local mode, times = arg[1] or "stream", tonumber(arg[2]) or 1000000
local open = anyio.create_memory_object_stream

local function stream(tg)
  local send, receive = open(100)
  tg:start_soon(function()
    for i = 1, times do send:send(i) end
    send:close()
  end)
  tg:start_soon(function()
    local sum = 0
    for _ = 1, times do sum = sum + receive:receive() end
    receive:close()
    assert(sum == times * (times + 1) // 2)
  end)
end

local function pingpong(tg)
  local send, receive = open()
  local reply, answer = open()
  tg:start_soon(function()
    for i = 1, times do
      send:send(i)
      assert(answer:receive() == i)
    end
    send:close()
    answer:close()
  end)
  tg:start_soon(function()
    for _ = 1, times do reply:send(receive:receive()) end
    reply:close()
    receive:close()
  end)
end

local start = anyio.current_time()
anyio.create_task_group(mode == "stream" and stream or pingpong)
local seconds = anyio.current_time() - start
print(("%.1f ns/%s"):format(seconds * 1e9 / times,
  mode == "stream" and "item" or "round trip"))
