--- StreamWriter, and the protocol that joins a transport to a reader.

local base = require "asyncio.base"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local protocols = require "asyncio.protocols"
local reports = require "asyncio.reports"
local tasks = require "asyncio.tasks"

local error, ipairs, pairs, setmetatable = error, ipairs, pairs, setmetatable
local tostring, warn = tostring, warn

local send_now = require("asyncio.socket").Socket._send_now

local writers = {}

---@class asyncio.StreamWriter
---@field transport asyncio.Transport
local StreamWriter = class.new "StreamWriter"
writers.StreamWriter = StreamWriter

-- Whoever lets it go without closing it is told; the connection is closed.
function StreamWriter:__gc()
  local transport = self.transport
  if not transport or transport:is_closing() or self._loop:is_closed() then
    return
  end
  warn("ResourceWarning: unclosed ", tostring(self))
  transport:close()
end

function StreamWriter:__tostring()
  return ("<StreamWriter %s>"):format(tostring(self.transport))
end

function StreamWriter:__close()
  self:close()
  self:wait_closed()
end

--- Writes bytes: sent at once, or kept and sent later. Call `drain` after it,
--- lest too many are kept.
---@param data string
---Checkpoint: never.
---Raises: TypeError when it is no string; RuntimeError after `write_eof`.
---@usage writer:write "hello\n"
function StreamWriter:write(data)
  local transport = self.transport
  local sock = transport[1]
  if not sock then return transport:write(data) end
  local n, err = send_now(sock, data) -- as its `write` would
  if n ~= true then return transport:_not_sent(data, n, err) end
end

--- Writes all strings of a list.
---@param list string[]
---Checkpoint: never.
---Raises: as `write`.
---@usage writer:writelines { "head", "body" }
function StreamWriter:writelines(list) self.transport:writelines(list) end

--- Ends the sending half, once what was written is sent.
---Checkpoint: never.
---@usage writer:write_eof()
function StreamWriter:write_eof() self.transport:write_eof() end

--- Whether the sending half can end by itself.
---@return boolean
---Checkpoint: never.
---@usage if writer:can_write_eof() then writer:write_eof() end
function StreamWriter:can_write_eof() return self.transport:can_write_eof() end

--- Closes the connection, once what was written is sent.
---Checkpoint: never.
---@usage writer:close()
function StreamWriter:close() self.transport:close() end

--- Whether it is closed or about to be.
---@return boolean
---Checkpoint: never.
---@usage if writer:is_closing() then return end
function StreamWriter:is_closing() return self.transport:is_closing() end

