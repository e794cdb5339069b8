--- loop:create_server and loop:create_unix_server.

local connect = require "asyncio.connect"
local errors = require "anyrun.errors"
local Loop = require("asyncio.loop").Loop
local native = require "_anyrun.socket"
local options = require "anyrun.options"
local Server = require "asyncio.server"
local socket = require "asyncio.socket"

local error, ipairs, os = error, ipairs, os
local require, type = require, type

local listen = {}

local BACKLOG <const> = 100

local function is_context(value)
  return require("anyrun.tls.properties").is_context(value)
end

local TLS <const> = { ssl_handshake_timeout = "number?",
  ssl_shutdown_timeout = "number?" }

-- What the options say about TLS; nil: there is none.
local function tls_of(fname, opts)
  if not opts.ssl then return connect.check_without_tls(fname, opts, TLS, 4) end
  return { ssl = opts.ssl, server_side = true,
    ssl_handshake_timeout = opts.ssl_handshake_timeout,
    ssl_shutdown_timeout = opts.ssl_shutdown_timeout }
end

local SERVER <const> = {
  ssl = is_context, ssl_handshake_timeout = "number?",
  ssl_shutdown_timeout = "number?",
  family = "string|integer?", flags = "string|integer|table?",
  sock = socket._is_socket, backlog = "integer?", reuse_address = "boolean?",
  reuse_port = "boolean?", start_serving = "boolean?",
}

