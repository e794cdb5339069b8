--- loop:start_tls: a connection goes on with TLS.

local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local Loop = require("asyncio.loop").Loop
local options = require "anyrun.options"
local properties = require "anyrun.tls.properties"
local tls = require "asyncio.tls_transport"

local OPTIONS <const> = {
  server_side = "boolean?", server_hostname = "string?",
  ssl_handshake_timeout = "number?", ssl_shutdown_timeout = "number?",
}

--- Does a TLS handshake over a transport; use the one that comes back instead.
---@param transport asyncio.Transport
---@param protocol table its protocol, which goes on with the new transport
---@param sslcontext ssl.SSLContext
---@param opts? table `server_side` (false), `server_hostname`,
--- `ssl_handshake_timeout` (60), `ssl_shutdown_timeout` (30)
---@return asyncio.Transport
---Checkpoint: always.
---Raises: SSLError when the handshake fails, and the connection is closed; OSError.
---@usage transport = loop:start_tls(transport, protocol, context)
function Loop:start_tls(transport, protocol, sslcontext, opts)
  options.arg("start_tls", 1, transport, "table")
  options.arg("start_tls", 2, protocol, "table")
  options.arg("start_tls", 3, sslcontext, properties.is_context)
  opts = options.check("start_tls", opts, OPTIONS, 4)
  local waiter = futures.new(self)
  local upper, lower = tls.new(self, protocol, {
    ssl = sslcontext, waiter = waiter, silent = true, server_side = opts.server_side,
    server_hostname = opts.server_hostname,
    ssl_handshake_timeout = opts.ssl_handshake_timeout,
    ssl_shutdown_timeout = opts.ssl_shutdown_timeout,
  })
  -- nothing may be received before the new protocol is there
  transport:pause_reading()
  transport:set_protocol(lower)
  upper._raw = transport
  self:call_soon(lower.connection_made, lower, transport)
  self:call_soon(transport.resume_reading, transport)
  local ok, err = errors.try(waiter.await, waiter)
  if ok then return upper end
  transport:abort()
  errors.rethrow(err)
end

return Loop
