--- A listener and a connectable without a network: connections are pairs of
--- memory streams.

local anyio = require "anyio"
local buffered = require "anyio.streams.buffered"
local stapled = require "anyio.streams.stapled"

local memory = {}

--- Two stapled streams of items.
function memory.object_pair(size)
  local send1, receive1 = anyio.create_memory_object_stream(size or 10)
  local send2, receive2 = anyio.create_memory_object_stream(size or 10)
  return stapled.StapledObjectStream(send1, receive2), stapled.StapledObjectStream(send2, receive1)
end

--- Two stapled streams of bytes; what is received too much is kept.
function memory.byte_pair()
  local send1, receive1 = anyio.create_memory_object_stream(10)
  local send2, receive2 = anyio.create_memory_object_stream(10)
  local Receive = buffered.BufferedByteReceiveStream
  return stapled.StapledByteStream(send1, Receive(receive2)),
    stapled.StapledByteStream(send2, Receive(receive1))
end

local Listener = anyio.abc.Listener "MemoryListener"

function Listener:_init(attributes)
  self.send, self.receive = anyio.create_memory_object_stream(10)
  self.attributes, self.closed = attributes or {}, 0
end

function Listener:extra_attributes() return self.attributes end

function Listener:connect()
  local a, b = memory.object_pair()
  self.send:send(b)
  return a
end

function Listener:serve(handler, task_group)
  local function loop(tg)
    for stream in self.receive do tg:start_soon(handler, stream) end
  end
  if task_group then loop(task_group) else anyio.create_task_group(loop) end
end

function Listener:aclose()
  self.closed = self.closed + 1
  self.send:close()
  self.receive:close()
end

memory.Listener = Listener

return memory