--- Waits until the connection is closed.
---Checkpoint: unless it is.
---Raises: the error that ended the connection.
---@usage writer:wait_closed()
function StreamWriter:wait_closed()
  local protocol = self._protocol
  if not protocol._closed then
    local waiter = futures.new(self._loop)
    protocol._closers[#protocol._closers + 1] = waiter
    waiter:await()
  elseif protocol._error ~= nil then
    errors.rethrow(protocol._error)
  end
end

--- What is known of the connection: `socket`, `sockname`, `peername`.
---@param name string
---@param default? any
---@return any
---Checkpoint: never.
---@usage local peer = writer:get_extra_info "peername"
function StreamWriter:get_extra_info(name, default)
  return self.transport:get_extra_info(name, default)
end

--- Waits, where what was written lies above the high-water mark, until it lies
--- at the low one.
---Checkpoint: when it has to wait, or the connection is closing.
---Raises: OSError (ECONNRESET) when the connection is lost; the reader's error.
---@usage writer:write(data) writer:drain()
function StreamWriter:drain()
  local reader, transport, protocol = self._reader, self.transport, self._protocol
  local failed = reader and reader._failed
  if transport[1] and not (failed or protocol._pausing) then return end -- nothing is kept
  if failed then errors.rethrow(reader._exception) end
  if transport:is_closing() then tasks.sleep(0) end
  if protocol._pausing or protocol._closed then protocol:_drain(self._loop) end
end

--- Goes on with TLS, once what was written is sent: reader and writer stay.
---@param sslcontext ssl.SSLContext
---@param opts? table `server_hostname`, `ssl_handshake_timeout`,
--- `ssl_shutdown_timeout`
---Checkpoint: always.
---Raises: SSLError when the handshake fails; OSError.
---@usage writer:start_tls(context, { server_hostname = "mail.example.org" })
function StreamWriter:start_tls(sslcontext, opts)
  local protocol, given = self._protocol, {}
  for key, value in pairs(opts or {}) do given[key] = value end
  given.server_side = protocol._connected ~= nil
  self:drain()
  local transport = self._loop:start_tls(self.transport, protocol, sslcontext, given)
  self.transport, protocol._transport = transport, transport
  if self._reader then self._reader:set_transport(transport) end
end

-- The protocol ---------------------------------------------------------------------

local ReaderProtocol = class.new("StreamReaderProtocol", protocols.Protocol)
writers.StreamReaderProtocol = ReaderProtocol

--- A protocol that feeds a reader.
---@param loop asyncio.Loop
---@param reader asyncio.StreamReader
---@param connected? function what a server calls with reader and writer
---@return table
---Checkpoint: never.
---@usage local protocol = writers.protocol(loop, reader)
function writers.protocol(loop, reader, connected)
  return setmetatable({
    _loop = loop, _reader = reader, _connected = connected,
    _drainers = {}, _closers = {}, _closed = false, _pausing = false,
  }, ReaderProtocol)
end

--- A writer to a transport.
---@param transport asyncio.Transport
---@param protocol table
---@param reader? asyncio.StreamReader
---@param loop asyncio.Loop
---@return asyncio.StreamWriter
---Checkpoint: never.
---@usage local writer = writers.new(transport, protocol, reader, loop)
function writers.new(transport, protocol, reader, loop)
  return setmetatable({
    transport = transport, _protocol = protocol, _reader = reader, _loop = loop,
  }, StreamWriter)
end

local function settle(list, err)
  for _, waiter in ipairs(list) do
    local cancelled = waiter:done()
    if not cancelled and err == nil then
      waiter:set_result(nil)
    elseif not cancelled then
      waiter:set_exception(err)
    end
  end
end

-- A client's handler ended: an error of it is nobody's else.
local function handled(self, task)
  if task:cancelled() then return self._transport:close() end
  local err = task:exception()
  if err == nil then return end
  reports.call(self._loop, { message = "Unhandled exception in client_connected_cb",
    exception = err, transport = self._transport })
  self._transport:close()
end

function ReaderProtocol:connection_made(transport)
  self._transport = transport
  self._reader:set_transport(transport)
  if transport._set_taker then transport:_set_taker(self._reader) end
  local connected = self._connected
  if not connected then return end
  local writer = writers.new(transport, self, self._reader, self._loop)
  local task = self._loop:create_task(connected, self._reader, writer)
  task:add_done_callback(function() handled(self, task) end)
end

function ReaderProtocol:data_received(data) self._reader:feed_data(data) end

function ReaderProtocol:eof_received()
  self._reader:feed_eof()
  return true
end

function ReaderProtocol:pause_writing() self._pausing = true end

function ReaderProtocol:resume_writing()
  self._pausing = false
  local list = self._drainers
  self._drainers = {}
  settle(list)
end

function ReaderProtocol:connection_lost(err)
  self._closed, self._error = true, err
  if err == nil then
    if not self._reader._eof then self._reader:feed_eof() end
  else
    self._reader:set_exception(err)
  end
  local drainers, closers = self._drainers, self._closers
  self._drainers, self._closers = {}, {}
  settle(drainers, err)
  settle(closers, err)
end

local function forget(list, waiter)
  for i = 1, #list do
    if list[i] == waiter then return table.remove(list, i) end
  end
end

function ReaderProtocol:_drain(loop)
  if self._closed then
    error(errors.OSError("Connection lost", { code = "ECONNRESET", errno = 104 }), 0)
  end
  local waiter = futures.new(loop)
  self._drainers[#self._drainers + 1] = waiter
  local ok, err = base.try(waiter.await, waiter)
  forget(self._drainers, waiter)
  if not ok then error(err, 0) end
end

return writers
