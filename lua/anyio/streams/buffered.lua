--- Streams that keep what they have read too much.

local ByteQueue = require "anyrun.bytequeue"
local class = require "anyrun.class"
local contracts = require "anyio.abc.streams"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local stream_lib = require "anyrun.stream"

local colon = class.colon
local error = error

---@class anyio.streams.buffered
local buffered = {}

--- Wraps a stream of bytes, or of strings as items, for reading.
---@class anyio.streams.buffered.BufferedByteReceiveStream : anyio.abc.ByteReceiveStream
---@field receive_stream table the wrapped stream
---@field buffer string what was read and not yet asked for; read-only
local Receive = class.new("BufferedByteReceiveStream", contracts.ByteReceiveStream)
buffered.BufferedByteReceiveStream = Receive

--- Wraps a stream.
---@param receive_stream table
---Checkpoint: never.
---@usage local lines = BufferedByteReceiveStream(stream)
function Receive:_init(receive_stream)
  options.arg(self.name, 1, receive_stream, "table|userdata", 4)
  self.receive_stream, self._queue = receive_stream, ByteQueue.new()
  self._closed = false
end

-- The buffer is put together when somebody looks at it.
local function readable(cls)
  function cls:__index(key)
    if key == "buffer" then return self._queue:peek() end
    return cls[key]
  end
end

readable(Receive)

--- The attributes of the wrapped stream.
---@return table<anyio.TypedAttribute, fun(): any>
---Checkpoint: never.
---@usage local getters = stream:extra_attributes()
function Receive:extra_attributes()
  return stream_lib.attributes(self.receive_stream)
end

--- Closes the wrapped stream; the buffer is of no use any more.
---Checkpoint: as the wrapped stream.
---@usage lines:aclose()
function Receive:aclose()
  if not self then colon(Receive, "aclose") end
  self._closed = true
  self.receive_stream:aclose()
end

--- Appends to the buffer: it comes before anything from the wrapped stream.
---@param data string
---Checkpoint: never.
---@usage lines:feed_data "HELLO\n"
function Receive:feed_data(data)
  if not (self and data) then colon(Receive, "feed_data", self) end
  options.arg("feed_data", 1, data, "string")
  self._queue:push(data)
end

local function check_open(self)
  if self._closed then
    error(errors.ClosedResourceError "this stream is closed", 0)
  end
end

local function push(self, chunk)
  self._queue:push(stream_lib.check_chunk(chunk))
end

--- What is in the buffer, else what comes.
---@param max_bytes? integer at most so many; 65536 when absent
---@return string not empty
---Checkpoint: when the buffer is empty.
---Raises: EndOfStream; ClosedResourceError; ValueError when `max_bytes` is less
---  than 1; TypeError when the wrapped stream carries other items than strings.
---@usage local data = lines:receive()
function Receive:receive(max_bytes)
  if not self then colon(Receive, "receive") end
  max_bytes = stream_lib.check_max(max_bytes)
  check_open(self)
  local queue = self._queue
  while queue.size == 0 do push(self, self.receive_stream:receive(max_bytes)) end
  return queue:take(queue.size < max_bytes and queue.size or max_bytes)
end

-- Reads more into the buffer; the end of the data comes too early.
local function fill(self, max_bytes)
  check_open(self)
  local source = self.receive_stream
  local ok, chunk = errors.pcall(source.receive, source, max_bytes)
  if ok then
    push(self, chunk)
  elseif errors.isinstance(chunk, errors.EndOfStream) then
    error(errors.IncompleteRead(
      "the stream ended before the read could be completed",
      { cause = chunk }), 0)
  else
    errors.rethrow(chunk)
  end
end

--- Exactly so many bytes.
---@param n integer
---@return string
---Checkpoint: when the buffer does not hold them.
---Raises: IncompleteRead when the data ends before; what came stays in the
---  buffer. ClosedResourceError; ValueError when `n` is negative; TypeError as
---  `receive`.
---@usage local header = lines:receive_exactly(4)
function Receive:receive_exactly(n)
  if not (self and n) then colon(Receive, "receive_exactly", self) end
  options.arg("receive_exactly", 1, n, "integer")
  if n < 0 then
    error(errors.ValueError "the number of bytes cannot be negative", 2)
  end
  check_open(self)
  local queue = self._queue
  while queue.size < n do fill(self, n - queue.size) end
  check_open(self)
  return queue:take(n)
end

--- Everything up to a delimiter, which is dropped.
---@param delimiter string
---@param max_bytes integer without one in so many bytes it gives up
---@return string
---Checkpoint: when the buffer does not hold it.
---Raises: DelimiterNotFound; IncompleteRead when the data ends before; what
---  came stays in the buffer. ClosedResourceError; ValueError when the delimiter
---  is empty; TypeError as `receive`.
---@usage local line = lines:receive_until("\n", 1024)
function Receive:receive_until(delimiter, max_bytes)
  if not (self and delimiter) then colon(Receive, "receive_until", self) end
  options.arg("receive_until", 1, delimiter, "string")
  options.arg("receive_until", 2, max_bytes, "integer")
  if delimiter == "" then
    error(errors.ValueError "the delimiter cannot be empty", 2)
  end
  local queue, search = self._queue, {}
  while true do
    check_open(self)
    local at = queue:find(delimiter, search)
    if at then
      local found = queue:take(at - 1)
      queue:take(#delimiter)
      return found
    elseif queue.size >= max_bytes then
      error(errors.DelimiterNotFound(
        ("the delimiter was not found among the first %d bytes"):format(
          max_bytes), { max_bytes = max_bytes }), 0)
    end
    fill(self)
  end
end

--- The same for a stream that also sends: what is sent goes straight through.
---@class anyio.streams.buffered.BufferedByteStream : anyio.abc.ByteStream
local Both = class.new("BufferedByteStream", Receive)
class.mix(Both, contracts.ByteStream)
readable(Both)
buffered.BufferedByteStream = Both

--- Sends bytes.
---@param data string
---Checkpoint: as the wrapped stream.
---Raises: as the wrapped stream.
---@usage lines:send "HELLO\n"
function Both:send(data)
  if not (self and data) then colon(Both, "send", self) end
  self.receive_stream:send(data)
end

--- Ends the sending half.
---Checkpoint: as the wrapped stream.
---@usage lines:send_eof()
function Both:send_eof()
  if not self then colon(Both, "send_eof") end
  self.receive_stream:send_eof()
end

--- Connects as another connectable does; its streams are buffered.
---@class anyio.streams.buffered.BufferedConnectable : anyio.abc.ByteStreamConnectable
---@field connectable table
local Connectable =
  class.new("BufferedConnectable", contracts.ByteStreamConnectable)
buffered.BufferedConnectable = Connectable

--- Wraps a connectable.
---@param connectable table
---Checkpoint: never.
---@usage local server = BufferedConnectable(connectable)
function Connectable:_init(connectable)
  options.arg(self.name, 1, connectable, "table|userdata", 4)
  self.connectable = connectable
end

--- Connects.
---@return anyio.streams.buffered.BufferedByteStream
---Checkpoint: as the wrapped connectable.
---Raises: as the wrapped connectable.
---@usage local stream <close> = server:connect()
function Connectable:connect() return Both(self.connectable:connect()) end

return buffered
