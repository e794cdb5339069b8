--- TLS streams: what is sent through them is encrypted on the way.

local Engine = require "anyrun.tls.engine"
local SSLObject = require("anyrun.tls.object").SSLObject
local class = require "anyrun.class"
local contracts = require "anyio.abc.streams"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local properties = require "anyrun.tls.properties"
local resources = require "anyio.resources"
local stream_lib = require "anyrun.stream"
local tls_context = require "anyrun.tls.context"
local tls_errors = require "anyrun.tls.errors"
local typedattr = require "anyrun.typedattr"

local colon = class.colon
local error, next = error, next
local isinstance, pcall = errors.isinstance, errors.pcall
local rethrow, try = errors.rethrow, errors.try
local checkpoint = require("_anyrun.time").checkpoint

---@class anyio.streams.tls
local tls = {}

--- What can be asked of a TLS stream with `extra`; see `ssl.SSLObject` for
--- what the answers look like. `shared_ciphers` is nil on a client.
---@class anyio.streams.tls.TLSAttribute
local TLSAttribute = typedattr.TypedAttributeSet("TLSAttribute", {
  "alpn_protocol", "channel_binding_tls_unique", "cipher", "peer_certificate",
  "peer_certificate_binary", "server_side", "shared_ciphers", "ssl_object",
  "standard_compatible", "tls_version",
})
tls.TLSAttribute = TLSAttribute

--- Wraps a stream. Use `wrap`.
---@class anyio.streams.tls.TLSStream : anyio.abc.ByteStream
---@field transport_stream any the wrapped stream
---@field standard_compatible boolean
local TLSStream = class.new("TLSStream", contracts.ByteStream)
tls.TLSStream = TLSStream

local WRAP <const> = {
  server_side = "boolean?", hostname = "string?", ssl_context = properties.is_context,
  standard_compatible = "boolean?",
}

-- ---- the stream below -------------------------------------------------------

local function broken(err)
  return errors.BrokenResourceError("the stream below TLS broke", { cause = err })
end

local function get(transport)
  local ok, data = pcall(transport.receive, transport)
  if ok then return data end
  if isinstance(data, errors.EndOfStream) then return nil end
  if isinstance(data, errors.OSError) then error(broken(data), 0) end
  rethrow(data)
end

local function put(transport, data)
  local ok, err = pcall(transport.send, transport, data)
  if ok then return end
  if isinstance(err, errors.OSError) then error(broken(err), 0) end
  rethrow(err)
end

-- The peer's bytes ended before the session did: cut off, or its way to close?
local function raise(self, err)
  if not isinstance(err, tls_errors.SSLEOFError) then rethrow(err) end
  if self.standard_compatible then
    error(errors.BrokenResourceError(err.message, { cause = err }), 0)
  end
  error(errors.EndOfStream "the connection has ended", 0)
end

-- ---- making one -------------------------------------------------------------

--- Does a handshake over any stream of bytes, or of strings as items.
---@param transport_stream any
---@param opts? table `server_side` (when absent: a client if there is a
---  `hostname`); `hostname` of the server, which its certificate has to be for;
---  `ssl_context` (when absent: a safe one); `standard_compatible` (true when
---  absent): false does without the closing handshake, and takes the end of the
---  connection for the end of the data
---@return anyio.streams.tls.TLSStream
---Checkpoint: always.
---Raises: SSLError, SSLCertVerificationError when the handshake fails;
---  BrokenResourceError when the connection does; ValueError when the context
---  checks names and there is none.
---@usage local stream = TLSStream.wrap(plain, { hostname = "example.org" })
function TLSStream.wrap(transport_stream, opts)
  options.arg("wrap", 1, transport_stream, "table|userdata")
  opts = options.check("wrap", opts, WRAP, 2)
  local host, server = opts.hostname, opts.server_side
  if host == "" then host = nil end
  if server == nil then server = host == nil end
  local context = opts.ssl_context
    or tls_context.create_default_context(server and "CLIENT_AUTH" or "SERVER_AUTH")
  local object = SSLObject(context, server, host)
  local self = TLSStream()
  self.transport_stream = transport_stream
  self.standard_compatible = opts.standard_compatible ~= false
  self._object = object
  self._engine = Engine(object, transport_stream, get, put)
  local ok, err = try(self._engine.handshake, self._engine)
  if not ok then raise(self, err) end
  return self
end

-- ---- data -------------------------------------------------------------------

local function check_open(self)
  if self._closed then
    error(errors.ClosedResourceError "this TLS stream is closed", 0)
  end
end

-- Calls the engine as the only one who receives (or sends).
local function alone(self, busy, action, method, argument)
  check_open(self)
  if self[busy] then
    error(errors.BusyResourceError("This resource is already being " .. action
      .. " by another task", { action = action }), 0)
  end
  self[busy] = true
  local engine = self._engine
  local ok, result = try(engine[method], engine, argument)
  self[busy] = false
  if not ok then raise(self, result) end
  return result
