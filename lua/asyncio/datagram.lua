--- loop:create_datagram_endpoint, and the transport of datagrams.

local BaseTransport = require "asyncio.base_transport"
local class = require "anyrun.class"
local connect = require "asyncio.connect"
local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local Loop = require("asyncio.loop").Loop
local native = require "_anyrun.socket"
local options = require "anyrun.options"
local protocols = require "asyncio.protocols"
local socket = require "asyncio.socket"

local error, ipairs, pairs = error, ipairs, pairs
local table, type = table, type

local datagram = {}

local LARGEST <const> = 65536

---@class asyncio.DatagramTransport : asyncio.BaseTransport
---@field package _queue table[] datagrams that the system did not take: {data, address}
local Transport = class.new("DatagramTransport", BaseTransport)
Transport._waiting, Transport._tries = 0, 0
datagram.DatagramTransport = Transport

local function read_ready(self)
  if self._lost > 0 then return end
  local sock = self._sock
  local ok, data, host, port = errors.pcall(sock._receive_from_now, sock, LARGEST)
  if ok then
    if data then
      self:_tell("datagram_received", data, socket._pack(host, port))
    end
  elseif errors.isinstance(data, errors.OSError) then
    self:_tell("error_received", data)
  else
    self:_fatal(data, "Fatal read error on datagram transport")
  end
end

local function start_reading(self)
  if self._closing or self._reader then return end
  self._reader = self._sock:_watch("read", read_ready, self)
end

-- Whether the system took it, or the protocol heard why not; false: not now.
local function try_send(self, data, address)
  local sock = self._sock
  local ok, taken
  if self._address ~= nil then
    ok, taken = errors.pcall(sock._send_datagram_now, sock, data)
  else
    ok, taken = errors.pcall(sock._send_to_now, sock, data,
      socket._unpack("sendto", 2, address))
  end
  if ok then return taken end
  if errors.isinstance(taken, errors.OSError) then
    self:_tell("error_received", taken)
  else
    self:_fatal(taken, "Fatal write error on datagram transport")
  end
  return true
end

local write_ready

-- The first one of the queue is tried again when the system may take it.
local function await_room(self)
  if self._writer then return end
  self._tries = self._tries + 1
  local delay = self._address == nil and socket._delay(self._sock, self._tries)
  self._writer = delay and self._loop:call_later(delay, write_ready, self)
    or self._sock:_watch("write", write_ready, self)
end

function write_ready(self)
  self:_stop_writing()
  local queue = self._queue
  while queue[1] and self._lost == 0 do
    if not try_send(self, queue[1][1], queue[1][2]) then
      await_room(self)
      break
    end
    self._tries = 0
    local sent = table.remove(queue, 1)
    self._waiting = self._waiting - #sent[1]
  end
  if self._lost > 0 then return end
  self:_maybe_resume()
  if not queue[1] and self._closing then self:_finish(nil) end
end

--- Makes a transport; the protocol is told soon.
---@param loop asyncio.Loop
---@param sock asyncio.Socket
---@param protocol table
---@param address? table|string where all datagrams go to
---@param waiter asyncio.Future is done when the protocol was told
---@return asyncio.DatagramTransport
---Checkpoint: never.
---@usage local transport = datagram.new(loop, sock, protocol, nil, waiter)
function datagram.new(loop, sock, protocol, address, waiter)
  local self = BaseTransport._new(Transport, loop, sock, protocol)
  self._queue, self._address = {}, address
  loop:call_soon(self._tell, self, "connection_made", self)
  loop:call_soon(start_reading, self)
  loop:call_soon(function()
    if not waiter:done() then waiter:set_result(nil) end
  end)
  return self
end

--- How many bytes were written and not yet taken by the system.
---@return integer
---Checkpoint: never.
---@usage print(transport:get_write_buffer_size())
function Transport:get_write_buffer_size() return self._waiting end

function Transport:_drop_buffer() self._queue, self._waiting = {}, 0 end

-- Datagrams may be empty.
function Transport:_keeps_data() return self._queue[1] ~= nil end

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  return a[1] == b[1] and a[2] == b[2]
end

