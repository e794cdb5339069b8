--- Streams that keep what they have read too much.

local errors = require "anyrun.errors"
local options = require "anyrun.options"
local stream_lib = require "anyrun.stream"

local error, max = error, math.max

---@class anyio.streams.buffered
local buffered = {}

--- Wraps a stream of bytes, or of strings as items, for reading.
---@class anyio.streams.buffered.BufferedByteReceiveStream
---@field receive_stream table the wrapped stream
---@field buffer string what was read and not yet asked for; read-only
local Receive = stream_lib.class "BufferedByteReceiveStream"
buffered.BufferedByteReceiveStream = Receive

--- Wraps a stream.
---@param receive_stream table
---Checkpoint: never.
---@usage local lines = BufferedByteReceiveStream(stream)
function Receive:_init(receive_stream)
  options.arg(self.name, 1, receive_stream, "table|userdata", 4)
  self.receive_stream, self.buffer, self._closed = receive_stream, "", false
end

--- The attributes of the wrapped stream.
---@return table<anyio.TypedAttribute, fun(): any>
---Checkpoint: never.
---@usage local getters = stream:extra_attributes()
function Receive:extra_attributes()
  local getters = self.receive_stream.extra_attributes
  if type(getters) == "function" then return getters(self.receive_stream) end
  return getters or {}
end

--- Closes the wrapped stream; the buffer is gone.
---Checkpoint: as the wrapped stream.
---@usage lines:aclose()
function Receive:aclose()
  self._closed = true
  self.receive_stream:aclose()
end

--- Appends to the buffer: it comes before anything from the wrapped stream.
---@param data string
---Checkpoint: never.
---@usage lines:feed_data "HELLO\n"
function Receive:feed_data(data)
  options.arg("feed_data", 1, data, "string")
  self.buffer = self.buffer .. data
end

local function take(self, n)
  local data = self.buffer:sub(1, n)
  self.buffer = self.buffer:sub(n + 1)
  return data
end

local function check_open(self)
  if self._closed then
    error(errors.ClosedResourceError "this stream is closed", 0)
  end
end

--- What is in the buffer, else what comes.
---@param max_bytes? integer at most so many; 65536 when absent
---@return string not empty
---Checkpoint: when the buffer is empty.
---Raises: EndOfStream; ClosedResourceError; ValueError when `max_bytes` is less
---  than 1.
---@usage local data = lines:receive()
function Receive:receive(max_bytes)
  max_bytes = stream_lib.check_max(max_bytes)
  check_open(self)
  if self.buffer == "" then
    self.buffer = self.receive_stream:receive(max_bytes)
  end
  return take(self, max_bytes)
end

-- Reads more into the buffer; the end of the data comes too early.
local function fill(self, max_bytes)
  check_open(self)
  local source = self.receive_stream
  local ok, chunk = errors.pcall(source.receive, source, max_bytes)
  if ok then
    self.buffer = self.buffer .. chunk
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
---  buffer. ClosedResourceError.
---@usage local header = lines:receive_exactly(4)
function Receive:receive_exactly(n)
  options.arg("receive_exactly", 1, n, "integer")
  while #self.buffer < n do fill(self, n - #self.buffer) end
  check_open(self)
  return take(self, n)
end

--- Everything up to a delimiter, which is dropped.
---@param delimiter string
---@param max_bytes integer without one in so many bytes it gives up
---@return string
---Checkpoint: when the buffer does not hold it.
---Raises: DelimiterNotFound; IncompleteRead when the data ends before; what
---  came stays in the buffer. ClosedResourceError.
---@usage local line = lines:receive_until("\n", 1024)
function Receive:receive_until(delimiter, max_bytes)
  options.arg("receive_until", 1, delimiter, "string")
  options.arg("receive_until", 2, max_bytes, "integer")
  local from = 1
  while true do
    check_open(self)
    local first, last = self.buffer:find(delimiter, from, true)
    if first then
      local found = self.buffer:sub(1, first - 1)
      self.buffer = self.buffer:sub(last + 1)
      return found
    elseif #self.buffer >= max_bytes then
      error(errors.DelimiterNotFound(
        ("the delimiter was not found among the first %d bytes"):format(
          max_bytes), { max_bytes = max_bytes }), 0)
    end
    from = max(#self.buffer - #delimiter + 2, 1)
    fill(self)
  end
end

--- The same for a stream that also sends: what is sent goes straight through.
---@class anyio.streams.buffered.BufferedByteStream
local Both = stream_lib.class("BufferedByteStream", Receive)
buffered.BufferedByteStream = Both

--- Sends bytes.
---@param data string
---Checkpoint: as the wrapped stream.
---Raises: as the wrapped stream.
---@usage lines:send "HELLO\n"
function Both:send(data) self.receive_stream:send(data) end

--- Ends the sending half.
---Checkpoint: as the wrapped stream.
---@usage lines:send_eof()
function Both:send_eof() self.receive_stream:send_eof() end

return buffered
