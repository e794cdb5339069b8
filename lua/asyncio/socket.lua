--- Plain sockets for asyncio: what `loop:sock_recv` and its kin work on.

local base = require "asyncio.base"
local errors = require "anyrun.errors"
local native = require "_anyrun.socket"
local options = require "anyrun.options"

local error, getmetatable, ipairs, math_type = error, getmetatable, ipairs, math.type
local setmetatable, tostring, type = setmetatable, tostring, type

local TYPES <const> = { SOCK_STREAM = 1, SOCK_DGRAM = 2 }
local MOST <const> = 0x7fffffff -- the largest number that a descriptor can have

---@class asyncio.socket
local socket = {}

--- A socket that never waits: the loop does that for it.
---@class asyncio.Socket
local Socket = { __name = "Socket", name = "Socket" }
Socket.__index, Socket.class = Socket, Socket
setmetatable(native.methods(Socket, "plain"), {})
Socket.__close = Socket._close
socket.Socket = Socket

function Socket:__tostring()
  return ("<Socket fd=%s>"):format(self:_descriptor() or "closed")
end

--- Makes a socket.
---@param family? string "AF_INET" when absent; "AF_INET6", "AF_UNIX"
---@param kind? string "SOCK_STREAM" when absent; "SOCK_DGRAM"
---@return asyncio.Socket
---Checkpoint: never.
---Raises: OSError; RuntimeError where no asyncio loop runs.
---@usage local sock <close> = asyncio.socket "AF_INET6"
function socket.socket(family, kind)
  options.arg("socket", 1, family, "string?")
  options.arg("socket", 2, kind, "string?")
  base.needs_asyncio "socket"
  return native.open_plain(Socket, family or "AF_INET", kind or "SOCK_STREAM")
end

--- The socket of a descriptor, which it owns from now on.
---@param fd integer
---@return asyncio.Socket
---Checkpoint: never.
---Raises: OSError when it is no socket.
---@usage local sock <close> = asyncio.socket_from_fd(3)
function socket.socket_from_fd(fd)
  options.arg("socket_from_fd", 1, fd, "integer")
  base.needs_asyncio "socket_from_fd"
  if fd > MOST then
    error(errors.ValueError(("'socket_from_fd': invalid file descriptor %d")
      :format(fd)), 2)
  end
  return native.adopt_plain(Socket, fd, true)
end

-- {host, port}, or a path.
local function pack(host, port)
  if port == nil then return host end
  return { host, port }
end

local function is_host_and_port(value)
  if type(value) == "table" and type(value[1]) == "string"
    and math_type(value[2]) == "integer" then
    return nil
  end
  return "{host, port} expected"
end

-- What an address is made of: `{host, port}` or a path, as the socket's family
-- has it; any where there is no socket.
local function unpack_address(fname, n, address, sock)
  local inet = type(address) == "table"
  if sock then inet = sock:_family() ~= "AF_UNIX" end
  options.arg(fname, n, address, inet and is_host_and_port or "string", 4)
  if inet then return address[1], address[2] end
  return address
end
socket._unpack, socket._pack = unpack_address, pack

--- Gives it an address of its own.
---@param address table|string `{host, port}`, the host in digits, or a path
---Checkpoint: never.
---Raises: OSError; ClosedResourceError.
---@usage sock:bind({ "127.0.0.1", 0 })
function Socket:bind(address)
  self:_bind(unpack_address("bind", 1, address, self))
end

--- Has it listen for connections.
---@param backlog? integer how many may wait to be accepted; 128 when absent
---Checkpoint: never.
---Raises: OSError; ClosedResourceError.
---@usage sock:listen()
function Socket:listen(backlog)
  options.arg("listen", 1, backlog, "integer?")
  self:_listen(backlog or 128)
end

--- Its own address.
---@return table|string `{host, port}`, or a path
---Checkpoint: never.
---Raises: OSError; ClosedResourceError.
---@usage local port = sock:getsockname()[2]
function Socket:getsockname() return pack(self:_local()) end

