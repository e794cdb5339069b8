--- trio.socket: names of hosts and services, and the sockets of trio's streams.

local dns = require "anyrun.dns"
local errors = require "anyrun.errors"
local guard = require "trio.guard"
local native = require "_anyrun.socket"

local ipairs, setmetatable = ipairs, setmetatable

---@class trio.socket
local socket = { gaierror = errors.gaierror }

-- A class of userdata: the C functions of its kind.
local function socket_class(name, kind)
  local cls = { __name = name, name = name }
  cls.__index, cls.class = cls, cls
  setmetatable(native.methods(cls, kind), {})
  cls.__close = cls._close
  socket[name] = cls
  return cls
end

-- {host, port}, or a path.
local function pack(host, port)
  if port == nil then return host end
  return { host, port }
end

--- A connected socket, part of a SocketStream.
---@class trio.StreamSocket
local StreamSocket = socket_class("StreamSocket", "stream")

--- A listening socket, part of a SocketListener.
---@class trio.ListenerSocket
local ListenerSocket = socket_class("ListenerSocket", "listener")

--- Its own address.
---@return table|string `{host, port}`, or a path
---Checkpoint: never.
---Raises: OSError; ClosedResourceError.
---@usage local port = stream.socket:getsockname()[2]
function StreamSocket:getsockname() return pack(self:_local()) end

--- Its own address.
---@return table|string `{host, port}`, or a path
---Checkpoint: never.
---Raises: OSError; ClosedResourceError.
---@usage local port = listeners[1].socket:getsockname()[2]
function ListenerSocket:getsockname() return pack(self:_local()) end

--- The address of the other side.
---@return table|string `{host, port}`, or a path
---Checkpoint: never.
---Raises: OSError when it is gone; ClosedResourceError.
---@usage local host = stream.socket:getpeername()[1]
function StreamSocket:getpeername() return pack(self:_peer()) end

--- The descriptor's number; -1 once it is closed.
---@return integer
---Checkpoint: never.
---@usage print(stream.socket:fileno())
function StreamSocket:fileno() return self:_descriptor() or -1 end

ListenerSocket.fileno = StreamSocket.fileno

--- Sets an option of the socket.
---@function StreamSocket:setsockopt
---@param level string|integer "SOL_SOCKET", "IPPROTO_TCP", "IPPROTO_IP",
--- "IPPROTO_IPV6", "IPPROTO_UDP", or a number
---@param option string|integer its name in C ("SO_KEEPALIVE"), or its number
---@param value integer|boolean|string a string is the bytes of a structure
---Checkpoint: never.
---Raises: ValueError for a name that is not known; OSError;
--- ClosedResourceError.
---@usage stream.socket:setsockopt("SOL_SOCKET", "SO_KEEPALIVE", true)

--- What an option of the socket is.
---@function StreamSocket:getsockopt
---@param level string|integer as for `setsockopt`
---@param option string|integer
---@param size? integer above 0: the value is a structure of at most so many bytes
---@return integer|string
---Checkpoint: never.
---Raises: as `setsockopt`.
---@usage local room = stream.socket:getsockopt("SOL_SOCKET", "SO_RCVBUF")

--- Sets an option of the socket.
---@function ListenerSocket:setsockopt
---@param level string|integer "SOL_SOCKET", "IPPROTO_TCP", "IPPROTO_IP",
--- "IPPROTO_IPV6", "IPPROTO_UDP", or a number
---@param option string|integer its name in C ("SO_KEEPALIVE"), or its number
---@param value integer|boolean|string a string is the bytes of a structure
---Checkpoint: never.
---Raises: ValueError for a name that is not known; OSError;
--- ClosedResourceError.
---@usage listener.socket:setsockopt("SOL_SOCKET", "SO_KEEPALIVE", true)

--- What an option of the socket is.
---@function ListenerSocket:getsockopt
---@param level string|integer as for `setsockopt`
---@param option string|integer
---@param size? integer above 0: the value is a structure of at most so many bytes
---@return integer|string
---Checkpoint: never.
---Raises: as `setsockopt`.
---@usage local room = listener.socket:getsockopt("SOL_SOCKET", "SO_RCVBUF")

for _, cls in ipairs { StreamSocket, ListenerSocket } do
  cls.setsockopt, cls.getsockopt = cls._set_option, cls._get_option
end

--- Looks up addresses, in a thread where that is not done at once.
---@param host? string a name or an address; nil: this machine
---@param port? integer|string a number, or a service's name
---@param opts? table `family`, `type`, `proto`, `flags`
---@return table[] entries `{family, type, proto, canonname, address}`, where the
--- address is `{host, port}` or, of IPv6, `{host, port, flow, scope}`
---Checkpoint: always.
---Raises: gaierror (an OSError) when there is none.
---@usage local entries = trio.socket.getaddrinfo("localhost", 80)
function socket.getaddrinfo(host, port, opts)
  guard.needs_trio "socket.getaddrinfo"
  return dns.raw(host, port, opts)
end

--- Looks up the names of an address.
---@param address table `{host, port}`
---@param flags? integer|string|table
---@return string host
---@return string service
---Checkpoint: always.
---Raises: gaierror (an OSError) when there is none.
---@usage local host, service = trio.socket.getnameinfo({ "127.0.0.1", 80 })
function socket.getnameinfo(address, flags)
  guard.needs_trio "socket.getnameinfo"
  return dns.getnameinfo(address, flags)
end

return socket
