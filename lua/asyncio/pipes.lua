--- Transports over the ends of pipes that a child process has the others of.

local pipe_transport = require "asyncio.pipe_transport"
local PipeSocket = require "asyncio.pipe_socket"
local StreamReader = require("asyncio.stream_reader").StreamReader
local StreamReaderProtocol = require("asyncio.stream_protocol").StreamReaderProtocol
local StreamWriter = require("asyncio.stream_writer").StreamWriter

---@class asyncio.pipes
local pipes = {}

local TELLS <const> = { tells = true }

--- What a child reads, as a writer.
---@param loop asyncio.Loop
---@param pipe userdata
---@return asyncio.StreamWriter
---Checkpoint: never.
---@usage local stdin = pipes.writer(loop, pipe)
function pipes.writer(loop, pipe)
  local reader = StreamReader { loop = loop }
  local protocol = StreamReaderProtocol(reader, nil, { loop = loop })
  local transport =
    pipe_transport.new(loop, PipeSocket(loop, pipe), protocol, true, TELLS)
  return StreamWriter(transport, protocol, nil, loop)
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
  return reader,
    pipe_transport.new(loop, PipeSocket(loop, pipe), protocol, false)
end

return pipes
