--- trio's stream over a socket.

local checkpoint = require("trio.checkpoints").checkpoint
local class = require "anyrun.class"
local contracts = require "trio.contracts"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local socket = require "trio.socket"

local colon = class.colon
local error, getmetatable = error, getmetatable
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

--- Closes it; who still sends or receives gets ClosedResourceError.
---Checkpoint: always; it is closed before.
---@usage stream:aclose()
function SocketStream:aclose()
  if not self then colon(SocketStream, "aclose") end
  self.socket:_close()
  checkpoint()
end

return SocketStream
