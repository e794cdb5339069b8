--- loop:create_connection and its kin: sockets that connect, and transports.

local dns = require "anyrun.dns"
local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local Loop = require("asyncio.loop").Loop
local native = require "_anyrun.socket"
local options = require "anyrun.options"
local protocols = require "asyncio.protocols"
local readiness = require "asyncio.readiness"
local socket = require "asyncio.socket"
local transports = require "asyncio.transport"

local concat, error, ipairs, math_type = table.concat, error, ipairs, math.type
local pairs, require, tostring, type = pairs, require, tostring, type

local connect = {}

local STREAM <const>, PAIR <const> = "SOCK_STREAM", "{host, port} expected"

--- The addresses of a host and port, in digits.
---@param host? string
---@param port? integer|string
---@param opts table `family`, `proto`, `flags`
---@param kind string "SOCK_STREAM" or "SOCK_DGRAM"
---@return table[]
---Checkpoint: always.
---Raises: gaierror.
---@usage local entries = connect.addresses(host, port, opts, "SOCK_STREAM")
function connect.addresses(host, port, opts, kind)
  local entries = dns.getaddrinfo(host, port, {
    family = opts.family, proto = opts.proto, flags = opts.flags, type = kind,
  })
  if #entries == 0 then
    error(errors.OSError "getaddrinfo() returned empty list", 0)
  end
  return entries
end

--- What is wrong with `{host, port}` as an option has it; nil: nothing.
---@param value any
---@return string?
---Checkpoint: never.
---@usage local KNOWN <const> = { local_addr = connect.is_address }
function connect.is_address(value)
  if type(value) ~= "table" then return PAIR end
  local host, port = value[1], value[2]
  if host ~= nil and type(host) ~= "string" then return PAIR end
  if port == nil or type(port) == "string" or math_type(port) == "integer" then
    return nil
  end
  return PAIR
end

-- Binds to the first of the local addresses of that family that will do.
local function bind_local(sock, entries, family)
  local failed
  for _, entry in ipairs(entries) do
    if entry[1] == family then
      local ok, err = errors.pcall(sock.bind, sock, entry[5])
      if ok then return end
      failed = err
    end
  end
  error(failed or errors.OSError("no matching local address with family="
    .. tostring(family) .. " found"), 0)
end

--- A socket that is connected to one address.
---@param entry table of getaddrinfo
---@param local_entries? table[]
---@return asyncio.Socket
---Checkpoint: always.
---Raises: OSError.
---@usage local sock = connect.one(entry)
function connect.one(entry, local_entries)
  local sock = native.open_plain(socket.Socket, entry[1], entry[2])
  local ok, err = errors.try(function()
    if local_entries then bind_local(sock, local_entries, entry[1]) end
    readiness.connect(sock, entry[5][1], entry[5][2])
  end)
  if ok then return sock end
  sock:_close()
  errors.rethrow(err)
end

-- One error that stands for all.
local function combined(list, all_errors)
  if all_errors then
    return errors.ExceptionGroup("create_connection failed", list)
  end
  local texts, same = {}, true
  for i, err in ipairs(list) do
    texts[i] = tostring(err)
    same = same and texts[i] == texts[1]
  end
  if same then return list[1] end
  return errors.OSError("Multiple exceptions: " .. concat(texts, ", "))
end

