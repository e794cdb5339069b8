--- StreamReader: how bytes come into it, by a protocol or by the task that reads.
-- Reading itself is in asyncio.stream_reader.

local base = require "asyncio.base"
local ByteQueue = require "anyrun.bytequeue"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local options = require "anyrun.options"

local concat, error, tostring, type = table.concat, error, tostring, type

local LIMIT <const>, CHUNK <const> = 65536, 65536

local take_from = require("_anyrun.socket").take -- of a watch

local feeding = {}

---@class asyncio.StreamReader
---@field package _queue anyrun.ByteQueue what came and was not read
---@field package _waiter? asyncio.Future of the task that waits to be fed
---@field package _transport? table it is paused above twice the limit
---@field package _watch? userdata by which a task may receive by itself
---@field package [1]? userdata the same, where nothing speaks against it
local StreamReader = class.new("StreamReader")
feeding.StreamReader = StreamReader

--- Makes a reader that is fed by hand, or by a protocol.
---@param opts? table `limit`, bytes of a line at most and half of what is kept
--- before the transport is paused (65536); `loop`
---Checkpoint: never.
---Raises: ValueError when the limit is less than 1; RuntimeError where no
--- asyncio loop runs.
---@usage local reader = asyncio.StreamReader{limit = 1024}
function StreamReader:_init(opts)
  opts = options.check("StreamReader", opts,
    { limit = "integer?", loop = "table?" }, 1, 4)
  local limit = opts.limit or LIMIT
  if limit <= 0 then error(errors.ValueError "Limit cannot be <= 0", 3) end
  self._limit, self._queue = limit, ByteQueue.new()
  self._eof, self._paused, self._failed = false, false, false
  self._loop = opts.loop or base.loop "StreamReader"
end

function StreamReader:__tostring()
  local parts = { self.name }
  local function add(said, text, value)
    if said then parts[#parts + 1] = text .. tostring(value or "") end
  end
  add(self._queue.size > 0, self._queue.size .. " bytes")
  add(self._eof, "eof")
  add(self._limit ~= LIMIT, "limit=", self._limit)
  add(self._waiter, "waiter=", self._waiter)
  add(self._failed, "exception=", self._exception)
  add(self._transport, "transport=", self._transport)
  add(self._paused, "paused")
  return ("<%s>"):format(concat(parts, " "))
end

-- Feeding -------------------------------------------------------------------

-- A task may receive by itself where that is all there is to do.
local function settle(self)
  local ready = self._queue.size == 0
    and not (self._eof or self._failed or self._waiter)
  self[1] = ready and self._watch or nil
end

-- Whoever waits looks again.
local function wake(self)
  local waiter, watch = self._waiter, self._watch
  self._waiter = nil
  if waiter then
    if not waiter:done() then waiter:set_result(nil) end
  elseif watch then
    watch:hurry()
  end
  settle(self)
end

-- Adds bytes; above twice the limit the transport is paused.
local function push(self, data)
  local queue, transport = self._queue, self._transport
  queue:push(data)
  self[1] = nil
  if transport and not self._paused and queue.size > 2 * self._limit then
    transport:pause_reading()
    self._paused = true
  end
end

-- By this watch it may receive by itself from now on; nil: no more.
function StreamReader:_may_take(watch)
  if self._watch then self._watch:hurry() end
  self._watch = watch
  settle(self)
end

--- The transport that feeds it, to be paused when too much comes.
---@param transport table
---Checkpoint: never.
---@usage reader:set_transport(transport)
function StreamReader:set_transport(transport) self._transport = transport end

--- Adds bytes at the end.
---@param data string
---Checkpoint: never.
---Raises: RuntimeError after `feed_eof`.
---@usage reader:feed_data "hello\n"
function StreamReader:feed_data(data)
  options.arg("feed_data", 1, data, "string")
  if self._eof then error(errors.RuntimeError "feed_data after feed_eof", 2) end
  if data == "" then return end
  wake(self)
  push(self, data)
end

--- No more will come.
---Checkpoint: never.
---@usage reader:feed_eof()
function StreamReader:feed_eof()
  self._eof = true
  wake(self)
end

--- The error that ends the stream.
---@return any? nil while there is none
---Checkpoint: never.
---@usage if reader:exception() then return end
function StreamReader:exception() return self._exception end

--- Ends the stream by an error: whoever reads gets it.
---@param err any
---Checkpoint: never.
---@usage reader:set_exception(asyncio.TimeoutError())
function StreamReader:set_exception(err)
  self._failed, self._exception = true, err
  wake(self)
end

--- Whether everything was read, and no more will come.
---@return boolean
---Checkpoint: never.
---@usage while not reader:at_eof() do print(reader:readline()) end
function StreamReader:at_eof() return self._eof and self._queue.size == 0 end

-- For those who read --------------------------------------------------------

--- Raises the error that ended the stream, if one did.
---@param self asyncio.StreamReader
---Checkpoint: never.
---@usage feeding.check_failed(self)
function feeding.check_failed(self)
  if self._failed then errors.rethrow(self._exception) end
end

--- Takes bytes that came; at the limit the transport is resumed.
---@param self asyncio.StreamReader
---@param n integer not more than there are
---@return string
---Checkpoint: never.
---@usage return feeding.take(self, n)
function feeding.take(self, n)
  local data = self._queue:take(n)
  settle(self)
  if self._paused and self._queue.size <= self._limit then
    self._paused = false
    self._transport:resume_reading()
  end
  return data
end

-- One task at a time: two would not know who gets which bytes.
local function wait_to_be_fed(self, fname)
  if self._waiter or self._watch and self._watch:is_lent() then
    error(errors.RuntimeError(fname .. "() called while another task is "
      .. "already waiting for incoming data"), 0)
  end
  local waiter = futures.new(self._loop)
  self._waiter = waiter
  settle(self)
  local ok, err = base.try(waiter.await, waiter)
  if self._waiter == waiter then self._waiter = nil end
  settle(self)
  if not ok then error(err, 0) end
end

--- What `take` of a watch gave in place of a piece as it was wanted: bytes are
--- kept, the end or an error goes the transport's way.
---@param self asyncio.StreamReader
---@param what any
---Checkpoint: never.
---@usage if other then feeding.came(self, other) end
function feeding.came(self, what)
  if type(what) == "string" and what ~= "" then return push(self, what) end
  self._transport:_received_none(what)
end

--- Waits until more came, or something changed.
---@param self asyncio.StreamReader
---@param fname string who waits
---Checkpoint: always.
---Raises: RuntimeError when another task waits; the error that ended the stream.
---@usage while self._queue.size < n do feeding.fill(self, "readexactly") end
function feeding.fill(self, fname)
  feeding.check_failed(self)
  if self._paused then
    self._paused = false
    self._transport:resume_reading()
  end
  local watch = not self._waiter and self._watch
  local data, other = false, nil
  if watch then data, other = take_from(watch, CHUNK) end
  if data or other then return feeding.came(self, data or other) end
  if data == false then wait_to_be_fed(self, fname) end
end

return feeding
