--- Transport: a stream socket that calls its protocol.

local BaseTransport = require "asyncio.base_transport"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local options = require "anyrun.options"

local concat, error, tostring, type, warn = table.concat, error, tostring, type, warn

local transports = {}

local CHUNK <const> = 65536
local PATIENCE <const> = 5 -- writes after the end, before a warning

---@class asyncio.Transport : asyncio.BaseTransport
---@field package _data string the piece that is being sent
---@field package _sent integer how many bytes of it were
---@field package _pieces string[] those after it
---@field package _waiting integer how many bytes those have
local Transport = class.new("Transport", BaseTransport)
Transport._data, Transport._sent, Transport._waiting = "", 0, 0
Transport._eof, Transport._paused = false, false
transports.Transport = Transport

-- Reading --------------------------------------------------------------------

local function on_end(self)
  local ok, keep = errors.try(self._tell, self, "eof_received")
  if not ok then
    self:_fatal(keep, "Fatal error: protocol.eof_received() call failed.")
  elseif keep then
    self._at_end = true -- there is no more to wait for
  else
    self:close()
  end
end

local function read_ready(self)
  if self._lost > 0 then return end
  local sock = self._sock
  local ok, data = errors.pcall(sock._receive_now, sock, CHUNK)
  if not ok then
    self:_fatal(data, "Fatal read error on socket transport")
  elseif data == "" then
    on_end(self)
  elseif data then
    ok, data = errors.try(self._tell, self, "data_received", data)
    if not ok then
      self:_fatal(data, "Fatal error: protocol.data_received() call failed.")
    end
  end
end

local function start_reading(self)
  if self._closing or self._paused or self._at_end or self._reader then return end
  self._reader = self._sock:_watch("read", self._on_readable)
end

--- Makes a transport; the protocol is told soon.
---@param loop asyncio.Loop
---@param sock asyncio.Socket
---@param protocol table
---@param server? asyncio.Server
---@param waiter? asyncio.Future is done when the protocol was told
---@return asyncio.Transport
---Checkpoint: never.
---@usage local transport = transports.new(loop, sock, protocol)
function transports.new(loop, sock, protocol, server, waiter)
  local self = BaseTransport._new(Transport, loop, sock, protocol, server)
  self._pieces = {}
  function self._on_readable()
    self._reader = nil
    read_ready(self)
    start_reading(self)
  end
  function self._on_writable()
    self._writer = nil
    self:_write_ready()
  end
  loop:call_soon(self._tell, self, "connection_made", self)
  loop:call_soon(start_reading, self)
  if waiter then
    loop:call_soon(function()
      if not waiter:done() then waiter:set_result(nil) end
    end)
  end
  return self
end

--- Whether it receives now.
---@return boolean
---Checkpoint: never.
---@usage if not transport:is_reading() then transport:resume_reading() end
function Transport:is_reading() return not self._closing and not self._paused end

--- Receives no more until `resume_reading`. More than once is harmless.
---Checkpoint: never.
---@usage transport:pause_reading()
function Transport:pause_reading()
  if not self:is_reading() then return end
  self._paused = true
  self:_stop_reading()
end

--- Receives again. More than once is harmless.
---Checkpoint: never.
---@usage transport:resume_reading()
function Transport:resume_reading()
  if self._closing or not self._paused then return end
  self._paused = false
  start_reading(self)
end

-- Writing --------------------------------------------------------------------

--- How many bytes were written and not yet taken by the system.
---@return integer
---Checkpoint: never.
---@usage while transport:get_write_buffer_size() > 0 do asyncio.sleep(0) end
function Transport:get_write_buffer_size()
  return #self._data - self._sent + self._waiting
end

function Transport:_drop_buffer()
  self._data, self._sent, self._pieces, self._waiting = "", 0, {}, 0
end

-- Hands the system what it takes: false when the connection is lost.
local function flush(self)
  local sock = self._sock
  local ok, n = errors.pcall(sock._send_now, sock, self._data, self._sent)
  if not ok then
    self:_fatal(n, "Fatal write error on socket transport")
    return false
  end
  self._sent = self._sent + n
  if self._sent == #self._data then
    self._data, self._sent = concat(self._pieces), 0
    if self._waiting > 0 then self._pieces, self._waiting = {}, 0 end
  end
  return true
end

local function shut_sending(self)
  local ok, err = errors.pcall(self._sock._shut_sending, self._sock)
  if not ok then self:_fatal(err, "Fatal write error on socket transport") end
end

function Transport:_write_ready()
  if self._lost > 0 or not flush(self) then return end
  self:_maybe_resume()
  if self:get_write_buffer_size() > 0 then
    self._writer = self._writer or self._sock:_watch("write", self._on_writable)
  elseif self._closing then
    if self._lost == 0 then self:_finish(nil) end
  elseif self._eof then
    shut_sending(self)
  end
end

--- Sends bytes: what the system does not take at once is kept and sent later.
---@param data string
---Checkpoint: never.
---Raises: TypeError when it is no string; RuntimeError after `write_eof`.
---@usage transport:write "hello"
function Transport:write(data)
  if type(data) ~= "string" then
    error(errors.TypeError(("data argument of 'write' must be a string, not %s")
      :format(type(data))), 2)
  elseif self._eof then
    error(errors.RuntimeError "Cannot call write() after write_eof()", 2)
  end
  if data == "" then return end
  if self._lost > 0 then
    if self._lost >= PATIENCE then warn("RuntimeWarning: write to a lost ",
      "connection: ", tostring(self)) end
    self._lost = self._lost + 1
    return
  end
  if self:get_write_buffer_size() == 0 then
    self._data = data
    if not flush(self) or self._data == "" then return end
    self._writer = self._writer or self._sock:_watch("write", self._on_writable)
  else
    self._pieces[#self._pieces + 1] = data
    self._waiting = self._waiting + #data
  end
  self:_maybe_pause()
end

--- Sends all strings of a list.
---@param list string[]
---Checkpoint: never.
---Raises: as `write`.
---@usage transport:writelines { "head", "body" }
function Transport:writelines(list)
  options.arg("writelines", 1, list, "table")
  self:write(concat(list))
end

--- Whether the sending half can end by itself: it can.
---@return boolean
---Checkpoint: never.
---@usage if transport:can_write_eof() then transport:write_eof() end
function Transport:can_write_eof() return true end -- luacheck: ignore 212

--- Ends the sending half, once what was written is sent; receiving goes on.
---Checkpoint: never.
---@usage transport:write_eof()
function Transport:write_eof()
  if self._closing or self._eof then return end
  self._eof = true
  if self:get_write_buffer_size() == 0 then shut_sending(self) end
end

return transports