local function each_in_turn(entries, local_entries)
  local failed = {}
  for _, entry in ipairs(entries) do
    local ok, result = errors.pcall(connect.one, entry, local_entries)
    if ok then return result end
    if not errors.isinstance(result, errors.OSError) then errors.rethrow(result) end
    failed[#failed + 1] = result
  end
  return nil, failed
end

local function staggered(entries, local_entries, delay)
  local dial = require "anyrun.dial"
  return dial.race_by(function(to)
    return connect.one({ to.family, STREAM, 0, "", { to.host, to.port } },
      local_entries)
  end, dial.interleave(entries), delay)
end

local function connected(host, port, opts)
  local entries = connect.addresses(host, port, opts, STREAM)
  local local_entries = opts.local_addr and connect.addresses(opts.local_addr[1],
    opts.local_addr[2], opts, STREAM)
  local sock, failed
  if opts.happy_eyeballs_delay then
    sock, failed = staggered(entries, local_entries, opts.happy_eyeballs_delay)
  else
    sock, failed = each_in_turn(entries, local_entries)
  end
  if sock then return sock end
  error(combined(failed, opts.all_errors), 0)
end

--- A transport over a socket, whose protocol was told of it.
---@param loop asyncio.Loop
---@param sock asyncio.Socket
---@param factory fun(): table
---@param tls? table with TLS between the two: options of asyncio.tls_transport
---@return asyncio.Transport
---@return table protocol
---Checkpoint: always.
---@usage return connect.transport(self, sock, factory)
function connect.transport(loop, sock, factory, tls)
  local ok, protocol = errors.try(protocols._make, factory)
  if not ok then
    sock:_close()
    errors.rethrow(protocol)
  end
  local waiter = futures.new(loop)
  local transport
  if tls then
    tls.waiter = waiter
    transport = require("asyncio.tls_transport").over(loop, sock, protocol, tls)
  else
    transport = transports.new(loop, sock, protocol, nil, waiter)
  end
  local done, err = errors.try(waiter.await, waiter)
  if not done then
    transport:close()
    errors.rethrow(err)
  end
  return transport, protocol
end

-- A context, or true for the usual one. TLS is not loaded for nothing.
local function is_tls(value)
  if value == true then return nil end
  return require("anyrun.tls.properties").is_context(value)
end

local TLS <const> = {
  ssl = is_tls, server_hostname = "string?", ssl_handshake_timeout = "number?",
  ssl_shutdown_timeout = "number?",
}

--- Checks that no option is given that is one of TLS alone.
---@param fname string
---@param opts table
---@param tls table their names are its keys
---@param level integer whose line the error names
---Checkpoint: never.
---Raises: ValueError.
---@usage connect.check_without_tls("create_server", opts, TLS, 4)
function connect.check_without_tls(fname, opts, tls, level)
  for name in pairs(tls) do
    if opts[name] then
      error(errors.ValueError(("%s: %s is only meaningful with ssl"):format(fname,
        name)), level)
    end
  end
end

-- What the options say about TLS; nil: there is none.
local function tls_of(fname, opts, host)
  if not opts.ssl then return connect.check_without_tls(fname, opts, TLS, 5) end
  local tls = { server_hostname = opts.server_hostname or host }
  for name in pairs(TLS) do tls[name] = tls[name] or opts[name] end
  if tls.server_hostname == nil then
    error(errors.ValueError(fname .. ": You must set server_hostname when using "
      .. "ssl without a host"), 4)
  end
  return tls
end

local function with_tls(known)
  for name, wanted in pairs(TLS) do known[name] = wanted end
  return known
end

local CONNECTION <const> = with_tls {
  family = "string|integer?", proto = "string|integer?",
  flags = "string|integer|table?", sock = socket._is_socket, local_addr = connect.is_address,
  happy_eyeballs_delay = "number?", all_errors = "boolean?",
}

local function check_either(fname, what, given, sock)
  if sock and given then
    error(errors.ValueError(("%s: %s and sock can not be specified at the same time")
      :format(fname, what)), 4)
  elseif not sock and not given then
    error(errors.ValueError(("%s: neither %s nor sock was specified"):format(fname,
      what)), 4)
  end
end

--- Connects over TCP: the addresses of the host are tried one after another, or
--- staggered, until one accepts.
---@param protocol_factory fun(): table makes the protocol
---@param host? string
---@param port? integer|string
---@param opts? table `sock` (one that is connected, in place of host and port),
--- `family`, `proto`, `flags`, `local_addr` (`{host, port}`), `ssl` (a context, or
--- true), `server_hostname` (the host), `ssl_handshake_timeout` (60),
--- `happy_eyeballs_delay` (seconds; absent: the next is tried when the one
--- before has failed), `all_errors` (raise a group of all of them),
--- `ssl_shutdown_timeout` (30)
---@return asyncio.Transport transport
---@return table protocol
---Checkpoint: always.
---Raises: OSError, the one, or one that lists them; gaierror; SSLError.
---@usage local transport, echo = loop:create_connection(Echo, "localhost", 7)
function Loop:create_connection(protocol_factory, host, port, opts)
  options.arg("create_connection", 1, protocol_factory, "callable")
  options.arg("create_connection", 2, host, "string?")
  options.arg("create_connection", 3, port, "integer|string?")
  opts = options.check("create_connection", opts, CONNECTION, 4)
  check_either("create_connection", "host/port", host or port, opts.sock)
  if opts.happy_eyeballs_delay then
    require("anyrun.dial").check_delay(opts.happy_eyeballs_delay)
  end
  local tls = tls_of("create_connection", opts, host)
  if opts.sock then socket._check_kind("create_connection", opts.sock, STREAM) end
  local sock = opts.sock or connected(host, port, opts)
  if sock:_family() ~= "AF_UNIX" then sock:_set("no_delay", 1) end
  return connect.transport(self, sock, protocol_factory, tls)
end

local UNIX_CONNECTION <const> = with_tls { sock = socket._is_socket }

--- Connects to a UNIX socket.
---@param protocol_factory fun(): table
---@param path? string a name in Linux's abstract space begins with a zero byte
---@param opts? table `sock` (one that is connected, in place of the path), `ssl`,
--- `server_hostname`, `ssl_handshake_timeout`, `ssl_shutdown_timeout`
---@return asyncio.Transport transport
---@return table protocol
---Checkpoint: always.
---Raises: OSError.
---@usage local transport = loop:create_unix_connection(Echo, "/run/echo.sock")
function Loop:create_unix_connection(protocol_factory, path, opts)
  options.arg("create_unix_connection", 1, protocol_factory, "callable")
  options.arg("create_unix_connection", 2, path, "string?")
  opts = options.check("create_unix_connection", opts, UNIX_CONNECTION, 3)
  check_either("create_unix_connection", "path", path, opts.sock)
  local tls = tls_of("create_unix_connection", opts)
  if opts.sock then
    socket._check_kind("create_unix_connection", opts.sock, STREAM, "AF_UNIX")
  end
  local sock = opts.sock
    or connect.one { "AF_UNIX", STREAM, 0, "", { path } }
  return connect.transport(self, sock, protocol_factory, tls)
end

return connect
