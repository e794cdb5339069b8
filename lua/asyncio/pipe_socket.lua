--- A pipe as transports expect a socket.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local native = require "_anyrun.socket"
local Socket = require("asyncio.socket").Socket

---@class asyncio.PipeSocket
---@field package _pipe userdata
---@field package _ahead? string what was read before: it comes first
---@field package _waits? asyncio.Socket one of the same descriptor, which waits
--- for it; nil: it is always ready
local PipeSocket = class.new "PipeSocket"

--- Wraps a pipe.
---@param loop asyncio.Loop
---@param pipe userdata
---@param ahead? string
---@param release? fun() is called when it is closed
---Checkpoint: never.
---@usage local sock = PipeSocket(loop, pipe)
function PipeSocket:_init(loop, pipe, ahead, release)
  self._loop, self._pipe, self._ahead, self._release = loop, pipe, ahead, release
  local number = pipe:watched()
  self._waits = number and native.adopt_plain(Socket, number, false)
end

function PipeSocket:_receive_now(max)
  local ahead = self._ahead
  if ahead then
    self._ahead = nil
    return ahead
  end
  local ok, data = errors.pcall(self._pipe.read_now, self._pipe, max)
  if ok then return data end
  return nil, data
end

function PipeSocket:_send_now(data, from)
  from = from or 0
  local ok, n = errors.pcall(self._pipe.write_now, self._pipe, data, from)
  if not ok then return nil, n end
  return n == #data - from or n
end

-- A watch of what is ready without being waited for: so long as it is that, it
-- calls once a turn of the loop.
local Turns = class.new "Turns"

local function turn(self)
  if self._over then return end
  self._f(self._x)
  if self._over then return end
  self:_next()
end

function Turns:_next()
  local sock = self._sock
  if sock._ahead or not sock._waits then return sock._loop:call_soon(turn, self) end
  self._native = sock._waits:_watch(self._side, self._f, self._x)
end

function Turns:cancel()
  self._over = true
  if self._native then self._native:cancel() end
end

function PipeSocket:_watch(side, f, x)
  local waits = self._waits
  if waits and not (self._ahead and side == "read") then
    return waits:_watch(side, f, x)
  end
  local watch = Turns()
  watch._sock, watch._side, watch._f, watch._x = self, side, f, x
  self._loop:call_soon(turn, watch)
  return watch
end

-- Whether who reads what is written is gone.
function PipeSocket:_is_broken() return self._pipe:is_broken() end

function PipeSocket:_close()
  local release = self._release
  if self._waits and not self._pipe:is_closed() then self._waits:close() end
  self._pipe:close()
  self._release = nil
  if release then release() end
end

return PipeSocket
