--- The classes of datagram sockets.
-- What they do is C: see src/bind/sockdgram.c.

local contracts = require "anyio.abc.streams"
local errors = require "anyrun.errors"
local socketattr = require "anyrun.socketattr"
local sockets = require "anyio.abc.sockets"

local error, ipairs, require = error, ipairs, require

---@class anyio.abc.datagrams
local datagrams = {}

local function datagram_class(name)
  local cls = sockets._class(name, "datagram", contracts.UnreliableObjectStream)
  datagrams[name] = cls
  return cls
end

--- A UDP socket, for packets to and from anybody. A `for` loop over it gets
--- packets: `for data, host, port in socket do`.
---@class anyio.abc.UDPSocket : anyio.abc.UnreliableObjectStream
local UDP = datagram_class "UDPSocket"

--- Receives a packet.
---@function UDPSocket:receive
---@return string data
---@return string host
---@return integer port
---Checkpoint: always.
---Raises: ClosedResourceError; BusyResourceError when another task receives;
---  BrokenResourceError; Cancelled, then the packet is for the next call.
---@usage local data, host, port = socket:receive()

--- Sends a packet.
---@function UDPSocket:sendto
---@param data string
---@param host string an address; a name is looked up first, for each packet
---@param port integer
---Checkpoint: always.
---Raises: ValueError for an address of another family; gaierror;
---  ClosedResourceError; BrokenResourceError; Cancelled, then nothing was sent.
---@usage socket:sendto("hello", "127.0.0.1", 5000)

--- The same as `sendto`.
---@function UDPSocket:send
---@param data string
---@param host string
---@param port integer
---Checkpoint: always.
---Raises: as `sendto`.
---@usage socket:send("hello", "127.0.0.1", 5000)

-- What `sendto` and `send` do where the host is a name.
function UDP:_send_named(data, host, port)
  local to = require("anyrun.dial").resolve(host, port,
    { family = self:_family(), type = "SOCK_DGRAM" })[1]
  if not to then
    error(errors.OSError(("'%s' has no address of %s"):format(host,
      self:_family())), 0)
  end
  return self:sendto(data, to.host, port)
end

--- A UDP socket with one peer; packets from others are dropped by the system.
---@class anyio.abc.ConnectedUDPSocket : anyio.abc.UnreliableObjectStream
local ConnectedUDP = datagram_class "ConnectedUDPSocket"

--- Receives a packet of the peer.
---@function ConnectedUDPSocket:receive
---@return string data
---Checkpoint: always.
---Raises: BrokenResourceError when the peer's system said that nobody listens
---  there; else as UDPSocket's.
---@usage local data = socket:receive()

--- Sends a packet to the peer.
---@function ConnectedUDPSocket:send
---@param data string
---Checkpoint: always.
---Raises: BrokenResourceError when the peer's system said, of an earlier
---  packet, that nobody listens there; ClosedResourceError; Cancelled.
---@usage socket:send "hello"

--- A UNIX datagram socket. A `for` loop over it gets packets: `for data, path
--- in socket do`; the path of a sender without a name is empty.
---@class anyio.abc.UNIXDatagramSocket : anyio.abc.UnreliableObjectStream
local Unix = datagram_class "UNIXDatagramSocket"

--- Receives a packet.
---@function UNIXDatagramSocket:receive
---@return string data
---@return string path
---Checkpoint: always.
---Raises: as UDPSocket's.
---@usage local data, path = socket:receive()

--- Sends a packet.
---@function UNIXDatagramSocket:sendto
---@param data string
---@param path string
---Checkpoint: always.
---Raises: BrokenResourceError, with the system's error as its cause, when
---  there is no such socket; ClosedResourceError; Cancelled.
---@usage socket:sendto("hello", "/run/log.sock")

--- A UNIX datagram socket with one peer.
---@class anyio.abc.ConnectedUNIXDatagramSocket : anyio.abc.UnreliableObjectStream
local ConnectedUnix = datagram_class "ConnectedUNIXDatagramSocket"

--- Receives a packet of the peer.
---@function ConnectedUNIXDatagramSocket:receive
---@return string data
---Checkpoint: always.
---Raises: as UDPSocket's.
---@usage local data = socket:receive()

--- Sends a packet to the peer.
---@function ConnectedUNIXDatagramSocket:send
---@param data string
---Checkpoint: always.
---Raises: BrokenResourceError when the peer is gone; ClosedResourceError;
---  Cancelled.
---@usage socket:send "hello"

for _, cls in ipairs { UDP, Unix } do
  cls.extra_attributes = function(self) return socketattr.getters(self, false) end
end
for _, cls in ipairs { ConnectedUDP, ConnectedUnix } do
  cls.extra_attributes = function(self) return socketattr.getters(self, true) end
end

local function adopt(cls, descriptor, wanted)
  wanted.type = "SOCK_DGRAM"
  return require "anyrun.adopt"(cls, "datagram", descriptor, wanted)
end

--- Takes over the descriptor of a bound UDP socket.
---@param descriptor integer
---@return anyio.abc.UDPSocket
---Checkpoint: never.
---Raises: ValueError when it is no such socket; it is the caller's then.
---@usage local socket = anyio.abc.UDPSocket.from_socket(descriptor)
function UDP.from_socket(descriptor)
  return adopt(UDP, descriptor, { family = "AF_INET or AF_INET6", bound = true })
end

--- Takes over the descriptor of a connected UDP socket.
---@param descriptor integer
---@return anyio.abc.ConnectedUDPSocket
---Checkpoint: never.
---Raises: ValueError when it is no such socket; it is the caller's then.
---@usage local socket = anyio.abc.ConnectedUDPSocket.from_socket(descriptor)
function ConnectedUDP.from_socket(descriptor)
  return adopt(ConnectedUDP, descriptor,
    { family = "AF_INET or AF_INET6", connected = true })
end

--- Takes over the descriptor of a UNIX datagram socket.
---@param descriptor integer
---@return anyio.abc.UNIXDatagramSocket
---Checkpoint: never.
---Raises: ValueError when it is no such socket; it is the caller's then.
---@usage local socket = anyio.abc.UNIXDatagramSocket.from_socket(descriptor)
function Unix.from_socket(descriptor)
  return adopt(Unix, descriptor, { family = "AF_UNIX" })
end

--- Takes over the descriptor of a connected UNIX datagram socket.
---@param descriptor integer
---@return anyio.abc.ConnectedUNIXDatagramSocket
---Checkpoint: never.
---Raises: ValueError when it is no such socket; it is the caller's then.
---@usage local s = anyio.abc.ConnectedUNIXDatagramSocket.from_socket(descriptor)
function ConnectedUnix.from_socket(descriptor)
  return adopt(ConnectedUnix, descriptor,
    { family = "AF_UNIX", connected = true })
end

return datagrams