--- Sends a datagram; one that the system does not take at once is sent later.
---@param data string
---@param address? table|string `{host, port}`, the host in digits, or a path;
--- absent where the transport has a remote address
---Checkpoint: never.
---Raises: TypeError when `data` is no string; ValueError for another address
--- than the remote one.
---@usage transport:sendto("ping", { "127.0.0.1", 9 })
function Transport:sendto(data, address)
  if type(data) ~= "string" then
    error(errors.TypeError(("data argument of 'sendto' must be a string, not %s")
      :format(type(data))), 2)
  elseif self._address == nil then
    options.arg("sendto", 2, address, "table|string")
  elseif address ~= nil and not same(address, self._address) then
    error(errors.ValueError "Invalid address: must be nil or the remote one", 2)
  end
  if self._lost > 0 then
    self._lost = self._lost + 1
    return
  end
  if not self._queue[1] then
    if try_send(self, data, address) or self._lost > 0 then return end
    await_room(self)
  end
  self._queue[#self._queue + 1] = { data, address }
  self._waiting = self._waiting + #data
  self:_maybe_pause()
end

-- The endpoint -----------------------------------------------------------------

local function is_address(value)
  if type(value) ~= "string" and connect.is_address(value) then
    return "{host, port} or a path expected"
  end
end

local ENDPOINT <const> = {
  local_addr = is_address, remote_addr = is_address,
  family = "string|integer?", proto = "string|integer?",
  flags = "string|integer|table?", reuse_port = "boolean?",
  allow_broadcast = "boolean?", sock = socket._is_socket,
}

-- Entries of an address: a path stands for itself.
local function entries_of(address, opts)
  if address == nil then return nil end
  if type(address) == "string" then
    return { { "AF_UNIX", "SOCK_DGRAM", 0, "", address } }
  end
  return connect.addresses(address[1], address[2], opts, "SOCK_DGRAM")
end

local function entry_of(entries, family)
  for _, entry in ipairs(entries or {}) do
    if entry[1] == family then return entry end
  end
end

local function open(family, opts, own, remote)
  local sock = native.open_plain(socket.Socket, family, "SOCK_DGRAM")
  local ok, err = errors.try(function()
    if opts.reuse_port then sock:_set("reuse_port", 1) end
    if opts.allow_broadcast then sock:_set("broadcast", 1) end
    if own then sock:bind(own[5]) end
    if remote then sock:_connect_now(socket._unpack("", 1, remote[5])) end
  end)
  if ok then return sock end
  sock:_close()
  return nil, err
end

-- The first family that both addresses have, if both are given, and that works.
local function endpoint(opts)
  local own = entries_of(opts.local_addr, opts)
  local remote = entries_of(opts.remote_addr, opts)
  if not own and not remote then
    if opts.family == nil then
      error(errors.ValueError "unexpected address family", 0)
    end
    local sock, err = open(opts.family, opts)
    if not sock then errors.rethrow(err) end
    return sock
  end
  local failed
  for _, entry in ipairs(own or remote) do
    local family = entry[1]
    local mine, theirs = entry_of(own, family), entry_of(remote, family)
    if (mine or not own) and (theirs or not remote) then
      local sock, err = open(family, opts, own and entry or nil, theirs)
      if sock then return sock, theirs and theirs[5] end
      failed = failed or err
    end
  end
  if failed == nil then
    error(errors.ValueError "can not get address information", 0)
  end
  errors.rethrow(failed)
end

-- A socket is what it is: nothing else says what it should be.
local function check_alone(opts)
  for name in pairs(ENDPOINT) do
    if name ~= "sock" and opts[name] then
      error(errors.ValueError(("create_datagram_endpoint: %s can not be used when "
        .. "sock is specified"):format(name)), 3)
    end
  end
  socket._check_kind("create_datagram_endpoint", opts.sock, "SOCK_DGRAM")
end

--- Makes an endpoint of datagrams.
---@param protocol_factory fun(): table
---@param opts table `local_addr`, `remote_addr` (each `{host, port}`, or a path),
--- `family`, `proto`, `flags`, `reuse_port`, `allow_broadcast`, `sock`
---@return asyncio.DatagramTransport
---@return table protocol
---Checkpoint: always.
---Raises: OSError; gaierror; ValueError when no address has a family that both
--- sides have.
---@usage local transport = loop:create_datagram_endpoint(Echo, { local_addr = { "127.0.0.1", 0 } })
function Loop:create_datagram_endpoint(protocol_factory, opts)
  options.arg("create_datagram_endpoint", 1, protocol_factory, "callable")
  opts = options.check("create_datagram_endpoint", opts, ENDPOINT, 2)
  local sock, address = opts.sock, nil
  if sock then
    check_alone(opts)
    local connected, peer = errors.pcall(sock.getpeername, sock)
    if connected then address = peer end
  else
    sock, address = endpoint(opts)
  end
  local ok, protocol = errors.try(protocols._make, protocol_factory)
  if not ok then
    sock:_close()
    errors.rethrow(protocol)
  end
  local waiter = futures.new(self)
  local transport = datagram.new(self, sock, protocol, address, waiter)
  local done, err = errors.try(waiter.await, waiter)
  if done then return transport, protocol end
  transport:close()
  errors.rethrow(err)
end

return datagram
