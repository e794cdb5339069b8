--- The classes of streams and listeners over sockets.
-- What they do is C: see src/bind/socklib.c and the files beside it.

local class = require "anyrun.class"
local contracts = require "anyio.abc.streams"
local create_task_group = require("_anyrun.group").create_task_group
local native = require "_anyrun.socket"
local socketattr = require "anyrun.socketattr"
local stream_lib = require "anyrun.stream"

local rawset, require, setmetatable = rawset, require, setmetatable

---@class anyio.abc.sockets
local sockets = {}

local function text_of(host, port)
  if port == nil then return host == "" and "unnamed" or host end
  return host:find(":", 1, true) and ("[%s]:%d"):format(host, port)
    or ("%s:%d"):format(host, port)
end

local function show(self)
  if not self:_descriptor() then return ("<%s: closed>"):format(self.name) end
  return ("<%s: %s>"):format(self.name, text_of(self:_local()))
end

-- A class of userdata: the C functions of its kind, and a contract.
function sockets._class(name, kind, contract, hands_on)
  local cls = { __name = name, name = name, base = contract, __tostring = show }
  cls.__index, cls.class = cls, cls
  sockets[name] = cls
  native.methods(cls, kind, hands_on)
  return setmetatable(cls, { __index = contract })
end

--- A connection over TCP, or another stream socket.
---@class anyio.abc.SocketStream : anyio.abc.ByteStream
local Stream = sockets._class("SocketStream", "stream", contracts.ByteStream)

--- Receives what has come, at least a byte.
---@function SocketStream:receive
---@param max_bytes? integer at most so many; 65536 when absent, or more
---@return string
---Checkpoint: always.
---Raises: EndOfStream when the other side sends no more; BrokenResourceError,
---  with the system's error as its cause, when the connection is lost;
---  ClosedResourceError; BusyResourceError when another task receives;
---  ValueError when `max_bytes` is less than 1; Cancelled, then nothing was
---  taken: what has come is for the next call.
---@usage local data = stream:receive()

--- Sends all the bytes: returns when the system has taken them.
---@function SocketStream:send
---@param data string
---Checkpoint: always.
---Raises: BrokenResourceError, with the system's error as its cause, when the
---  other side is gone or `send_eof` was called; ClosedResourceError;
---  BusyResourceError when another task sends; Cancelled, then perhaps a part
---  was sent: never all of it.
---@usage stream:send "hello"

--- Ends the sending half: the other side gets all that was sent, then the end.
---@function SocketStream:send_eof
---Checkpoint: never.
---Raises: ClosedResourceError; BusyResourceError when another task sends.
---@usage stream:send_eof()

--- Closes it; who still sends or receives gets ClosedResourceError.
---@function SocketStream:aclose
---Checkpoint: on asyncio, once it is closed; on trio never.
---@usage stream:aclose()

--- The attributes: see SocketAttribute.
---@return table<anyio.TypedAttribute, fun(): any>
---Checkpoint: never.
---@usage local getters = stream:extra_attributes()
function Stream:extra_attributes() return socketattr.getters(self, true) end

--- Takes over the descriptor of a connected stream socket.
---@param descriptor integer
---@return anyio.abc.SocketStream
---Checkpoint: never.
---Raises: ValueError when it is no such socket; it is the caller's then.
---@usage local stream = anyio.abc.SocketStream.from_socket(descriptor)
function Stream.from_socket(descriptor)
  return require "anyrun.adopt"(Stream, "stream", descriptor,
    { type = "SOCK_STREAM", connected = true })
end

--- A connection over a UNIX socket, which carries descriptors, too.
---@class anyio.abc.UNIXSocketStream : anyio.abc.SocketStream
local UnixStream = sockets._class("UNIXSocketStream", "stream", Stream, true)

--- Sends bytes and, with the first of them, descriptors: the other side gets
--- copies.
---@function UNIXSocketStream:send_fds
---@param message string at least a byte
---@param fds table descriptors, files of Lua's, sockets: at least one
---Checkpoint: always.
---Raises: ValueError for an empty message or list; TypeError for what has no
---  descriptor; as `send` otherwise.
---@usage stream:send_fds("log", { io.stderr })

