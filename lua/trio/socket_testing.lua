--- Helpers for tests of what serves over sockets.

local guard = require "trio.guard"
local options = require "anyrun.options"
local tcp = require "trio.tcp"

---@class trio.testing.socket_testing
local socket_testing = {}

local LOOPBACK <const> = { ["0.0.0.0"] = "127.0.0.1", ["::"] = "::1" }

--- Connects to a listener; one that listens on all interfaces, by this machine's
--- own.
---@param socket_listener trio.SocketListener
---@return trio.SocketStream
---Checkpoint: always.
---Raises: OSError.
---@usage local client <close> = trio.testing.open_stream_to_socket_listener(listener)
function socket_testing.open_stream_to_socket_listener(socket_listener)
  options.arg("open_stream_to_socket_listener", 1, socket_listener, "table")
  guard.needs_trio "testing.open_stream_to_socket_listener"
  local host, port = socket_listener.socket:_local()
  if port == nil then return tcp.open_unix_socket(host) end
  return tcp.open_tcp_stream(LOOPBACK[host] or host, port)
end

return socket_testing
