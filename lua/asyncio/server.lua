--- Servers: sockets that listen, and a transport for each connection.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local make = require("asyncio.protocols")._make
local reports = require "asyncio.reports"
local transports = require "asyncio.transport"

local error, ipairs, max, next = error, ipairs, math.max, next
local setmetatable, tostring = setmetatable, tostring

local RETRY <const> = 1 -- seconds, when the system is out of descriptors
local EXHAUSTED <const> = { EMFILE = true, ENFILE = true, ENOBUFS = true,
  ENOMEM = true }

---@class asyncio.Server
---@field sockets asyncio.Socket[] those it listens on; empty once it is closed
local Server = class.new "Server"
Server._serving, Server._closed = false, false

--- A server that does not serve yet.
---@param loop asyncio.Loop
---@param sockets asyncio.Socket[]
---@param factory fun(): table
---@param backlog integer
---@param tls? table options of asyncio.tls_transport
---@param on_close? function
---@return asyncio.Server
---Checkpoint: never.
---@usage local server = Server._new(self, { sock }, factory, 100)
function Server._new(loop, sockets, factory, backlog, tls, on_close)
  return setmetatable({
    sockets = sockets, _loop = loop, _factory = factory, _backlog = backlog,
    _on_close = on_close, _tls = tls, _watches = {}, _clients = {}, _waiters = {},
  }, Server)
end

function Server:__tostring()
  return ("<Server sockets=%d>"):format(#self.sockets)
end

-- The connections -----------------------------------------------------------------

local function wake(self)
  local waiters = self._waiters
  if not self._closed or next(self._clients) ~= nil then return end
  self._waiters = {}
  for _, waiter in ipairs(waiters) do
    if not waiter:done() then waiter:set_result(nil) end
  end
end

function Server:_attach(transport) self._clients[transport] = true end

function Server:_detach(transport)
  self._clients[transport] = nil
  wake(self)
end

local function connect(self, sock)
  local ok, protocol = errors.try(make, self._factory)
  if not ok then
    sock:_close()
    return reports.call(self._loop, {
      message = "Error on transport creation for incoming connection",
      exception = protocol,
    })
  end
  if sock:_family() ~= "AF_UNIX" then sock:_set("no_delay", 1) end
  if self._tls then
    require("asyncio.tls_transport").over(self._loop, sock, protocol, self._tls, self)
  else
    transports.new(self._loop, sock, protocol, self)
  end
end

local start_on

-- Where the system has no more to give, it is asked again later.
local function exhausted(self, sock, err)
  self._watches[sock]:cancel()
  self._watches[sock] = nil
  reports.call(self._loop, { message = "socket.accept() out of system resource",
    exception = err, socket = sock })
  self._retry = self._loop:call_later(RETRY, start_on, self, sock)
end

-- As many connections as may be waiting, and one.
local function accept(self, sock)
  for _ = 0, max(self._backlog, 0) do
    local ok, connection = errors.pcall(sock._accept_now, sock)
    if not ok and errors.isinstance(connection, errors.OSError) then
      if EXHAUSTED[connection.code] then
        return exhausted(self, sock, connection)
      elseif connection.code ~= "ECONNABORTED" then
        errors.rethrow(connection)
      end
    elseif not ok then
      errors.rethrow(connection)
    elseif connection == nil then
      return
    else
      connect(self, connection)
      if self._closed then return end
    end
  end
end

function start_on(self, sock)
  if self._closed then return end
  self._watches[sock] = sock:_watch("read", function() accept(self, sock) end)
end

-- The server ----------------------------------------------------------------------

--- The loop it belongs to.
---@return asyncio.Loop
---Checkpoint: never.
---@usage server:get_loop():stop()
function Server:get_loop() return self._loop end

--- Whether it accepts connections.
---@return boolean
---Checkpoint: never.
---@usage print(server:is_serving())
function Server:is_serving() return self._serving end

function Server:_start()
  if self._serving then return end
  self._serving = true
  for _, sock in ipairs(self.sockets) do
    sock:listen(self._backlog)
    start_on(self, sock)
  end
end

--- Begins to accept connections. More than once is harmless.
---Checkpoint: always.
---Raises: RuntimeError when it is closed.
---@usage server:start_serving()
function Server:start_serving()
  if self._closed then
    error(errors.RuntimeError(("server %s is closed"):format(tostring(self))), 2)
  end
  self:_start()
  require("asyncio.tasks").sleep(0)
end

--- Accepts connections until it is cancelled. Then it is closed, and the last
--- connection waited for, as `wait_closed` does.
---Checkpoint: always.
---Raises: RuntimeError when another task serves, or it is closed.
---@usage server:serve_forever()
function Server:serve_forever()
  if self._forever then
    error(errors.RuntimeError(("server %s is already being awaited on "
      .. "serve_forever()"):format(tostring(self))), 2)
  elseif self._closed then
    error(errors.RuntimeError(("server %s is closed"):format(tostring(self))), 2)
  end
  self:_start()
  self._forever = futures.new(self._loop)
  local ok, err = errors.try(self._forever.await, self._forever)
  self._forever = nil
  if ok then return end
  self:close()
  self:wait_closed()
  errors.rethrow(err)
end

--- Accepts no more connections; those there are stay. More than once is
--- harmless.
---Checkpoint: never.
---@usage server:close()
function Server:close()
  if self._closed then return end
  self._closed, self._serving = true, false
  for _, item in next, self._watches do item:cancel() end
  if self._retry then self._retry:cancel() end
  for _, sock in ipairs(self.sockets) do sock:_close() end
  self.sockets, self._watches = {}, {}
  if self._on_close then self._on_close() end
  if self._forever and not self._forever:done() then self._forever:cancel() end
  wake(self)
end

--- Closes the connections: what was written is sent.
---Checkpoint: never.
---@usage server:close_clients()
function Server:close_clients()
  for transport in next, self._clients do transport:close() end
end

--- Closes the connections at once.
---Checkpoint: never.
---@usage server:abort_clients()
function Server:abort_clients()
  for transport in next, self._clients do transport:abort() end
end

--- Waits until it is closed and the last connection is over.
---Checkpoint: unless that is so.
---@usage server:wait_closed()
function Server:wait_closed()
  if self._closed and next(self._clients) == nil then return end
  futures.wait_in(self._waiters, self._loop)
end

function Server:__close()
  self:close()
  self:wait_closed()
end

return Server
