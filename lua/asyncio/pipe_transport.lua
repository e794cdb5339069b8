--- Transports over one end of a pipe: they read, or they write.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local transports = require "asyncio.transport"

local error, ipairs = error, ipairs

---@class asyncio.pipe_transport
local pipe_transport = {}

local function refuse(cls, does, methods)
  for _, method in ipairs(methods) do
    cls[method] = function()
      error(errors.RuntimeError(("'%s': the transport of a pipe that is %s")
        :format(method, does)), 2)
    end
  end
end

--- Reads. At the end the protocol is told, and the pipe is closed.
---@class asyncio.ReadPipeTransport : asyncio.Transport
local Read = class.new("ReadPipeTransport", transports.Transport)
pipe_transport.ReadPipeTransport = Read
Read._one_way = true -- what eof_received answers makes no difference
refuse(Read, "only read", { "write", "writelines", "write_eof" })

--- Whether the sending half can end by itself: there is none.
---@return boolean
---Checkpoint: never.
---@usage if transport:can_write_eof() then transport:write_eof() end
function Read:can_write_eof() return false end -- luacheck: ignore 212

--- Writes. Where the other side goes away, the protocol hears of it at once.
---@class asyncio.WritePipeTransport : asyncio.Transport
local Write = class.new("WritePipeTransport", transports.Transport)
pipe_transport.WritePipeTransport = Write
refuse(Write, "only written", { "pause_reading", "resume_reading" })

--- Whether it receives now: never.
---@return boolean
---Checkpoint: never.
---@usage if transport:is_reading() then print "odd" end
function Write:is_reading() return false end -- luacheck: ignore 212

-- A socket that is written is ready, too, when something comes: nobody reads it.
local function other_side_left(self)
  if not self._sock:_is_broken() then return self:_stop_reading() end
  local lost = self:get_write_buffer_size() > 0
    and errors.OSError("Broken pipe", { code = "EPIPE", errno = 32 }) or nil
  self:_force_close(lost)
end

function Write:_begin()
  if self._closing or not self._tells then return end
  self._reader = self._sock:_watch("read", other_side_left, self)
end

--- Ends it: closes it once what was written is sent.
---Checkpoint: never.
---@usage transport:write_eof()
function Write:write_eof() self:close() end

--- Makes a transport; its protocol is told soon.
---@param loop asyncio.Loop
---@param sock asyncio.PipeSocket
---@param protocol table
---@param writes boolean whether it writes
---@param opts? table `waiter` (a future, done when the protocol was told),
--- `tells` (of a pipe that says when the other side is gone), `pipe` (what
--- `get_extra_info` tells)
---@return asyncio.Transport
---Checkpoint: never.
---@usage local transport = pipe_transport.new(loop, sock, protocol, true)
function pipe_transport.new(loop, sock, protocol, writes, opts)
  opts = opts or {}
  local self = transports.new(loop, sock, protocol, nil, opts.waiter,
    writes and Write or Read)
  self._tells, self._extra = opts.tells, { pipe = opts.pipe }
  return self
end

return pipe_transport
