--- What transports of streams and of datagrams have in common: closing, what is
--- known of the socket, water marks.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local owners = require("asyncio.readiness").owners
local reports = require "asyncio.reports"

local error, setmetatable = error, setmetatable

local HIGH <const>, LOW <const>, UV_LOW <const> = 65536, 16384, 16

---@class asyncio.BaseTransport
---@field package _lost integer 0: it is connected; grows with writes after that
local BaseTransport = class.new "BaseTransport"

--- A transport over a connected socket, which is its own from now on.
---@param cls table
---@param loop asyncio.Loop
---@param sock asyncio.Socket
---@param protocol table
---@param server? asyncio.Server
---@return asyncio.BaseTransport
---Checkpoint: never.
---@usage local transport = BaseTransport._new(Transport, loop, sock, protocol)
function BaseTransport._new(cls, loop, sock, protocol, server)
  local self = setmetatable({
    _loop = loop, _sock = sock, _protocol = protocol, _server = server,
    _high = HIGH, _low = loop._uvloop and UV_LOW or LOW,
    _extra = { socket = sock }, _closing = false, _lost = 0,
    _writing_paused = false,
  }, cls)
  owners[sock] = self
  local ok, address = errors.pcall(sock.getsockname, sock)
  self._extra.sockname = ok and address or nil
  ok, address = errors.pcall(sock.getpeername, sock)
  self._extra.peername = ok and address or nil
  if server then server:_attach(self) end
  return self
end

function BaseTransport:__tostring()
  local state = self._sock == nil and "closed" or self._closing and "closing"
    or "open"
  return ("<%s %s>"):format(self.name, state)
end

--- What is known of the connection: `socket`, `sockname`, `peername`.
---@param name string
---@param default? any what is returned when it is not known
---@return any
---Checkpoint: never.
---@usage local host, port = table.unpack(transport:get_extra_info "peername")
function BaseTransport:get_extra_info(name, default)
  local value = self._extra[name]
  if value == nil then return default end
  return value
end

--- Whether it is closed or about to be.
---@return boolean
---Checkpoint: never.
---@usage if transport:is_closing() then return end
function BaseTransport:is_closing() return self._closing end

--- Has another protocol hear of what comes.
---@param protocol table
---Checkpoint: never.
---@usage transport:set_protocol(Upgraded())
function BaseTransport:set_protocol(protocol)
  options.arg("set_protocol", 1, protocol, "table")
  self._protocol = protocol
  if self._taker then self:_set_taker(nil) end
end

--- The protocol that hears of what comes.
---@return table
---Checkpoint: never.
---@usage local protocol = transport:get_protocol()
function BaseTransport:get_protocol() return self._protocol end

-- Calls a method of the protocol, if it has that.
function BaseTransport:_tell(method, ...)
  local protocol = self._protocol
  local f = protocol[method]
  if f then return f(protocol, ...) end
end

function BaseTransport:_stop_reading()
  local item = self._reader
  self._reader = nil
  if item then item:cancel() end
end

function BaseTransport:_stop_writing()
  local item = self._writer
  self._writer = nil
  if item then item:cancel() end
end

-- The last call that a protocol gets.
local function connection_lost(self, err)
  local ok, broken = errors.try(self._tell, self, "connection_lost", err)
  self._sock = nil
  if self._server then self._server:_detach(self) end
  if not ok then error(broken, 0) end
end

-- The socket goes now, and the protocol hears of it soon: a run that ends
-- before that leaves nothing open.
function BaseTransport:_finish(err)
  self._lost, self[1] = self._lost + 1, nil
  self:_stop_reading()
  self:_stop_writing()
  self._sock:_close()
  self._loop:call_soon(connection_lost, self, err)
end

--- Closes it: what was written is sent, what comes is not received.
---Checkpoint: never.
---@usage transport:close()
function BaseTransport:close()
  if self._closing then return end
  self._closing = true
  self:_stop_reading()
  if not self:_keeps_data() then self:_finish(nil) end
end

-- Whether something was written that the system has not taken yet.
function BaseTransport:_keeps_data() return self:get_write_buffer_size() > 0 end

--- Closes it at once: what was written and not yet sent is lost.
---Checkpoint: never.
---@usage transport:abort()
function BaseTransport:abort() self:_force_close(nil) end

function BaseTransport:_force_close(err)
  if self._lost > 0 then return end
  self:_drop_buffer()
  self._closing = true
  self:_finish(err)
end

local QUIET <const> = { EPIPE = true, ECONNRESET = true, ECONNABORTED = true }

-- The connection cannot go on: a protocol has a bug, say.
function BaseTransport:_broken(err, message)
  reports.call(self._loop, { message = message, exception = err,
    transport = self, protocol = self._protocol })
  self:_force_close(err)
end

-- The same where the system may have said so: its errors are for the protocol,
-- and in debug mode a report, unless the other side just went away.
function BaseTransport:_fatal(err, message)
  if errors.isinstance(err, errors.OSError)
    and (QUIET[err.code] or not self._loop._debug) then
    return self:_force_close(err)
  end
  self:_broken(err, message)
end

-- Water marks ------------------------------------------------------------------

function BaseTransport:_report_flow(ok, err, method)
  if ok then return end
  reports.call(self._loop, { message = ("protocol.%s() failed"):format(method),
    exception = err, transport = self, protocol = self._protocol })
end

function BaseTransport:_maybe_pause()
  if self._writing_paused or self:get_write_buffer_size() <= self._high then return end
  self._writing_paused = true
  local ok, err = errors.pcall(self._tell, self, "pause_writing")
  self:_report_flow(ok, err, "pause_writing")
end

function BaseTransport:_maybe_resume()
  if not self._writing_paused or self:get_write_buffer_size() > self._low then
    return
  end
  self._writing_paused = false
  local ok, err = errors.pcall(self._tell, self, "resume_writing")
  self:_report_flow(ok, err, "resume_writing")
end

--- Says above how many bytes the protocol is told to pause writing, and at how
--- many to go on.
---@param opts? table `high` (65536), `low` (a quarter of it)
---Checkpoint: never.
---Raises: ValueError unless `high` >= `low` >= 0.
---@usage transport:set_write_buffer_limits{high = 1024}
function BaseTransport:set_write_buffer_limits(opts)
  opts = options.check("set_write_buffer_limits", opts,
    { high = "integer?", low = "integer?" }, 1)
  local high = opts.high or opts.low and 4 * opts.low or HIGH
  local low = opts.low or high // 4
  if low < 0 or high < low then
    error(errors.ValueError(("high (%d) must be >= low (%d) must be >= 0")
      :format(high, low)), 2)
  end
  self._high, self._low = high, low
  self:_maybe_pause()
end

--- The water marks.
---@return integer low
---@return integer high
---Checkpoint: never.
---@usage local low, high = transport:get_write_buffer_limits()
function BaseTransport:get_write_buffer_limits() return self._low, self._high end

return BaseTransport
