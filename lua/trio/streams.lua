--- Streams made of streams, and closing without waiting.

local class = require "anyrun.class"
local contracts = require "trio.contracts"
local errors = require "anyrun.errors"
local guard = require "trio.guard"
local options = require "anyrun.options"
local scope_lib = require "_anyrun.scope"

local colon = class.colon
local CancelScope = scope_lib.CancelScope

---@class trio.streams
local streams = {}

--- Closes a stream or listener without waiting for the other side.
---@param resource trio.abc.AsyncResource
---Checkpoint: always.
---@usage trio.aclose_forcefully(stream)
function streams.aclose_forcefully(resource)
  options.arg("aclose_forcefully", 1, resource, "table|userdata")
  guard.needs_trio "aclose_forcefully"
  CancelScope(function(scope)
    scope:cancel()
    resource:aclose()
  end)
end

--- A stream to send into and one to receive from, as one that goes both ways.
---@class trio.StapledStream : trio.abc.HalfCloseableStream
---@field send_stream trio.abc.SendStream
---@field receive_stream trio.abc.ReceiveStream
local StapledStream = class.new("StapledStream", contracts.HalfCloseableStream)
streams.StapledStream = StapledStream

--- Staples two streams.
---@param send_stream trio.abc.SendStream
---@param receive_stream trio.abc.ReceiveStream
---Checkpoint: never.
---@usage local stream = trio.StapledStream(process.stdin, process.stdout)
function StapledStream:_init(send_stream, receive_stream)
  options.arg("StapledStream", 1, send_stream, "table|userdata", 4)
  options.arg("StapledStream", 2, receive_stream, "table|userdata", 4)
  self.send_stream, self.receive_stream = send_stream, receive_stream
end

--- Sends through the sending part.
---@param data string
---Checkpoint: as that part.
---@usage stream:send_all "hello"
function StapledStream:send_all(data)
  if not (self and data) then colon(StapledStream, "send_all", self) end
  self.send_stream:send_all(data)
end

--- Waits as the sending part does.
---Checkpoint: as that part.
---@usage stream:wait_send_all_might_not_block()
function StapledStream:wait_send_all_might_not_block()
  if not self then colon(StapledStream, "wait_send_all_might_not_block") end
  self.send_stream:wait_send_all_might_not_block()
end

--- Ends sending: by the sending part's own `send_eof`, or by closing it.
---Checkpoint: as that part.
---@usage stream:send_eof()
function StapledStream:send_eof()
  if not self then colon(StapledStream, "send_eof") end
  local part = self.send_stream
  if part.send_eof then part:send_eof() else part:aclose() end
end

--- Receives from the receiving part.
---@param max_bytes? integer
---@return string empty at the end
---Checkpoint: as that part.
---@usage local data = stream:receive_some()
function StapledStream:receive_some(max_bytes)
  if not self then colon(StapledStream, "receive_some") end
  return self.receive_stream:receive_some(max_bytes)
end

--- Closes both parts, the second one even if the first cannot be closed.
---Checkpoint: as the parts.
---Raises: what closing raised.
---@usage stream:aclose()
function StapledStream:aclose()
  if not self then colon(StapledStream, "aclose") end
  local ok, err = errors.try(self.send_stream.aclose, self.send_stream)
  self.receive_stream:aclose()
  if not ok then errors.rethrow(err) end
end

return streams
