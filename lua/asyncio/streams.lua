--- open_connection and start_server: connections as a reader and a writer.

local base = require "asyncio.base"
local options = require "anyrun.options"
local StreamReader = require("asyncio.stream_reader").StreamReader
local StreamReaderProtocol = require("asyncio.stream_protocol").StreamReaderProtocol
local StreamWriter = require("asyncio.stream_writer").StreamWriter

local pairs = pairs

---@class asyncio.streams
local streams = {}

local function new_protocol(loop, limit, connected)
  local reader = StreamReader { limit = limit, loop = loop }
  return StreamReaderProtocol(reader, connected, { loop = loop }), reader
end

-- The options without `limit`, which is the streams' own.
local function split(fname, n, opts)
  options.arg(fname, n, opts, "table?", 4)
  local rest = {}
  for key, value in pairs(opts or {}) do rest[key] = value end
  options.arg(fname, n, rest.limit, "integer?", 4)
  rest.limit = nil
  return opts and opts.limit, rest
end

local function open(loop, limit, create)
  local protocol, reader = new_protocol(loop, limit)
  local transport = create(function() return protocol end)
  return reader, StreamWriter(transport, protocol, reader, loop)
end

--- Connects over TCP.
---@param host? string
---@param port? integer|string
---@param opts? table `limit` (of the reader, 65536), and those of
--- `loop:create_connection`
---@return asyncio.StreamReader reader
---@return asyncio.StreamWriter writer
---Checkpoint: always.
---Raises: OSError; gaierror.
---@usage local reader, writer <close> = asyncio.open_connection("localhost", 80)
function streams.open_connection(host, port, opts)
  local loop = base.loop "open_connection"
  local limit, rest = split("open_connection", 3, opts)
  return open(loop, limit, function(factory)
    return (loop:create_connection(factory, host, port, rest))
  end)
end

--- Connects to a UNIX socket.
---@param path? string
---@param opts? table `limit`, and those of `loop:create_unix_connection`
---@return asyncio.StreamReader reader
---@return asyncio.StreamWriter writer
---Checkpoint: always.
---Raises: OSError.
---@usage local reader, writer = asyncio.open_unix_connection "/run/redis.sock"
function streams.open_unix_connection(path, opts)
  local loop = base.loop "open_unix_connection"
  local limit, rest = split("open_unix_connection", 2, opts)
  return open(loop, limit, function(factory)
    return (loop:create_unix_connection(factory, path, rest))
  end)
end

--- Serves clients over TCP: calls `client_connected(reader, writer)` for each,
--- in a task of its own.
---@param client_connected fun(reader: asyncio.StreamReader, writer: asyncio.StreamWriter)
---@param host? string|string[]
---@param port? integer|string
---@param opts? table `limit`, and those of `loop:create_server`
---@return asyncio.Server
---Checkpoint: always.
---Raises: OSError; gaierror.
---@usage local server <close> = asyncio.start_server(handle, "localhost", 7777)
function streams.start_server(client_connected, host, port, opts)
  options.arg("start_server", 1, client_connected, "callable|table")
  local loop = base.loop "start_server"
  local limit, rest = split("start_server", 4, opts)
  return loop:create_server(function()
    return (new_protocol(loop, limit, client_connected))
  end, host, port, rest)
end

--- Serves clients on a UNIX socket.
---@param client_connected fun(reader: asyncio.StreamReader, writer: asyncio.StreamWriter)
---@param path? string
---@param opts? table `limit`, and those of `loop:create_unix_server`
---@return asyncio.Server
---Checkpoint: always.
---Raises: OSError.
---@usage local server <close> = asyncio.start_unix_server(handle, "/tmp/echo")
function streams.start_unix_server(client_connected, path, opts)
  options.arg("start_unix_server", 1, client_connected, "callable|table")
  local loop = base.loop "start_unix_server"
  local limit, rest = split("start_unix_server", 3, opts)
  return loop:create_unix_server(function()
    return (new_protocol(loop, limit, client_connected))
  end, path, rest)
end

return streams
