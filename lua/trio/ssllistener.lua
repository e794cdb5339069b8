--- Trio's SSLListener.

local SSLStream = require("trio.ssl").SSLStream
local class = require "anyrun.class"
local contracts = require "trio.contracts"
local errors = require "anyrun.errors"
local guard = require "trio.guard"
local options = require "anyrun.options"
local properties = require "anyrun.tls.properties"

local aclose_forcefully = require("trio.streams").aclose_forcefully
local needs_trio = guard.needs_trio

---@class trio.ssllistener
local ssl = {}

--- Makes an SSLStream; the stream below is closed where that fails.
---@param stream any
---@param context ssl.SSLContext
---@param opts table as for SSLStream
---@return trio.SSLStream
---Checkpoint: where it fails.
---Raises: ValueError when the context is not for this side.
---@usage return ssl.wrap(listener:accept(), context, { server_side = true })
function ssl.wrap(stream, context, opts)
  local ok, made = errors.try(SSLStream, stream, context, opts)
  if ok then return made end
  aclose_forcefully(stream)
  errors.rethrow(made)
end

--- Wraps a listener: what it accepts are SSLStreams, their handshakes yet to be
--- done.
---@class trio.SSLListener : trio.abc.Listener
---@field transport_listener any
local SSLListener = class.new("SSLListener", contracts.Listener)
ssl.SSLListener = SSLListener

--- Wraps a listener.
---@param transport_listener any
---@param ssl_context ssl.SSLContext
---@param opts? table `https_compatible`, see SSLStream
---Checkpoint: never.
---@usage local listener = trio.SSLListener(plain, context)
function SSLListener:_init(transport_listener, ssl_context, opts)
  options.arg("SSLListener", 1, transport_listener, "table|userdata", 4)
  options.arg("SSLListener", 2, ssl_context, properties.is_context, 4)
  opts = options.check("SSLListener", opts, { https_compatible = "boolean?" }, 3, 4)
  self.transport_listener, self._context = transport_listener, ssl_context
  self._https = opts.https_compatible or false
end

--- Waits for a connection.
---@return trio.SSLStream
---Checkpoint: always.
---Raises: as the wrapped listener.
---@usage local stream = listener:accept()
function SSLListener:accept()
  needs_trio "SSLListener.accept"
  return ssl.wrap(self.transport_listener:accept(), self._context,
    { server_side = true, https_compatible = self._https })
end

--- Closes the wrapped listener.
---Checkpoint: as that.
---@usage listener:aclose()
function SSLListener:aclose()
  needs_trio "SSLListener.aclose"
  self.transport_listener:aclose()
end

return ssl
