--- `receive_until` put its whole buffer together anew with each chunk: a long
--- line in small chunks cost time and memory in the square of its length. The
--- same was true of many short lines in one big chunk.
local t = require "harness"
local anyio = require "anyio"
local BufferedByteReceiveStream =
  require("anyio.streams.buffered").BufferedByteReceiveStream

-- How many KiB `body` asks for.
local function asked_for(body)
  collectgarbage()
  collectgarbage "stop"
  local before = collectgarbage "count"
  body()
  local after = collectgarbage "count"
  collectgarbage "restart"
  return after - before
end

local function stream_of(n, chunk)
  local send, receive = anyio.create_memory_object_stream(n)
  for _ = 1, n do send:send_nowait(chunk) end
  send:close()
  return BufferedByteReceiveStream(receive)
end

t.test("[ST-07] a long line in small chunks is put together once", function()
  local stream <close> = stream_of(1000, ("x"):rep(1000))
  stream:feed_data("y")
  t.ok(asked_for(function()
    t.raises(anyio.IncompleteRead, stream.receive_until, stream, "\n", math.maxinteger)
  end) < 20000)
  t.eq(#stream.buffer, 1000001)
end)

t.test("[ST-06 ST-07] short lines of a big chunk do not copy what follows", function()
  local stream <close> = stream_of(1, ("ten bytes\n"):rep(20000))
  t.ok(asked_for(function()
    for _ = 1, 10000 do
      stream:receive_until("\n", 100)
      stream:receive_exactly(10)
    end
  end) < 20000)
end)
