--- What asyncio's loop does with descriptors: callbacks when they are ready,
--- and the calls of plain sockets, which it waits for.

local dns = require "anyrun.dns"
local errors = require "anyrun.errors"
local handles = require "asyncio.handles"
local Loop = require("asyncio.loop").Loop
local native = require "_anyrun.socket"
local options = require "anyrun.options"
local socket = require "asyncio.socket"
local time_lib = require "_anyrun.time"

local Socket = socket.Socket
local error, getmetatable, setmetatable = error, getmetatable, setmetatable

-- Sockets that a transport works with, which nobody else may.
local owners = setmetatable({}, { __mode = "k" })

local readiness = { owners = owners }

-- Callbacks ------------------------------------------------------------------

-- Those who watch a descriptor: loop._watched[fd] = { socket, read, write },
-- where `read` and `write` are { socket, side, handle, native }.
local function entry_of(self, fd, fname)
  local watched = self._watched
  if not watched then
    watched = {}
    self._watched = watched
  end
  local known = watched[fd]
  if known and known.socket:_descriptor() == fd then return known end
  local sock = native.find(fd)
  if sock and (getmetatable(sock) ~= Socket or owners[sock]) then
    error(errors.RuntimeError(("'%s': descriptor %d is used by %s"):format(fname,
      fd, tostring(owners[sock] or sock))), 4)
  end
  local entry = { socket = sock or native.adopt_plain(Socket, fd, false),
    ours = not sock }
  watched[fd] = entry
  return entry
end

local function arm(watch)
  if watch.handle._cancelled or not watch.socket:_descriptor() then return end
  watch.native = watch.socket:_watch(watch.side, handles.run, watch.handle)
end

local function drop(watch)
  watch.handle:cancel()
  if watch.native then watch.native:cancel() end
end

local function add(self, fname, side, target, f, ...)
  local fd = socket._fileno(fname, target)
  self:_check_open()
  local handle = handles.idle(self, fname, f, ...)
  local entry = entry_of(self, fd, fname)
  if entry[side] then drop(entry[side]) end
  entry[side] = { socket = entry.socket, side = side, handle = handle }
  self:_start(entry[side], arm)
end

local function remove(self, fname, side, target)
  local fd = socket._fileno(fname, target)
  local entry = self._watched and self._watched[fd]
  if not entry or not entry[side] then return false end
  drop(entry[side])
  entry[side] = nil
  if entry.read or entry.write then return true end
  self._watched[fd] = nil
  if entry.ours then entry.socket:_close() end
  return true
end

--- Calls `f` each time a descriptor can be read, until it is removed. A second
--- one takes the place of the first.
---@param fd integer|table a number, or something with `fileno`
---@param f function|table `f` or `{f, context = c}`
---@param ... any
---Checkpoint: never.
---Raises: OSError; RuntimeError when a transport or stream uses it.
---@usage loop:add_reader(sock, function() print(sock:fileno()) end)
function Loop:add_reader(fd, f, ...)
  return add(self, "add_reader", "read", fd, f, ...)
end

--- As `add_reader`, when it can be written.
---@param fd integer|table
---@param f function|table
---@param ... any
---Checkpoint: never.
---Raises: as `add_reader`.
---@usage loop:add_writer(sock, on_writable)
function Loop:add_writer(fd, f, ...)
  return add(self, "add_writer", "write", fd, f, ...)
end

--- Calls nobody any more. To be called before the descriptor is closed.
---@param fd integer|table
---@return boolean whether there was one
---Checkpoint: never.
---@usage loop:remove_reader(sock)
function Loop:remove_reader(fd) return remove(self, "remove_reader", "read", fd) end

--- As `remove_reader`.
---@param fd integer|table
---@return boolean
---Checkpoint: never.
---@usage loop:remove_writer(sock)
function Loop:remove_writer(fd) return remove(self, "remove_writer", "write", fd) end

-- Plain sockets ----------------------------------------------------------------

local function check_socket(fname, sock)
  if getmetatable(sock) == Socket then return end
  options.arg(fname, 1, sock, function() return "asyncio.Socket expected" end, 4)
end

-- The call of that name, as soon as it need not wait.
local function until_done(sock, side, call, ...)
  while true do
    local first, second, third = sock[call](sock, ...)
    if first ~= nil and first ~= false then return first, second, third end
    if second ~= nil then error(second, 0) end
    sock:_wait(side)
  end
end

