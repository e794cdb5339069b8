--- Transports over the ends of pipes that a child process has the others of.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local native = require "_anyrun.socket"
local StreamReader = require("asyncio.stream_reader").StreamReader
local StreamReaderProtocol = require("asyncio.stream_protocol").StreamReaderProtocol
local StreamWriter = require("asyncio.stream_writer").StreamWriter
local Socket = require("asyncio.socket").Socket
local transports = require "asyncio.transport"

---@class asyncio.pipes
local pipes = {}

-- A pipe as transports expect a socket; a socket of the same descriptor is what
-- waits for it.
local PipeSocket = class.new "PipeSocket"

function PipeSocket:_init(pipe)
  self._pipe = pipe
  self._waits = native.adopt_plain(Socket, pipe:fileno(), false)
end

function PipeSocket:_receive_now(max)
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

function PipeSocket:_watch(...) return self._waits:_watch(...) end

function PipeSocket:_close()
  if not self._pipe:is_closed() then self._waits:close() end
  self._pipe:close()
end

PipeSocket._shut_sending = PipeSocket._close

--- What a child reads, as a writer.
---@param loop asyncio.Loop
---@param pipe userdata
---@return asyncio.StreamWriter
---Checkpoint: never.
---@usage local stdin = pipes.writer(loop, pipe)
function pipes.writer(loop, pipe)
  local reader = StreamReader { loop = loop }
  local protocol = StreamReaderProtocol(reader, nil, { loop = loop })
  local transport = transports.new(loop, PipeSocket(pipe), protocol)
  transport:pause_reading() -- there is nothing to come
  return StreamWriter(transport, protocol, nil, loop)
end

-- At the end the pipe is closed: nothing can be sent the other way.
local function at_end(protocol)
  protocol._reader:feed_eof()
  return false
end

--- What a child writes, as a reader.
---@param loop asyncio.Loop
---@param pipe userdata
---@param limit? integer
---@return asyncio.StreamReader
---@return asyncio.Transport
---Checkpoint: never.
---@usage local stdout = pipes.reader(loop, pipe, limit)
function pipes.reader(loop, pipe, limit)
  local reader = StreamReader { loop = loop, limit = limit }
  local protocol = StreamReaderProtocol(reader, nil, { loop = loop })
  protocol.eof_received = at_end
  return reader, transports.new(loop, PipeSocket(pipe), protocol)
end

return pipes
