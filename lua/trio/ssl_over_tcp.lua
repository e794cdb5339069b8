--- Trio's TLS over TCP: connecting, listening, serving.

local class = require "anyrun.class"
local options = require "anyrun.options"
local properties = require "anyrun.tls.properties"
local ssllistener = require "trio.ssllistener"
local tcp = require "trio.tcp"
local TaskStatus = require "anyrun.taskstatus"

local SSLListener = ssllistener.SSLListener
local ipairs = ipairs

---@class trio.ssl_over_tcp
local ssl = {}

local CONNECT <const> = {
  https_compatible = "boolean?", ssl_context = properties.is_context,
  happy_eyeballs_delay = "number?",
}

--- Connects over TCP and speaks TLS on it: the handshake, which checks that the
--- server has a certificate for this host, is done when it is first needed.
---@param host string
---@param port integer
---@param opts? table `ssl_context` (when absent: a safe one), `https_compatible`,
--- `happy_eyeballs_delay`
---@return trio.SSLStream
---Checkpoint: always.
---Raises: as `open_tcp_stream`.
---@usage local stream <close> = trio.open_ssl_over_tcp_stream("example.org", 443)
function ssl.open_ssl_over_tcp_stream(host, port, opts)
  options.arg("open_ssl_over_tcp_stream", 1, host, "string")
  options.arg("open_ssl_over_tcp_stream", 2, port, "integer")
  opts = options.check("open_ssl_over_tcp_stream", opts, CONNECT, 3)
  local context = opts.ssl_context
    or require("anyrun.tls.context").create_default_context()
  local stream = tcp.open_tcp_stream(host, port,
    { happy_eyeballs_delay = opts.happy_eyeballs_delay })
  return ssllistener.wrap(stream, context, { server_hostname = host,
    https_compatible = opts.https_compatible })
end

local LISTEN <const> = {
  host = "string?", https_compatible = "boolean?", backlog = "integer?",
}

local function open(port, ssl_context, opts)
  local listeners = tcp.open_tcp_listeners(port,
    { host = opts.host, backlog = opts.backlog })
  for i, listener in ipairs(listeners) do
    listeners[i] = SSLListener(listener, ssl_context,
      { https_compatible = opts.https_compatible })
  end
  return listeners
end

--- Listens for TLS over TCP: a listener for each address of the host.
---@param port integer 0: each gets a port that is free
---@param ssl_context ssl.SSLContext
---@param opts? table `host` (absent: all of this machine), `https_compatible`,
--- `backlog`
---@return trio.SSLListener[]
---Checkpoint: always.
---Raises: as `open_tcp_listeners`.
---@usage local listeners = trio.open_ssl_over_tcp_listeners(8443, context)
function ssl.open_ssl_over_tcp_listeners(port, ssl_context, opts)
  options.arg("open_ssl_over_tcp_listeners", 1, port, "integer")
  options.arg("open_ssl_over_tcp_listeners", 2, ssl_context, properties.is_context)
  opts = options.check("open_ssl_over_tcp_listeners", opts, LISTEN, 3)
  return open(port, ssl_context, opts)
end

local SERVE <const> = {
  host = "string?", https_compatible = "boolean?", backlog = "integer?",
  handler_nursery = "any",
}

--- Listens for TLS over TCP and serves who connects.
---@param handler fun(stream: trio.SSLStream)
---@param port integer
---@param ssl_context ssl.SSLContext
---@param opts? table `host`, `https_compatible`, `backlog`, `handler_nursery`
---@param task_status? table under `nursery:start` it is told the listeners
---Checkpoint: always.
---Raises: as `open_tcp_listeners`, `serve_listeners`.
---@usage local listeners = nursery:start(trio.serve_ssl_over_tcp, handle, 0, context)
function ssl.serve_ssl_over_tcp(handler, port, ssl_context, opts, task_status)
  options.arg("serve_ssl_over_tcp", 1, handler, "callable")
  options.arg("serve_ssl_over_tcp", 2, port, "integer")
  options.arg("serve_ssl_over_tcp", 3, ssl_context, properties.is_context)
  if class.is(opts, TaskStatus) then opts, task_status = nil, opts end
  opts = options.check("serve_ssl_over_tcp", opts, SERVE, 4)
  tcp.serve_listeners(handler, open(port, ssl_context, opts),
    { handler_nursery = opts.handler_nursery }, task_status)
end

return ssl
