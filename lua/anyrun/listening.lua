--- Sockets that listen, for every face.

local dial = require "anyrun.dial"
local errors = require "anyrun.errors"
local native = require "_anyrun.socket"

local error, ipairs, require, table = error, ipairs, require, table

---@class anyrun.listening
local listening = {}

local MAX_BACKLOG <const> = 65536

local function bind_and_listen(socket, host, port, opts)
  if opts.reuse_port then socket:_set("reuse_port", 1) end
  socket:_bind(host, port)
  socket:_listen(opts.backlog and math.min(opts.backlog, MAX_BACKLOG)
    or MAX_BACKLOG, opts.accepts)
end

-- One socket. `only`: IPv6 without IPv4.
local function listen(opts, family, host, port, only)
  local socket = native.open(opts.class, "listener", family)
  if family == "AF_INET6" then
    dial.guarded(socket, socket._set, "ipv6_only", only and 1 or 0)
  end
  return dial.guarded(socket, bind_and_listen, host, port, opts)
end

local function close_all(list)
  for _, socket in ipairs(list) do socket:_close() end
end

-- All addresses, with one port: the first socket's, where any will do.
local function listen_on_all(addresses, opts)
  local list, port = {}, opts.local_port or 0
  for _, address in ipairs(addresses) do
    local ok, socket = errors.try(listen, opts, address.family, address.host,
      port, true)
    if not ok then
      close_all(list)
      return nil, socket, port
    end
    list[#list + 1] = socket
    if port == 0 then
      local _, bound = socket:_local()
      port = bound
    end
  end
  return list
end

-- A port that is free on one address may be taken on another: then each of
-- the others gets to choose in its turn.
local function listen_with_one_port(addresses, opts)
  local failures = {}
  for _ = 1, #addresses do
    local list, err, port = listen_on_all(addresses, opts)
    if list then return list end
    local chosen = (opts.local_port or 0) == 0 and port ~= 0
    if not chosen or not errors.isinstance(err, errors.OSError)
      or err.code ~= "EADDRINUSE" then
      errors.rethrow(err)
    end
    failures[#failures + 1] = err
    table.insert(addresses, table.remove(addresses, 1))
  end
  error(errors.OSError(
    ("Could not create %d listeners with a consistent port"):format(#addresses),
    {
      code = "EADDRINUSE",
      cause = errors.ExceptionGroup("Several bind attempts failed", failures),
    }), 0)
end

-- The addresses of a host to listen on, each once.
local function addresses_of(opts)
  local host = opts.local_host
  local family = host and dial.literal(host, opts.family)
  if family then return { { family = family, host = host } } end
  local list, seen = {}, {}
  local found = require("anyrun.dns").getaddrinfo(host, opts.local_port or 0, {
    family = opts.family, type = "SOCK_STREAM",
    flags = { "AI_PASSIVE", "AI_ADDRCONFIG" },
  })
  for _, entry in ipairs(found) do
    local at = entry[5][1]
    if not seen[at] then
      seen[at] = true
      list[#list + 1] = { family = entry[1], host = at }
    end
  end
  return list
end

local function dual_stack(opts)
  local ok, socket = errors.try(listen, opts, "AF_INET6", "::",
    opts.local_port or 0, false)
  if ok then return { socket } end
  local code = socket.code
  if code == "EAFNOSUPPORT" or code == "EADDRNOTAVAIL" then return nil end
  errors.rethrow(socket) -- the system has IPv6, and something else is wrong
end

--- Listens over TCP: on all interfaces where no host is given, with one socket
--- for both families where the system can.
---@param opts table `class` of the listeners, `accepts`: class of their streams;
---  `local_host`, `local_port`, `family`, `backlog`, `reuse_port`
---@return userdata[] listeners
---Checkpoint: when the host is a name.
---Raises: OSError; gaierror.
---@usage local list = listening.tcp{ class = Listener, accepts = Stream }
function listening.tcp(opts)
  if not opts.local_host and not opts.family then
    local list = dual_stack(opts)
    if list then return list end
  end
  return listen_with_one_port(addresses_of(opts), opts)
end

local function bind_path_and_listen(socket, path, opts)
  socket:_bind_path(path, opts.mode)
  socket:_listen(opts.backlog and math.min(opts.backlog, MAX_BACKLOG)
    or MAX_BACKLOG, opts.accepts)
end

--- Listens at a path; a socket that stands there makes way.
---@param path string
---@param opts table `class`, `accepts`, `mode`, `backlog`
---@return userdata listener
---Checkpoint: always.
---Raises: OSError.
---@usage local socket = listening.unix(path, opts)
function listening.unix(path, opts)
  local socket = native.open(opts.class, "listener", "AF_UNIX")
  return dial.guarded(socket, bind_path_and_listen, path, opts)
end

return listening
