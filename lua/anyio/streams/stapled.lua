--- Two one-way streams as one that goes both ways.

local errors = require "anyrun.errors"
local options = require "anyrun.options"
local stream_lib = require "anyrun.stream"

local error, next, type = error, next, type

---@class anyio.streams.stapled
local stapled = {}

--- Two streams of bytes.
---@class anyio.streams.stapled.StapledByteStream
---@field send_stream table
---@field receive_stream table
local Bytes = stream_lib.class "StapledByteStream"
stapled.StapledByteStream = Bytes

--- Staples two streams.
---@param send_stream table
---@param receive_stream table
---Checkpoint: never.
---@usage local stream = StapledByteStream(process.stdin, process.stdout)
function Bytes:_init(send_stream, receive_stream)
  options.arg(self.name, 1, send_stream, "table|userdata", 4)
  options.arg(self.name, 2, receive_stream, "table|userdata", 4)
  self.send_stream, self.receive_stream = send_stream, receive_stream
end

local function attributes(part)
  local getters = part.extra_attributes
  if type(getters) == "function" then return getters(part) end
  return getters or {}
end

--- The attributes of the wrapped streams; the receiving one's win.
---@return table<anyio.TypedAttribute, fun(): any>
---Checkpoint: never.
---@usage local getters = stream:extra_attributes()
function Bytes:extra_attributes()
  local all = {}
  for key, get in next, attributes(self.send_stream) do all[key] = get end
  for key, get in next, attributes(self.receive_stream) do all[key] = get end
  return all
end

--- Receives from the receiving part.
---@param max_bytes? integer at most so many bytes; 65536 when absent
---@return string
---Checkpoint: as that part.
---Raises: as that part; ValueError when `max_bytes` is less than 1.
---@usage local data = stream:receive()
function Bytes:receive(max_bytes)
  return self.receive_stream:receive(stream_lib.check_max(max_bytes))
end

--- Sends through the sending part.
---@param item any
---Checkpoint: as that part.
---Raises: as that part.
---@usage stream:send "hello"
function Bytes:send(item) self.send_stream:send(item) end

--- Closes the sending part; receiving goes on.
---Checkpoint: as that part.
---@usage stream:send_eof()
function Bytes:send_eof() self.send_stream:aclose() end

--- Closes the sending part, then the receiving one.
---Checkpoint: as the parts.
---@usage stream:aclose()
function Bytes:aclose()
  local ok, err = errors.try(self.send_stream.aclose, self.send_stream)
  self.receive_stream:aclose()
  if not ok then errors.rethrow(err) end
end

--- Two streams of items.
---@class anyio.streams.stapled.StapledObjectStream
local Objects = stream_lib.class("StapledObjectStream", Bytes)
stapled.StapledObjectStream = Objects

--- Receives an item from the receiving part.
---@return any item
---Checkpoint: as that part.
---Raises: as that part.
---@usage local item = stream:receive()
function Objects:receive() return self.receive_stream:receive() end

--- Sends at once through the sending part, if that can.
---@param item any
---Checkpoint: never.
---Raises: NotImplementedError when that part has no `send_nowait`; as that part.
---@usage stream:send_nowait(job)
function Objects:send_nowait(item)
  local part = self.send_stream
  local send_nowait = part.send_nowait
  if not send_nowait then
    error(errors.NotImplementedError(("%s does not support send_nowait()")
      :format(part.name or type(part))), 2)
  end
  return send_nowait(part, item)
end

return stapled
