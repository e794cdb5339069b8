--- trio's stream over a socket.

local checkpoint = require("trio.checkpoints").checkpoint
local class = require "anyrun.class"
local contracts = require "trio.contracts"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local socket = require "trio.socket"

local colon = class.colon
local error, getmetatable, math_type, type = error, getmetatable, math.type, type
local StreamSocket = socket.StreamSocket
local receive_some, send_all = StreamSocket._receive_some, StreamSocket._send_all

--- Bytes over a connected socket.
---@class trio.SocketStream : trio.abc.HalfCloseableStream
---@field socket trio.StreamSocket
local SocketStream = class.new("SocketStream", contracts.HalfCloseableStream)

--- Wraps a connected socket, which is the stream's from then on.
---@param sock trio.StreamSocket
---Checkpoint: never.
---@usage local stream = trio.SocketStream(sock)
function SocketStream:_init(sock)
  if getmetatable(sock) ~= StreamSocket then
    options.arg("SocketStream", 1, sock, function()
      return "connected stream socket expected"
    end, 4)
  end
  self.socket, self._eof = sock, false
end

--- Sends all the bytes. Cancelled, it may have sent some of them.
---@param data string
---Checkpoint: always.
---Raises: BusyResourceError when another task sends; ClosedResourceError, also
--- after `send_eof`; BrokenResourceError when the other side is gone.
---@usage stream:send_all "hello"
function SocketStream:send_all(data)
  if not (self and data) then colon(SocketStream, "send_all", self) end
  if self._eof then
    error(errors.ClosedResourceError "can't send data after sending EOF", 2)
  end
  if send_all(self.socket, data) == false then
    options.arg("send_all", 1, data, "string")
  end
end

--- Waits until the system would take more bytes.
---Checkpoint: always.
---Raises: BusyResourceError; ClosedResourceError.
---@usage stream:wait_send_all_might_not_block()
function SocketStream:wait_send_all_might_not_block()
  if not self then colon(SocketStream, "wait_send_all_might_not_block") end
  self.socket:_wait_to_send()
end

--- Receives what is there, at least a byte.
---@param max_bytes? integer at most so many; 65536 when absent
---@return string empty at the end
---Checkpoint: always.
---Raises: BusyResourceError when another task receives; ClosedResourceError;
--- BrokenResourceError; ValueError when `max_bytes` is less than 1.
---@usage local data = stream:receive_some()
function SocketStream:receive_some(max_bytes)
  if not self then colon(SocketStream, "receive_some") end
  local data = receive_some(self.socket, max_bytes)
  if data then return data end
  options.arg("receive_some", 1, max_bytes, "integer")
  error(errors.ValueError "max_bytes must be >= 1", 2)
end

--- Says that nothing more will be sent; receiving goes on.
---Checkpoint: always.
---Raises: BusyResourceError when another task sends; ClosedResourceError.
---@usage stream:send_eof()
function SocketStream:send_eof()
  if not self then colon(SocketStream, "send_eof") end
  if not self._eof then
    self.socket:send_eof()
    self._eof = true
  end
  checkpoint()
end

local function is_value(value)
  local kind = type(value)
  if kind == "boolean" or kind == "string" or math_type(value) == "integer" then
    return nil
  end
  return "integer, boolean or string expected"
end

--- Sets an option of the socket.
---@param level string|integer "SOL_SOCKET", "IPPROTO_TCP" and the like, or a number
---@param option string|integer its name in C ("TCP_NODELAY"), or its number
---@param value integer|boolean|string a string is the bytes of a structure
---Checkpoint: never.
---Raises: ValueError for a name that is not known; OSError;
--- ClosedResourceError.
---@usage stream:setsockopt("SOL_SOCKET", "SO_KEEPALIVE", true)
function SocketStream:setsockopt(level, option, value)
  if not (self and option) then colon(SocketStream, "setsockopt", self) end
  options.arg("setsockopt", 1, level, "string|integer")
  options.arg("setsockopt", 2, option, "string|integer")
  options.arg("setsockopt", 3, value, is_value)
  self.socket:setsockopt(level, option, value)
end

--- What an option of the socket is.
---@param level string|integer as for `setsockopt`
---@param option string|integer
---@param size? integer above 0: the value is a structure of at most so many bytes
---@return integer|string
---Checkpoint: never.
---Raises: as `setsockopt`.
---@usage local on = stream:getsockopt("IPPROTO_TCP", "TCP_NODELAY") ~= 0
function SocketStream:getsockopt(level, option, size)
  if not (self and option) then colon(SocketStream, "getsockopt", self) end
  options.arg("getsockopt", 1, level, "string|integer")
  options.arg("getsockopt", 2, option, "string|integer")
  options.arg("getsockopt", 3, size, "integer?")
  return (self.socket:getsockopt(level, option, size))
end

--- Closes it; who still sends or receives gets ClosedResourceError.
---Checkpoint: always; it is closed before.
---@usage stream:aclose()
function SocketStream:aclose()
  if not self then colon(SocketStream, "aclose") end
  self.socket:_close()
  checkpoint()
end

return SocketStream
