--- loop:connect_read_pipe and loop:connect_write_pipe.

local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local Loop = require("asyncio.loop").Loop
local native = require "_anyrun.pipe"
local options = require "anyrun.options"
local PipeSocket = require "asyncio.pipe_socket"
local pipe_transport = require "asyncio.pipe_transport"
local protocols = require "asyncio.protocols"
local Socket = require("asyncio.socket").Socket

local error, getmetatable, type = error, getmetatable, type

local FITS <const> = { pipe = true, socket = true, device = true }

local function check_kind(fname, pipe)
  local kind = native.kind(pipe)
  if not kind then
    options.arg(fname, 2, pipe, function()
      return "descriptor, file, socket or object with a fileno expected"
    end, 5)
  elseif not FITS[kind] then
    error(errors.ValueError(("'%s': a pipe, a socket or a terminal is expected, "
      .. "not a %s"):format(fname, kind)), 4)
  end
  return kind
end

-- Closes what a transport had for a pipe, as it is closed; that may take its
-- time: a program's end is waited for.
local function release(loop, pipe)
  if getmetatable(pipe) == Socket then return pipe:_close() end
  local close = pipe.close or pipe.aclose
  if close then loop:create_task(errors.pcall, close, pipe) end
end

local function connect(self, fname, factory, pipe, writes)
  self:_check_open()
  local kind = check_kind(fname, pipe)
  local protocol = protocols._make(factory)
  local taken, ahead = native.take(pipe, writes)
  local sock = PipeSocket(self, taken, ahead, type(pipe) ~= "number"
    and function() release(self, pipe) end or nil)
  local waiter = futures.new(self)
  local transport = pipe_transport.new(self, sock, protocol, writes,
    { waiter = waiter, pipe = pipe, tells = kind ~= "device" })
  local done, err = errors.try(waiter.await, waiter)
  if done then return transport, protocol end
  transport:close()
  errors.rethrow(err)
end

--- Reads a pipe, a FIFO, a socket or a terminal. The protocol is told what
--- comes; at the end it is told that, and the transport closes.
---@param protocol_factory fun(): table makes the protocol
---@param pipe integer|file*|table a descriptor, which is the transport's from
--- then on and becomes non-blocking; or a file (`io.stdin`), a socket, an object
--- with `fileno`, which is closed with the transport. Standard input stays
--- open, and as it is for others who have it
---@return asyncio.ReadPipeTransport transport `get_extra_info "pipe"` is the pipe
---@return table protocol
---Checkpoint: always.
---Raises: OSError, EBADF where it is not for reading; ValueError when it is a
--- regular file, which is always ready.
---@usage local transport = loop:connect_read_pipe(Lines, io.stdin)
function Loop:connect_read_pipe(protocol_factory, pipe)
  options.arg("connect_read_pipe", 1, protocol_factory, "callable")
  return connect(self, "connect_read_pipe", protocol_factory, pipe, false)
end

--- Writes a pipe, a FIFO, a socket or a terminal. When who reads it goes away,
--- the protocol hears of it, and the transport closes.
---@param protocol_factory fun(): table makes the protocol
---@param pipe integer|file*|table as for `connect_read_pipe`
---@return asyncio.WritePipeTransport transport
---@return table protocol
---Checkpoint: always.
---Raises: as `connect_read_pipe`.
---@usage local transport = loop:connect_write_pipe(asyncio.Protocol, io.stdout)
function Loop:connect_write_pipe(protocol_factory, pipe)
  options.arg("connect_write_pipe", 1, protocol_factory, "callable")
  return connect(self, "connect_write_pipe", protocol_factory, pipe, true)
end
