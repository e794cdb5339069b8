--- TLS at both ends of a connection's making: TLSListener, TLSConnectable.

local class = require "anyrun.class"
local contracts = require "anyio.abc.streams"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local properties = require "anyrun.tls.properties"
local report = require "anyrun.report"
local resources = require "anyio.resources"
local scope = require "_anyrun.scope"
local spec = require "anyrun.spec"
local tls = require "anyio.streams.tls"
local tls_context = require "anyrun.tls.context"

local rethrow, try = errors.rethrow, errors.try
local TLSAttribute, TLSStream = tls.TLSAttribute, tls.TLSStream

---@class anyio.streams.tlslistener
local listen = {}

local LISTENER <const> = {
  standard_compatible = "boolean?", handshake_timeout = "number?",
}
local CONNECTABLE <const> = {
  hostname = "string?", ssl_context = properties.is_context,
  standard_compatible = "boolean?",
}

--- Wraps a listener: what its handler gets are TLS streams. A handshake that
--- fails closes that connection only.
---@class anyio.streams.tls.TLSListener : anyio.abc.Listener
---@field listener any
---@field ssl_context ssl.SSLContext
---@field standard_compatible boolean
---@field handshake_timeout number seconds
local TLSListener = class.new("TLSListener", contracts.Listener)
listen.TLSListener = TLSListener

--- Wraps a listener.
---@param listener any
---@param ssl_context ssl.SSLContext
---@param opts? table `standard_compatible` (true when absent), see
---  `TLSStream.wrap`; `handshake_timeout` in seconds (30 when absent)
---Checkpoint: never.
---@usage local secure = TLSListener(listener, context)
function TLSListener:_init(listener, ssl_context, opts)
  options.arg("TLSListener", 1, listener, "table|userdata", 4)
  options.arg("TLSListener", 2, ssl_context, properties.is_context, 4)
  opts = options.check("TLSListener", opts, LISTENER, 3, 4)
  self.listener, self.ssl_context = listener, ssl_context
  self.standard_compatible = opts.standard_compatible ~= false
  self.handshake_timeout = opts.handshake_timeout or 30
end

--- What is done when a handshake failed; a listener (or a class) may have
--- another function in its place. This one closes the connection forcefully
--- and says what happened on standard error, but for cancellation, which goes
--- on, as does what is no `Exception`.
---@param exc any the error
---@param stream any the plain stream
---Checkpoint: always.
---Raises: `exc` when it is no `Exception`.
---@usage function listener.handle_handshake_error(exc, stream) stream:aclose() end
function TLSListener.handle_handshake_error(exc, stream)
  resources.aclose_forcefully(stream)
  if not errors.isinstance(exc, errors.Cancelled) then
    report { message = "Error during TLS handshake", exception = exc }
  end
  if not errors.is_ordinary(exc) then rethrow(exc) end
end

local function shake(self, stream)
  local _, wrapped = scope.fail_after(self.handshake_timeout, function()
    return TLSStream.wrap(stream, {
      server_side = true,
      ssl_context = self.ssl_context,
      standard_compatible = self.standard_compatible,
    })
  end)
  return wrapped
end

--- Accepts connections for ever; each is handled in a task of its own.
---@param handler function called with a TLSStream; or a task spec
---@param task_group? anyio.TaskGroup where the tasks belong
---Checkpoint: always.
---Raises: as the wrapped listener.
---@usage secure:serve(handle)
function TLSListener:serve(handler, task_group)
  local f, name, context = spec.parse("serve", 1, handler)
  local function handle(stream)
    local ok, wrapped = try(shake, self, stream)
    if ok then return f(wrapped) end
    self.handle_handshake_error(wrapped, stream)
  end
  if name or context then handle = { handle, name = name, context = context } end
  self.listener:serve(handle, task_group)
end

--- Closes the wrapped listener.
---Checkpoint: as that.
---@usage secure:aclose()
function TLSListener:aclose() self.listener:aclose() end

--- The one attribute there is: `TLSAttribute.standard_compatible`.
---@return table<anyio.TypedAttribute, fun(): any>
---Checkpoint: never.
---@usage local getters = secure:extra_attributes()
function TLSListener:extra_attributes()
  return {
    [TLSAttribute.standard_compatible] = function()
      return self.standard_compatible
    end,
  }
end

--- Wraps a connectable: its connections are TLS streams.
---@class anyio.streams.tls.TLSConnectable : anyio.abc.ByteStreamConnectable
---@field connectable any
---@field hostname? string
---@field ssl_context ssl.SSLContext
---@field standard_compatible boolean
local TLSConnectable = class.new("TLSConnectable", contracts.ByteStreamConnectable)
listen.TLSConnectable = TLSConnectable

--- Wraps a connectable.
---@param connectable any
---@param opts? table `hostname`, `ssl_context`, `standard_compatible`: see
---  `TLSStream.wrap`
---Checkpoint: never.
---@usage local secure = TLSConnectable(tcp, { hostname = "example.org" })
function TLSConnectable:_init(connectable, opts)
  options.arg("TLSConnectable", 1, connectable, "table|userdata", 4)
  opts = options.check("TLSConnectable", opts, CONNECTABLE, 2, 4)
  self.connectable, self.hostname = connectable, opts.hostname
  self.ssl_context = opts.ssl_context
    or tls_context.create_default_context "SERVER_AUTH"
  self.standard_compatible = opts.standard_compatible ~= false
end

--- Connects and does the handshake, as a client.
---@return anyio.streams.tls.TLSStream
---Checkpoint: always.
---Raises: as the wrapped connectable; as `TLSStream.wrap`, then the connection
---  is closed.
---@usage local stream <close> = secure:connect()
function TLSConnectable:connect()
  local stream = self.connectable:connect()
  local ok, wrapped = try(TLSStream.wrap, stream, {
    server_side = false,
    hostname = self.hostname,
    ssl_context = self.ssl_context,
    standard_compatible = self.standard_compatible,
  })
  if ok then return wrapped end
  resources.aclose_forcefully(stream)
  rethrow(wrapped)
end

return listen