--- The address of the other side.
---@return table|string `{host, port}`, or a path
---Checkpoint: never.
---Raises: OSError when it is not connected; ClosedResourceError.
---@usage local host = sock:getpeername()[1]
function Socket:getpeername() return pack(self:_peer()) end

--- The descriptor's number; -1 once it is closed.
---@return integer
---Checkpoint: never.
---@usage print(sock:fileno())
function Socket:fileno() return self:_descriptor() or -1 end

--- Sets an option of the socket.
---@function Socket:setsockopt
---@param level string|integer "SOL_SOCKET", "IPPROTO_TCP", "IPPROTO_IP",
--- "IPPROTO_IPV6", "IPPROTO_UDP", or a number
---@param option string|integer its name in C ("SO_KEEPALIVE"), or its number
---@param value integer|boolean|string a string is the bytes of a structure
---Checkpoint: never.
---Raises: ValueError for a name that is not known; OSError;
--- ClosedResourceError.
---@usage sock:setsockopt("SOL_SOCKET", "SO_KEEPALIVE", true)

--- What an option of the socket is.
---@function Socket:getsockopt
---@param level string|integer as for `setsockopt`
---@param option string|integer
---@param size? integer above 0: the value is a structure of at most so many bytes
---@return integer|string
---Checkpoint: never.
---Raises: as `setsockopt`.
---@usage local room = sock:getsockopt("SOL_SOCKET", "SO_RCVBUF")

Socket.setsockopt, Socket.getsockopt = Socket._set_option, Socket._get_option

--- Closes it.
---Checkpoint: never.
---@usage sock:close()
function Socket:close() self:_close() end

--- The number that `what`, a number or something with `fileno`, stands for.
---@param fname string
---@param what any
---@return integer
---Checkpoint: never.
---Raises: ValueError when it is no descriptor.
---@usage local fd = socket._fileno("add_reader", sock)
function socket._fileno(fname, what)
  local kind, fd = type(what), what
  if kind == "table" or kind == "userdata" then
    local fileno = what.fileno
    if fileno == nil then
      options.arg(fname, 1, what, "integer", 4)
    end
    fd = fileno(what)
  end
  options.arg(fname, 1, fd, "integer", 4)
  if fd < 0 or fd > MOST then
    error(errors.ValueError(("'%s': invalid file descriptor %d"):format(
      fname, fd)), 3)
  end
  return fd
end

--- What is wrong with the option `sock`; nil: it is a socket.
---@param value any
---@return string?
---Checkpoint: never.
---@usage local KNOWN <const> = { sock = socket._is_socket }
function socket._is_socket(value)
  return getmetatable(value) ~= Socket and "asyncio.Socket expected" or nil
end

--- Checks that a socket is of the kind that the function is about.
---@param fname string
---@param sock asyncio.Socket
---@param kind string "SOCK_STREAM" or "SOCK_DGRAM"
---@param family? string
---Checkpoint: never.
---Raises: ValueError; OSError; ClosedResourceError.
---@usage socket._check_kind("create_server", sock, "SOCK_STREAM")
function socket._check_kind(fname, sock, kind, family)
  local type_of = sock:getsockopt("SOL_SOCKET", "SO_TYPE")
  if type_of == TYPES[kind] and (not family or sock:_family() == family) then return end
  error(errors.ValueError(("%s: a socket of %s%s was expected, got %s"):format(
    fname, family and family .. " and " or "", kind, tostring(sock))), 3)
end

--- How long to wait before a datagram is tried again. The system tells when the
--- queue of a UNIX socket's destination has room only where it is the peer.
---@param sock asyncio.Socket
---@param tries integer how often it was tried
---@return number? seconds; nil: the system tells when
---Checkpoint: never.
---@usage local delay = socket._delay(sock, 1)
function socket._delay(sock, tries)
  if sock:_family() ~= "AF_UNIX" then return nil end
  return 0.001 * 2 ^ math.min(tries - 1, 6)
end

--- Closes sockets without a checkpoint.
---@param list asyncio.Socket[]
---Checkpoint: never.
---@usage socket._close_all(sockets)
function socket._close_all(list)
  for _, sock in ipairs(list) do sock:_close() end
end

return socket