--- Receives bytes and the descriptors that came with them.
---@function UNIXSocketStream:receive_fds
---@param msglen integer how many bytes at most
---@param maxfds integer how many descriptors at most; more are closed
---@return string message
---@return integer[] fds the caller's to close: see `lowlevel.close_descriptor`
---Checkpoint: always.
---Raises: EndOfStream; ValueError when `msglen` is less than 0 or `maxfds` less
---  than 1; OSError (EMFILE) when this process has no room for the descriptors,
---  which stay where they are, with the bytes; as `receive` otherwise.
---@usage local message, fds = stream:receive_fds(100, 1)

--- Takes over the descriptor of a connected UNIX stream socket.
---@param descriptor integer
---@return anyio.abc.UNIXSocketStream
---Checkpoint: never.
---Raises: ValueError when it is no such socket; it is the caller's then.
---@usage local stream = anyio.abc.UNIXSocketStream.from_socket(descriptor)
function UnixStream.from_socket(descriptor)
  return require "anyrun.adopt"(UnixStream, "stream", descriptor,
    { type = "SOCK_STREAM", family = "AF_UNIX", connected = true })
end

--- A socket that connections come to.
---@class anyio.abc.SocketListener : anyio.abc.Listener
local Listener = sockets._class("SocketListener", "listener", contracts.Listener)

--- Waits for a connection. Where the system is out of descriptors it waits
--- until there are some, and the connection with it.
---@function SocketListener:accept
---@return anyio.abc.SocketStream
---Checkpoint: always.
---Raises: ClosedResourceError; BusyResourceError when another task accepts.
---@usage local stream <close> = listener:accept()

local function accept_all(self, handler, task_group)
  while true do task_group:start_soon(handler, self:accept()) end
end

--- Calls `handler(stream)` in a task of its own for each connection, until it
--- is cancelled or the listener is closed.
---@param handler fun(stream: anyio.abc.SocketStream)|table it closes the stream;
---  or a task spec
---@param task_group? anyio.TaskGroup where the tasks are started; one of its own
---  when absent
---Checkpoint: always.
---Raises: ClosedResourceError when the listener is closed; in an ExceptionGroup
---  where the group is its own, with what handlers raise.
---@usage tg:start_soon(listener.serve, listener, handle)
function Listener:serve(handler, task_group)
  if not (self and handler) then class.colon(Listener, "serve", self) end
  stream_lib.check_serve(handler, task_group)
  if task_group then return accept_all(self, handler, task_group) end
  create_task_group(function(tg) accept_all(self, handler, tg) end)
end

--- The attributes: see SocketAttribute.
---@return table<anyio.TypedAttribute, fun(): any>
---Checkpoint: never.
---@usage local getters = listener:extra_attributes()
function Listener:extra_attributes() return socketattr.getters(self, false) end

local function class_for(family)
  return family == "AF_UNIX" and UnixStream or Stream
end

--- Takes over the descriptor of a bound stream socket, over TCP or UNIX.
---@param descriptor integer
---@return anyio.abc.SocketListener
---Checkpoint: never.
---Raises: ValueError when it is no such socket; OSError when it cannot listen;
---  it is the caller's then.
---@usage local listener = anyio.abc.SocketListener.from_socket(3)
function Listener.from_socket(descriptor)
  return require "anyrun.adopt"(Listener, "listener", descriptor,
    { type = "SOCK_STREAM", bound = true, listens = true }, class_for)
end

local DATAGRAMS <const> = {
  ConnectedUDPSocket = true, ConnectedUNIXDatagramSocket = true,
  UDPSocket = true, UNIXDatagramSocket = true,
}

return setmetatable(sockets, {
  __index = function(self, name)
    if not DATAGRAMS[name] then return nil end
    local value = require("anyio.abc.datagrams")[name]
    rawset(self, name, value)
    return value
  end,
})