--- Receives from a plain socket.
---@param sock asyncio.Socket
---@param n integer at most so many bytes
---@return string empty at the end
---Checkpoint: when there is nothing.
---Raises: OSError; ClosedResourceError; BusyResourceError when another task does.
---@usage local data = loop:sock_recv(sock, 4096)
function Loop:sock_recv(sock, n) -- luacheck: ignore 212
  check_socket("sock_recv", sock)
  options.arg("sock_recv", 2, n, "integer")
  if n == 0 then return "" end
  return (until_done(sock, "read", "_receive_now", n))
end

--- Receives a datagram.
---@param sock asyncio.Socket
---@param n integer at most so many bytes; the rest of the datagram is lost
---@return string
---@return table|string from whom: `{host, port}` or a path
---Checkpoint: when there is nothing.
---Raises: as `sock_recv`.
---@usage local data, from = loop:sock_recvfrom(sock, 65536)
function Loop:sock_recvfrom(sock, n) -- luacheck: ignore 212
  check_socket("sock_recvfrom", sock)
  options.arg("sock_recvfrom", 2, n, "integer")
  local data, host, port = until_done(sock, "read", "_receive_from_now", n)
  return data, socket._pack(host, port)
end

--- Sends all the bytes.
---@param sock asyncio.Socket
---@param data string
---Checkpoint: when they do not fit in at once.
---Raises: as `sock_recv`; cancelled, a part may have been sent.
---@usage loop:sock_sendall(sock, "hello")
function Loop:sock_sendall(sock, data) -- luacheck: ignore 212
  check_socket("sock_sendall", sock)
  options.arg("sock_sendall", 2, data, "string")
  local sent = 0
  while true do
    local n, err = sock:_send_now(data, sent)
    if n == true then return end
    if not n then error(err, 0) end
    sent = sent + n
    sock:_wait "write"
  end
end

--- Sends a datagram.
---@param sock asyncio.Socket
---@param data string
---@param address table|string `{host, port}`, the host in digits, or a path
---Checkpoint: when it does not fit in at once.
---Raises: as `sock_recv`.
---@usage loop:sock_sendto(sock, "ping", { "127.0.0.1", 9 })
function Loop:sock_sendto(sock, data, address) -- luacheck: ignore 212
  check_socket("sock_sendto", sock)
  options.arg("sock_sendto", 2, data, "string")
  local host, port = socket._unpack("sock_sendto", 3, address, sock)
  local tries = 0
  while not sock:_send_to_now(data, host, port) do
    tries = tries + 1
    local delay = socket._delay(sock, tries)
    if delay then time_lib.sleep(delay) else sock:_wait "write" end
  end
end

--- Waits for a connection.
---@param sock asyncio.Socket one that listens
---@return asyncio.Socket connection
---@return table|string address of the other side
---Checkpoint: when there is none yet.
---Raises: as `sock_recv`.
---@usage local connection <close> = loop:sock_accept(sock)
function Loop:sock_accept(sock) -- luacheck: ignore 212
  check_socket("sock_accept", sock)
  local connection = until_done(sock, "read", "_accept_now")
  local ok, address = errors.pcall(connection.getpeername, connection)
  return connection, ok and address or ""
end

local function resolved(sock, host, port)
  local family = sock:_family()
  if port == nil or dns.is_address(host) then return host, port end
  local entries = dns.getaddrinfo(host, port,
    { family = family, type = "SOCK_STREAM" })
  return entries[1][5][1], entries[1][5][2]
end

--- Connects a plain socket.
---@param sock asyncio.Socket
---@param address table|string `{host, port}`, or a path
---Checkpoint: when that takes time.
---Raises: OSError; gaierror when the host is not found.
---@usage loop:sock_connect(sock, { "localhost", 80 })
function Loop:sock_connect(sock, address) -- luacheck: ignore 212
  check_socket("sock_connect", sock)
  local host, port = socket._unpack("sock_connect", 2, address, sock)
  readiness.connect(sock, resolved(sock, host, port))
end

--- Connects it to an address in digits, or a path.
---@param sock asyncio.Socket
---@param host string
---@param port? integer
---Checkpoint: when that takes time.
---Raises: OSError.
---@usage readiness.connect(sock, "::1", 80)
function readiness.connect(sock, host, port)
  if sock:_connect_now(host, port) then return end
  sock:_wait "write"
  sock:_pending_error(port and ("cannot connect to %s port %d"):format(host, port)
    or "cannot connect to " .. host)
end

return readiness
