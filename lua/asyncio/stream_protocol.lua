--- StreamReaderProtocol: what joins a transport to a reader and a writer.

local base = require "asyncio.base"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local options = require "anyrun.options"
local protocols = require "asyncio.protocols"
local reports = require "asyncio.reports"
local StreamReader = require("asyncio.stream_reader").StreamReader
local StreamWriter = require("asyncio.stream_writer").StreamWriter

local error, ipairs = error, ipairs

--- Feeds a reader, and knows of its writer what the transport tells.
---@class asyncio.StreamReaderProtocol : asyncio.Protocol
local ReaderProtocol = class.new("StreamReaderProtocol", protocols.Protocol)

local function is_reader(value)
  return not class.is(value, StreamReader) and "StreamReader expected" or nil
end

--- Makes a protocol that feeds a reader.
---@param reader asyncio.StreamReader
---@param client_connected? fun(reader: asyncio.StreamReader, writer: asyncio.StreamWriter)
--- is called in a task of its own once there is a connection
---@param opts? table `loop`
---Checkpoint: never.
---Raises: RuntimeError where no asyncio loop runs.
---@usage local protocol = asyncio.StreamReaderProtocol(reader)
function ReaderProtocol:_init(reader, client_connected, opts)
  options.arg("StreamReaderProtocol", 1, reader, is_reader, 4)
  options.arg("StreamReaderProtocol", 2, client_connected, "callable|table?", 4)
  opts = options.check("StreamReaderProtocol", opts, { loop = "table?" }, 3, 4)
  self._loop = opts.loop or base.loop "StreamReaderProtocol"
  self._reader, self._connected = reader, client_connected
  self._drainers, self._closers = {}, {}
  self._closed, self._pausing = false, false
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

--- The reader gets its transport; `client_connected` is called.
---@param transport asyncio.Transport
---Checkpoint: never.
---@usage protocol:connection_made(transport)
function ReaderProtocol:connection_made(transport)
  self._transport = transport
  self._reader:set_transport(transport)
  if transport._set_taker and self.data_received == ReaderProtocol.data_received then
    transport:_set_taker(self._reader)
  end
  local connected = self._connected
  if not connected then return end
  local writer = StreamWriter(transport, self, self._reader, self._loop)
  local task = self._loop:create_task(connected, self._reader, writer)
  task:add_done_callback(function() handled(self, task) end)
end

--- Feeds the reader.
---@param data string
---Checkpoint: never.
---@usage protocol:data_received "hello\n"
function ReaderProtocol:data_received(data) self._reader:feed_data(data) end

--- Tells the reader that no more will come; writing goes on.
---@return boolean keep_open true
---Checkpoint: never.
---@usage protocol:eof_received()
function ReaderProtocol:eof_received()
  self._reader:feed_eof()
  return true
end

--- From now on `drain` waits.
---Checkpoint: never.
---@usage protocol:pause_writing()
function ReaderProtocol:pause_writing() self._pausing = true end

--- Whoever drains goes on.
---Checkpoint: never.
---@usage protocol:resume_writing()
function ReaderProtocol:resume_writing()
  self._pausing = false
  local list = self._drainers
  self._drainers = {}
  settle(list)
end

--- Whoever reads, drains or waits for the end hears of it.
---@param err any? why; nil after a regular end
---Checkpoint: never.
---@usage protocol:connection_lost(err)
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

function ReaderProtocol:_drain(loop)
  if self._closed then
    error(errors.OSError("Connection lost", { code = "ECONNRESET", errno = 104 }), 0)
  end
  futures.wait_in(self._drainers, loop)
end

return { StreamReaderProtocol = ReaderProtocol }
