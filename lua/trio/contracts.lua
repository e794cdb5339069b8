--- What trio's streams and listeners promise: the classes of `trio.abc` that a
--- script may extend.

local class = require "anyrun.class"
local errors = require "anyrun.errors"

local error, getmetatable, ipairs = error, getmetatable, ipairs

---@class trio.contracts
local contracts = {}

-- A contract: called with a name or a class, it makes or completes a class.
local function contract(name, ...)
  local cls = class.new(name)
  for _, base in ipairs { ... } do class.mix(cls, base) end
  getmetatable(cls).__call = class.extend
  contracts[name] = cls
  return cls
end

local function missing(self, method)
  error(errors.NotImplementedError(("%s does not define %s"):format(
    self.name or "the class", method)), 3)
end

--- Something that is closed when it is no longer needed; a to-be-closed value.
---@class trio.abc.AsyncResource
---@overload fun(class: string|table): table
local AsyncResource = contract "AsyncResource"

--- Closes it; a cancelled one is closed nonetheless. More than once is harmless.
---Checkpoint: always.
---@usage stream:aclose()
function AsyncResource:aclose() missing(self, "aclose") end

function AsyncResource:__close() self:aclose() end

--- A stream that bytes are sent into.
---@class trio.abc.SendStream : trio.abc.AsyncResource
---@overload fun(class: string|table): table
local SendStream = contract("SendStream", AsyncResource)

--- Sends all the bytes. Cancelled, it may have sent some of them.
---@param data string
---Checkpoint: always.
---Raises: BusyResourceError when another task sends; ClosedResourceError;
--- BrokenResourceError when the other side is gone.
---@usage stream:send_all "hello"
function SendStream:send_all(data) missing(self, "send_all", data) end

--- Waits until `send_all` could begin at once, as far as can be known.
---Checkpoint: always.
---Raises: as `send_all`.
---@usage stream:wait_send_all_might_not_block()
function SendStream:wait_send_all_might_not_block()
  missing(self, "wait_send_all_might_not_block")
end

--- A stream that bytes come out of; a `for` loop gives what comes.
---@class trio.abc.ReceiveStream : trio.abc.AsyncResource
---@overload fun(class: string|table): table
local ReceiveStream = contract("ReceiveStream", AsyncResource)

--- Receives what is there, at least a byte.
---@param max_bytes? integer at most so many
---@return string empty at the end
---Checkpoint: always.
---Raises: BusyResourceError when another task receives; ClosedResourceError;
--- BrokenResourceError; ValueError when `max_bytes` is less than 1.
---@usage local data = stream:receive_some()
function ReceiveStream:receive_some(max_bytes)
  return missing(self, "receive_some", max_bytes)
end

function ReceiveStream:__call()
  local data = self:receive_some()
  if data ~= "" then return data end
end

--- Bytes both ways. It extends ReceiveStream, too.
---@class trio.abc.Stream : trio.abc.SendStream
---@overload fun(class: string|table): table
local Stream = contract("Stream", SendStream, ReceiveStream)

--- Bytes both ways; sending can end while receiving goes on.
---@class trio.abc.HalfCloseableStream : trio.abc.Stream
---@overload fun(class: string|table): table
local HalfCloseable = contract("HalfCloseableStream", Stream)

--- Says that nothing more will be sent. More than once is harmless.
---Checkpoint: always.
---Raises: BusyResourceError when another task sends; ClosedResourceError.
---@usage stream:send_eof()
function HalfCloseable:send_eof() missing(self, "send_eof") end

--- Something that accepts connections.
---@class trio.abc.Listener : trio.abc.AsyncResource
---@overload fun(class: string|table): table
local Listener = contract("Listener", AsyncResource)

--- Waits for the next connection.
---@return trio.abc.Stream
---Checkpoint: always.
---Raises: ClosedResourceError.
---@usage local stream = listener:accept()
function Listener:accept() return missing(self, "accept") end

--- Something that values are sent into.
---@class trio.abc.SendChannel : trio.abc.AsyncResource
---@overload fun(class: string|table): table
local SendChannel = contract("SendChannel", AsyncResource)

--- Sends a value.
---@param value any not nil
---Checkpoint: always.
---Raises: ClosedResourceError; BrokenResourceError when nobody can receive.
---@usage channel:send(value)
function SendChannel:send(value) missing(self, "send", value) end

--- Something that values come out of; a `for` loop gives them.
---@class trio.abc.ReceiveChannel : trio.abc.AsyncResource
---@overload fun(class: string|table): table
local ReceiveChannel = contract("ReceiveChannel", AsyncResource)

--- Receives the next value.
---@return any
---Checkpoint: always.
---Raises: EndOfChannel when no more will come; ClosedResourceError;
--- BrokenResourceError.
---@usage local value = channel:receive()
function ReceiveChannel:receive() return missing(self, "receive") end

function ReceiveChannel:__call()
  local ok, value = errors.pcall(self.receive, self)
  if ok then return value end
  if not errors.isinstance(value, errors.EndOfChannel) then errors.rethrow(value) end
end

--- Values both ways. It extends ReceiveChannel, too.
---@class trio.abc.Channel : trio.abc.SendChannel
---@overload fun(class: string|table): table
contracts.Channel = contract("Channel", SendChannel, ReceiveChannel)

return contracts
