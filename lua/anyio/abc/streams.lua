--- What streams, listeners and connectables promise.
-- A class that extends a contract writes the methods; iterating, closing at
-- the end of a block and `extra` come with it. Byte streams do not keep the
-- borders of chunks; object streams carry whole items, in order and without
-- loss unless they are called unreliable.

local class = require "anyrun.class"
local resources = require "anyio.abc.resources"
local stream_lib = require "anyrun.stream"
local typedattr = require "anyrun.typedattr"

local getmetatable, ipairs = getmetatable, ipairs
local missing = resources._missing

---@class anyio.abc.streams
local streams = {}

-- A contract: called with a name or a class, it makes or completes a class.
local function contract(name, ...)
  local cls = class.new(name)
  for _, base in ipairs { ... } do class.mix(cls, base) end
  getmetatable(cls).__call = class.extend
  streams[name] = cls
  return cls
end

local RESOURCE <const> = resources.AsyncResource
local ATTRIBUTES <const> = typedattr.TypedAttributeProvider

--- A stream that items come out of; some may be lost or come in another order.
--- A `for` loop over it ends at EndOfStream.
---@class anyio.abc.UnreliableObjectReceiveStream : anyio.abc.AsyncResource
---@overload fun(class: string|table): table
local UnreliableReceive =
  contract("UnreliableObjectReceiveStream", RESOURCE, ATTRIBUTES)

--- Receives the next item.
---@return any item
---Checkpoint: always.
---Raises: EndOfStream when no more will come; ClosedResourceError when the
---  stream is closed; BrokenResourceError.
---@usage local item = stream:receive()
function UnreliableReceive:receive() return missing(self, "receive") end

UnreliableReceive.__call = stream_lib.step

--- A stream that items are sent into; some may be lost or arrive in another
--- order.
---@class anyio.abc.UnreliableObjectSendStream : anyio.abc.AsyncResource
---@overload fun(class: string|table): table
local UnreliableSend =
  contract("UnreliableObjectSendStream", RESOURCE, ATTRIBUTES)

--- Sends an item.
---@param item any not nil
---Checkpoint: always.
---Raises: ClosedResourceError when the stream is closed; BrokenResourceError
---  when the other side is gone.
---@usage stream:send(item)
function UnreliableSend:send(item) return missing(self, "send", item) end

--- Both ways, unreliable.
--- It extends UnreliableObjectSendStream, too.
---@class anyio.abc.UnreliableObjectStream : anyio.abc.UnreliableObjectReceiveStream
---@overload fun(class: string|table): table
local UnreliableBoth =
  contract("UnreliableObjectStream", UnreliableReceive, UnreliableSend)

--- A stream that items come out of, each once and in the order sent.
---@class anyio.abc.ObjectReceiveStream : anyio.abc.UnreliableObjectReceiveStream
---@overload fun(class: string|table): table
local ObjectReceive = contract("ObjectReceiveStream", UnreliableReceive)

--- A stream that items are sent into, and that loses none.
---@class anyio.abc.ObjectSendStream : anyio.abc.UnreliableObjectSendStream
---@overload fun(class: string|table): table
local ObjectSend = contract("ObjectSendStream", UnreliableSend)

--- Items both ways. It extends ObjectSendStream and UnreliableObjectStream, too.
---@class anyio.abc.ObjectStream : anyio.abc.ObjectReceiveStream
---@overload fun(class: string|table): table
local ObjectBoth =
  contract("ObjectStream", ObjectReceive, ObjectSend, UnreliableBoth)

--- Says that nothing more will be sent; receiving goes on. More than once is
--- harmless.
---Checkpoint: always.
---@usage stream:send_eof()
function ObjectBoth:send_eof() return missing(self, "send_eof") end

--- A stream that bytes come out of.
---@class anyio.abc.ByteReceiveStream : anyio.abc.AsyncResource
---@overload fun(class: string|table): table
local ByteReceive = contract("ByteReceiveStream", RESOURCE, ATTRIBUTES)

--- Receives what is there, at least a byte.
---@param max_bytes? integer at most so many; 65536 when absent
---@return string
---Checkpoint: always.
---Raises: EndOfStream when no more will come; ClosedResourceError when the
---  stream is closed; BrokenResourceError; ValueError when `max_bytes` is less
---  than 1.
---@usage local data = stream:receive(4096)
function ByteReceive:receive(max_bytes)
  return missing(self, "receive", max_bytes)
end

ByteReceive.__call = stream_lib.step

--- A stream that bytes are sent into.
---@class anyio.abc.ByteSendStream : anyio.abc.AsyncResource
---@overload fun(class: string|table): table
local ByteSend = contract("ByteSendStream", RESOURCE, ATTRIBUTES)

--- Sends all the bytes.
---@param data string
---Checkpoint: always.
---Raises: ClosedResourceError when the stream is closed; BrokenResourceError
---  when the other side is gone.
---@usage stream:send "hello"
function ByteSend:send(data) return missing(self, "send", data) end

--- Bytes both ways. It extends ByteSendStream, too.
---@class anyio.abc.ByteStream : anyio.abc.ByteReceiveStream
---@overload fun(class: string|table): table
local ByteBoth = contract("ByteStream", ByteReceive, ByteSend)

--- Says that nothing more will be sent; receiving goes on. More than once is
--- harmless.
---Checkpoint: always.
---@usage stream:send_eof()
function ByteBoth:send_eof() return missing(self, "send_eof") end

--- Something that accepts connections.
---@class anyio.abc.Listener : anyio.abc.AsyncResource
---@overload fun(class: string|table): table
local Listener = contract("Listener", RESOURCE, ATTRIBUTES)

--- Calls `handler(stream)` in a task of its own for each connection, until it
--- is cancelled.
---@param handler fun(stream: table) it closes the stream
---@param task_group? anyio.TaskGroup where the tasks are started; one of its own
---  when absent
---Checkpoint: always.
---@usage tg:start_soon(listener.serve, listener, handle)
function Listener:serve(handler, task_group)
  return missing(self, "serve", handler, task_group)
end

--- Something that makes connections that carry items.
---@class anyio.abc.ObjectStreamConnectable
---@overload fun(class: string|table): table
local ObjectConnectable = contract "ObjectStreamConnectable"

--- Connects.
---@return anyio.abc.ObjectStream
---Checkpoint: always.
---Raises: ConnectionFailed.
---@usage local stream <close> = connectable:connect()
function ObjectConnectable:connect() return missing(self, "connect") end

--- Something that makes connections that carry bytes.
---@class anyio.abc.ByteStreamConnectable
---@overload fun(class: string|table): table
local ByteConnectable = contract "ByteStreamConnectable"

--- Connects.
---@return anyio.abc.ByteStream
---Checkpoint: always.
---Raises: ConnectionFailed.
---@usage local stream <close> = connectable:connect()
function ByteConnectable:connect() return missing(self, "connect") end

return streams
