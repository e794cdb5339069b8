--- Transport: a stream socket that calls its protocol.

local BaseTransport = require "asyncio.base_transport"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local Socket = require("asyncio.socket").Socket

local concat, error, tostring, type, warn = table.concat, error, tostring, type, warn

local send_now = Socket._send_now

local transports = {}

local CHUNK <const> = 65536
local PATIENCE <const> = 5 -- writes after the end, before a warning
local BROKEN <const> = "Fatal write error on socket transport"

---@class asyncio.Transport : asyncio.BaseTransport
---@field package _data string the piece that is being sent
---@field package _sent integer how many bytes of it were
---@field package _pieces string[] those after it
---@field package _waiting integer how many bytes those have
---@field package _plain boolean it has a socket, and not what is like one
---@field package _taker? asyncio.StreamReader see `_set_taker`
---@field package [1]? asyncio.Socket nothing is kept, and more may be written
local Transport = class.new("Transport", BaseTransport)
transports.Transport = Transport

-- Reading --------------------------------------------------------------------

local function on_end(self)
  local ok, keep = errors.try(self._tell, self, "eof_received")
  if not ok then
    self:_broken(keep, "Fatal error: protocol.eof_received() call failed.")
  elseif keep and not self._one_way then
    self._at_end = true -- there is no more to wait for
    self:_stop_reading()
  else
    self:close()
  end
end

-- The end of what comes, or an error.
local function received_none(self, err)
  if err == "" then return on_end(self) end
  self:_fatal(err, "Fatal read error on socket transport")
end

local function read_ready(self)
  local data, err = self._sock:_receive_now(CHUNK)
  if data == nil and err == nil then return end
  if data == "" or err then return received_none(self, err or data) end
  local ok
  ok, err = errors.try(self._tell, self, "data_received", data)
  if not ok then
    self:_broken(err, "Fatal error: protocol.data_received() call failed.")
  end
end

-- Who may take what comes before it is received here is told how: by this watch;
-- nil: nothing is received.
local function tell_taker(self)
  local taker = self._taker
  if taker then taker:_may_take(self._reader) end
end

local function start_reading(self)
  if self._closing or self._paused or self._at_end or self._reader then return end
  self._reader = self._sock:_watch("read", read_ready, self)
  tell_taker(self)
end

Transport._begin = start_reading

function Transport:_stop_reading()
  BaseTransport._stop_reading(self)
  tell_taker(self)
end

-- Has a reader take what comes by itself: one that the protocol would feed.
function Transport:_set_taker(taker)
  if self._taker then self._taker:_may_take(nil) end
  self._taker = self._plain and taker or nil
  tell_taker(self)
end

-- What it took in place of bytes.
Transport._received_none = received_none

--- Makes a transport; the protocol is told soon.
---@param loop asyncio.Loop
---@param sock asyncio.Socket
---@param protocol table
---@param server? asyncio.Server
---@param waiter? asyncio.Future is done when the protocol was told
---@param cls? table Transport or a class that extends it
---@return asyncio.Transport
---Checkpoint: never.
---@usage local transport = transports.new(loop, sock, protocol)
function transports.new(loop, sock, protocol, server, waiter, cls)
  local self = BaseTransport._new(cls or Transport, loop, sock, protocol, server)
  self._data, self._sent, self._pieces, self._waiting = "", 0, {}, 0
  self._eof, self._paused, self._plain = false, false, type(sock) == "userdata"
  self[1] = self._plain and sock or nil
  loop:call_soon(self._tell, self, "connection_made", self)
  loop:call_soon(self._begin, self)
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

local function shut_sending(self)
  local ok, err = errors.pcall(self._sock._shut_sending, self._sock)
  if not ok then self:_fatal(err, BROKEN) end
end

-- Hands the system what it takes of what is kept.
local function write_ready(self)
  local n, err = self._sock:_send_now(self._data, self._sent)
  if n == true then
    self._data, self._sent = concat(self._pieces), 0
    if self._waiting > 0 then self._pieces, self._waiting = {}, 0 end
  elseif n then
    self._sent = self._sent + n
  else
    return self:_fatal(err, BROKEN)
  end
  self:_maybe_resume()
  if self._data ~= "" or self._lost > 0 then return end
  self:_stop_writing()
  if self._closing then
    self:_finish(nil)
  elseif self._eof then
    shut_sending(self)
  elseif self._plain then
    self[1] = self._sock
  end
end

-- What `_send_now` answered to data, where nothing is kept. A protocol that writes
-- when it hears that it may finds the watch of the piece before still there.
local function sent(self, data, n, err)
  if n == true then return end
  if n == nil then return self:_fatal(err, BROKEN) end
  self._data, self._sent, self[1] = data, n, nil
  self._writer = self._writer or self._sock:_watch("write", write_ready, self)
  self:_maybe_pause()
end

local function write_slowly(self, data)
  if type(data) ~= "string" then
    error(errors.TypeError(("data argument of 'write' must be a string, not %s")
      :format(type(data))), 2)
  elseif self._eof then
    error(errors.RuntimeError "Cannot call write() after write_eof()", 2)
  elseif data == "" then
    return
  elseif self._lost > 0 then
    if self._lost >= PATIENCE then warn("RuntimeWarning: write to a lost ",
      "connection: ", tostring(self)) end
    self._lost = self._lost + 1
  elseif self._data ~= "" then
    self._pieces[#self._pieces + 1] = data
    self._waiting = self._waiting + #data
    self:_maybe_pause()
  else
    sent(self, data, self._sock:_send_now(data))
  end
end

-- More about data which the system did not take just so.
function Transport:_not_sent(data, n, err)
  if n == false then return write_slowly(self, data) end
  return sent(self, data, n, err)
end

--- Sends bytes: what the system does not take at once is kept and sent later.
---@param data string
---Checkpoint: never.
---Raises: TypeError when it is no string; RuntimeError after `write_eof`.
---@usage transport:write "hello"
function Transport:write(data)
  local sock = self[1]
  if not sock then return write_slowly(self, data) end
  local n, err = send_now(sock, data)
  if n ~= true then return self:_not_sent(data, n, err) end
end

--- Sends all strings of a list.
---@param list string[]
---Checkpoint: never.
---Raises: as `write`.
---@usage transport:writelines { "head", "body" }
function Transport:writelines(list)
  options.arg("writelines", 1, list, "table")
  return self:write(concat(list))
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
  self._eof, self[1] = true, nil
  if self._data == "" then shut_sending(self) end
end

return transports
