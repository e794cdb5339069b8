--- Connections and listeners.

local classes = require "anyio.abc.sockets"
local errors = require "anyrun.errors"
local native = require "_anyrun.socket"
local options = require "anyrun.options"
local stapled = require "anyio.streams.stapled"

---@class anyio.sockets
local sockets = {}

local CONNECT <const> = {}
local LISTEN <const> = {
  local_host = "string?", local_port = "integer?", backlog = "integer?",
}

--- Connects to a host over TCP.
---@param remote_host string an address in digits
---@param remote_port integer
---@param opts? table
---@return anyio.abc.SocketStream
---Checkpoint: always.
---Raises: ConnectionFailed.
---@usage local stream <close> = anyio.connect_tcp("127.0.0.1", 80)
function sockets.connect_tcp(remote_host, remote_port, opts)
  options.arg("connect_tcp", 1, remote_host, "string")
  options.arg("connect_tcp", 2, remote_port, "integer")
  options.check("connect_tcp", opts, CONNECT, 3)
  local family = native.numeric(remote_host)
  local stream = native.open(classes.SocketStream, "stream", family)
  local ok, err = errors.try(stream._connect, stream, remote_host, remote_port)
  if ok then return stream end
  stream:_close()
  if errors.isinstance(err, errors.OSError) then
    error(errors.ConnectionFailed("All connection attempts failed",
      { cause = err }), 0)
  end
  errors.rethrow(err)
end

--- Listens for connections over TCP.
---@param opts? {local_host?: string, local_port?: integer, backlog?: integer}
---@return anyio.streams.stapled.MultiListener
---Checkpoint: always.
---@usage local listener <close> = anyio.create_tcp_listener{local_port = 8080}
function sockets.create_tcp_listener(opts)
  opts = options.check("create_tcp_listener", opts, LISTEN, 1)
  local host = opts.local_host or "127.0.0.1"
  local listener = native.open(classes.SocketListener, "listener",
    native.numeric(host))
  local ok, err = errors.try(function()
    listener:_bind(host, opts.local_port or 0)
    listener:_listen(opts.backlog or 65536, classes.SocketStream)
  end)
  if not ok then
    listener:_close()
    errors.rethrow(err)
  end
  return stapled.MultiListener { listener }
end

return sockets
