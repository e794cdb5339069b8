--- trio's listener over a socket.

local checkpoint = require("trio.checkpoints").checkpoint
local class = require "anyrun.class"
local contracts = require "trio.contracts"
local options = require "anyrun.options"
local SocketStream = require "trio.socket_stream"
local socket = require "trio.socket"

local getmetatable = getmetatable

--- A socket that connections come to.
---@class trio.SocketListener : trio.abc.Listener
---@field socket trio.ListenerSocket
local SocketListener = class.new("SocketListener", contracts.Listener)

--- Wraps a listening socket, which is the listener's from then on.
---@param sock trio.ListenerSocket
---Checkpoint: never.
---@usage local listener = trio.SocketListener(sock)
function SocketListener:_init(sock)
  if getmetatable(sock) ~= socket.ListenerSocket then
    options.arg("SocketListener", 1, sock, function()
      return "listening socket expected"
    end, 4)
  end
  self.socket = sock
end

--- Waits for a connection.
---@return trio.SocketStream
---Checkpoint: always.
---Raises: ClosedResourceError; BusyResourceError when another task accepts;
--- OSError (EMFILE and its like) when the system has no more to give.
---@usage local stream <close> = listener:accept()
function SocketListener:accept() return SocketStream(self.socket:_accept_or_fail()) end

--- Closes it; who still accepts gets ClosedResourceError.
---Checkpoint: always; it is closed before.
---@usage listener:aclose()
function SocketListener:aclose()
  self.socket:_close()
  checkpoint()
end

return SocketListener