end

--- Receives bytes.
---@param max_bytes? integer at most so many; 65536 when absent
---@return string not empty
---Checkpoint: always.
---Raises: EndOfStream when the peer has ended the session; BrokenResourceError
---  when the connection ended before (see `standard_compatible`); SSLError;
---  ClosedResourceError; BusyResourceError; ValueError when `max_bytes` is less
---  than 1; Cancelled, then nothing is lost.
---@usage local data = stream:receive()
function TLSStream:receive(max_bytes)
  if not self then colon(TLSStream, "receive") end
  max_bytes = stream_lib.check_max(max_bytes)
  local data = alone(self, "_receiving", "read from", "receive", max_bytes)
  if data then return data end
  error(errors.EndOfStream "the peer has ended the TLS session", 0)
end

--- Sends bytes.
---@param item string
---Checkpoint: always.
---Raises: BrokenResourceError when the connection is gone, or an earlier send
---  was cut off by a cancellation; SSLError; ClosedResourceError;
---  BusyResourceError; Cancelled: then part of the data may have been sent.
---@usage stream:send "hello"
function TLSStream:send(item)
  if not (self and item) then colon(TLSStream, "send", self) end
  options.arg("send", 1, item, "string")
  alone(self, "_sending", "written to", "send", item)
end

--- TLS has no half-closed streams here.
---Checkpoint: never.
---Raises: NotImplementedError.
---@usage stream:send_eof()
function TLSStream:send_eof()
  local version = self._object:version()
  error(errors.NotImplementedError(version == "TLSv1.3"
    and "send_eof() has not yet been implemented for TLS streams"
    or ("send_eof() requires at least TLSv1.3; current session uses %s"):format(
      version)), 2)
end

-- ---- the end ----------------------------------------------------------------

local function shutdown(self)
  local ok, err = try(self._engine.shutdown, self._engine, true)
  if not ok then raise(self, err) end
end

--- Does the closing handshake and gives the wrapped stream back.
---@return any transport_stream
---@return string rest what was received from it after the session's end
---Checkpoint: always.
---Raises: as `receive`.
---@usage local plain, rest = stream:unwrap()
function TLSStream:unwrap()
  if not self then colon(TLSStream, "unwrap") end
  check_open(self)
  shutdown(self)
  self._closed = true
  return self.transport_stream, self._engine:unread()
end

--- Does the closing handshake, unless not `standard_compatible` or something
--- broke before, and closes the wrapped stream. Where the handshake fails or is
--- cancelled, the wrapped stream is closed forcefully.
---Checkpoint: always.
---Raises: as `receive`, once all is closed.
---@usage stream:aclose()
function TLSStream:aclose()
  if not self then colon(TLSStream, "aclose") end
  local was_closed = self._closed
  self._closed = true
  if self.standard_compatible and not was_closed and self._engine:usable() then
    local ok, err = try(shutdown, self)
    if not ok then
      resources.aclose_forcefully(self.transport_stream)
      rethrow(err)
    end
  end
  self.transport_stream:aclose()
  checkpoint()
end

--- The attributes of the wrapped stream, and those of `TLSAttribute`.
---@return table<anyio.TypedAttribute, fun(): any>
---Checkpoint: never.
---@usage local getters = stream:extra_attributes()
function TLSStream:extra_attributes()
  local all, object = {}, self._object
  for key, getter in next, stream_lib.attributes(self.transport_stream) do
    all[key] = getter
  end
  local function ask(method, argument)
    return function() return (object[method](object, argument)) end
  end
  all[TLSAttribute.alpn_protocol] = ask "selected_alpn_protocol"
  all[TLSAttribute.channel_binding_tls_unique] = ask "get_channel_binding"
  all[TLSAttribute.cipher] = ask "cipher"
  all[TLSAttribute.peer_certificate] = ask("getpeercert", false)
  all[TLSAttribute.peer_certificate_binary] = ask("getpeercert", true)
  all[TLSAttribute.shared_ciphers] = ask "shared_ciphers"
  all[TLSAttribute.tls_version] = ask "version"
  all[TLSAttribute.server_side] = function() return object.server_side end
  all[TLSAttribute.ssl_object] = function() return object end
  all[TLSAttribute.standard_compatible] = function()
    return self.standard_compatible
  end
  return all
end

-- TLSListener and TLSConnectable have a file of their own.
return setmetatable(tls, {
  __index = function(self, key)
    if key ~= "TLSListener" and key ~= "TLSConnectable" then return nil end
    local listen = require "anyio.streams.tlslistener"
    self.TLSListener, self.TLSConnectable = listen.TLSListener, listen.TLSConnectable
    return self[key]
  end,
})