-- The addresses of all hosts, each once.
local function addresses(hosts, port, opts)
  if type(hosts) ~= "table" then hosts = { hosts or "" } end
  if #hosts == 0 then
    error(errors.ValueError "create_server: the list of hosts is empty", 3)
  end
  local all, seen = {}, {}
  for _, host in ipairs(hosts) do
    local list = connect.addresses(host ~= "" and host or nil, port or 0, {
      family = opts.family, flags = opts.flags or "AI_PASSIVE",
    }, "SOCK_STREAM")
    for _, entry in ipairs(list) do
      local key = entry[1] .. " " .. entry[5][1]
      if not seen[key] then all[#all + 1] = entry end
      seen[key] = true
    end
  end
  return all
end

local function bound(entry, opts)
  local sock = native.open_plain(socket.Socket, entry[1], entry[2])
  if opts.reuse_address ~= false then sock:_set("reuse_address", 1) end
  if opts.reuse_port then sock:_set("reuse_port", 1) end
  if entry[1] == "AF_INET6" then sock:_set("ipv6_only", 1) end
  local ok, err = errors.pcall(sock.bind, sock, entry[5])
  if ok then return sock end
  sock:_close()
  if errors.isinstance(err, errors.OSError) then
    local wrapped = errors.OSError(
      ("error while attempting to bind on address ('%s', %d): %s"):format(
        entry[5][1], entry[5][2], err.message))
    wrapped.code, wrapped.errno, wrapped.cause = err.code, err.errno, err
    return nil, wrapped
  end
  errors.rethrow(err)
end

-- An address that this machine does not have is left out, if there are others.
local function bind_all(entries, opts)
  local sockets, failed = {}, nil
  for _, entry in ipairs(entries) do
    local sock, err = bound(entry, opts)
    sockets[#sockets + 1] = sock
    failed = failed or err
    if err and err.code ~= "EADDRNOTAVAIL" then
      socket._close_all(sockets)
      error(err, 0)
    end
  end
  if #sockets == 0 then error(failed, 0) end
  return sockets
end

local function started(server, opts)
  if opts.start_serving == false then return server end
  local ok, err = errors.try(server.start_serving, server)
  if ok then return server end
  server:close()
  errors.rethrow(err)
end

--- Listens for connections over TCP.
---@param protocol_factory fun(): table makes a protocol for each connection
---@param host? string|string[] absent or `""`: all of this machine
---@param port? integer|string
---@param opts? table `sock` (one that is bound, in place of host and port),
--- `family`, `flags`, `backlog` (100), `reuse_address` (true), `reuse_port`,
--- `start_serving` (true), `ssl` (a context), `ssl_handshake_timeout` (60),
--- `ssl_shutdown_timeout` (30)
---@return asyncio.Server
---Checkpoint: always.
---Raises: OSError; gaierror.
---@usage local server <close> = loop:create_server(Echo, "localhost", 7777)
function Loop:create_server(protocol_factory, host, port, opts)
  options.arg("create_server", 1, protocol_factory, "callable")
  options.arg("create_server", 2, host, "string|table?")
  for _, each in ipairs(type(host) == "table" and host or {}) do
    options.arg("create_server", 2, each, "string")
  end
  options.arg("create_server", 3, port, "integer|string?")
  opts = options.check("create_server", opts, SERVER, 4)
  if (host or port) and opts.sock then
    error(errors.ValueError("create_server: host/port and sock can not be "
      .. "specified at the same time"), 2)
  elseif not (host or port or opts.sock) then
    error(errors.ValueError
      "create_server: Neither host/port nor sock were specified", 2)
  end
  local tls = tls_of("create_server", opts)
  if opts.sock then socket._check_kind("create_server", opts.sock, "SOCK_STREAM") end
  local sockets = opts.sock and { opts.sock }
    or bind_all(addresses(host, port, opts), opts)
  return started(Server._new(self, sockets, protocol_factory,
    opts.backlog or BACKLOG, tls), opts)
end

local UNIX_SERVER <const> = {
  ssl = is_context, ssl_handshake_timeout = "number?",
  ssl_shutdown_timeout = "number?",
  sock = socket._is_socket, backlog = "integer?", start_serving = "boolean?",
  cleanup_socket = "boolean?",
}

local function bound_path(path)
  if native.socket_file(path) then os.remove(path) end
  local sock = native.open_plain(socket.Socket, "AF_UNIX", "SOCK_STREAM")
  local ok, err = errors.try(sock.bind, sock, path)
  if ok then return sock end
  sock:_close()
  errors.rethrow(err)
end

-- Removes the socket's file, unless another one has taken its place.
local function remover(path)
  local file = native.socket_file(path)
  return function()
    if file and native.socket_file(path) == file then os.remove(path) end
  end
end

--- Listens for connections on a UNIX socket. One that lies at the path already
--- is replaced; the file is removed when the server is closed.
---@param protocol_factory fun(): table
---@param path? string a name in Linux's abstract space begins with a zero byte
---@param opts? table `sock` (one that is bound, in place of the path), `backlog`
--- (100), `cleanup_socket` (true), `start_serving` (true), and those for TLS
---@return asyncio.Server
---Checkpoint: always.
---Raises: OSError.
---@usage local server <close> = loop:create_unix_server(Echo, "/tmp/echo")
function Loop:create_unix_server(protocol_factory, path, opts)
  options.arg("create_unix_server", 1, protocol_factory, "callable")
  options.arg("create_unix_server", 2, path, "string?")
  opts = options.check("create_unix_server", opts, UNIX_SERVER, 3)
  if (path == nil) == (opts.sock == nil) then
    error(errors.ValueError("create_unix_server: either path or sock must be "
      .. "specified"), 2)
  end
  local tls = tls_of("create_unix_server", opts)
  if opts.sock then
    socket._check_kind("create_unix_server", opts.sock, "SOCK_STREAM", "AF_UNIX")
  end
  local sock = opts.sock or bound_path(path)
  local cleanup
  if opts.cleanup_socket ~= false then
    cleanup = remover(path or sock:getsockname())
  end
  return started(Server._new(self, { sock }, protocol_factory,
    opts.backlog or BACKLOG, tls, cleanup), opts)
end

local ACCEPTED <const> = {
  ssl = is_context, ssl_handshake_timeout = "number?", ssl_shutdown_timeout = "number?",
}

--- A transport over a connection that was accepted elsewhere, by `sock_accept`.
---@param protocol_factory fun(): table
---@param sock asyncio.Socket it is the transport's from then on
---@param opts? table `ssl` (a context), `ssl_handshake_timeout` (60),
--- `ssl_shutdown_timeout` (30)
---@return asyncio.Transport
---@return table protocol
---Checkpoint: always.
---Raises: ValueError when it is no stream; SSLError.
---@usage local transport = loop:connect_accepted_socket(Echo, (loop:sock_accept(listener)))
function Loop:connect_accepted_socket(protocol_factory, sock, opts)
  options.arg("connect_accepted_socket", 1, protocol_factory, "callable")
  options.arg("connect_accepted_socket", 2, sock, socket._is_socket)
  opts = options.check("connect_accepted_socket", opts, ACCEPTED, 3)
  socket._check_kind("connect_accepted_socket", sock, "SOCK_STREAM")
  return connect.transport(self, sock, protocol_factory,
    tls_of("connect_accepted_socket", opts))
end

return listen
