--- StreamReader: bytes as they come from a transport, read by a task.

local base = require "asyncio.base"
local ByteQueue = require "anyrun.bytequeue"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local options = require "anyrun.options"

local concat, error, ipairs, max, min = table.concat, error, ipairs, math.max, math.min
local tostring, type = tostring, type

local LIMIT <const>, CHUNK <const> = 65536, 65536

local take_from = require("_anyrun.socket").take -- of a watch

---@class asyncio.StreamReader
---@field package _queue anyrun.ByteQueue what came and was not read
---@field package _waiter? asyncio.Future of the task that waits to be fed
---@field package _transport? table it is paused above twice the limit
---@field package _watch? userdata by which a task may receive by itself
---@field package [1]? userdata the same, where nothing speaks against it
local StreamReader = class.new("StreamReader")

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
  return ("<%s %d bytes%s%s%s>"):format(self.name, self._queue.size,
    self._eof and " eof" or "", self._paused and " paused" or "",
    self._failed and " exception=" .. tostring(self._exception) or "")
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

-- Reading -------------------------------------------------------------------

local function check_failed(self)
  if self._failed then errors.rethrow(self._exception) end
end

local function resume(self)
  if self._paused and self._queue.size <= self._limit then
    self._paused = false
    self._transport:resume_reading()
  end
end

local function take(self, n)
  local data = self._queue:take(n)
  settle(self)
  resume(self)
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

-- What was received by itself, and is not a piece to be returned as it is.
local function came(self, what)
  if type(what) == "string" and what ~= "" then return push(self, what) end
  self._transport:_received_none(what)
end

-- Waits until more came, or something changed.
local function fill(self, fname)
  check_failed(self)
  if self._paused then
    self._paused = false
    self._transport:resume_reading()
  end
  local watch = not self._waiter and self._watch
  local data, other = false, nil
  if watch then data, other = take_from(watch, CHUNK) end
  if data or other then return came(self, data or other) end
  if data == false then wait_to_be_fed(self, fname) end
end

local function incomplete(self, expected)
  local partial = take(self, self._queue.size)
  error(errors.IncompleteReadError(
    ("%d bytes read on a total of %s expected bytes"):format(#partial,
      expected or "undefined"), { partial = partial, expected = expected }), 0)
end

local function overrun(text, consumed)
  error(errors.LimitOverrunError(text, { consumed = consumed }), 0)
end

-- The separator that ends first, and how long it is.
local function find(self, separators, searches)
  local first, length
  for i, separator in ipairs(separators) do
    local at = self._queue:find(separator, searches[i])
    if at and (not first or at + #separator < first + length) then
      first, length = at, #separator
    end
  end
  return first, length
end

local function check_separators(separators)
  if type(separators) == "string" then separators = { separators } end
  options.arg("readuntil", 1, separators, "table?", 4)
  if separators == nil then return { "\n" }, 1 end
  local longest = 0
  for _, separator in ipairs(separators) do
    options.arg("readuntil", 1, separator, "string", 4)
    if separator == "" then
      error(errors.ValueError "Separator should be at least one-byte string", 3)
    end
    longest = max(longest, #separator)
  end
  if longest == 0 then
    error(errors.ValueError "Separator should contain at least one element", 3)
  end
  return separators, longest
end

local function read_until(self, separators, longest)
  check_failed(self)
  local searches = {}
  for i = 1, #separators do searches[i] = {} end
  while true do
    local at, length = find(self, separators, searches)
    if at then
      if at - 1 > self._limit then
        overrun("Separator is found, but chunk is longer than limit", at - 1)
      end
      return take(self, at + length - 1)
    end
    local consumed = max(0, self._queue.size + 1 - longest)
    if consumed > self._limit then
      overrun("Separator is not found, and chunk exceed the limit", consumed)
    end
    if self._eof then incomplete(self) end
    fill(self, "readuntil")
  end
end

--- Reads up to and with a separator.
---@param separators? string|string[] the one that ends first counts; `"\n"`
--- when absent
---@return string
---Checkpoint: unless it came already.
---Raises: IncompleteReadError (`partial`) when the data ends before; the data
--- stays and LimitOverrunError (`consumed`) is raised when more came than the
--- limit; ValueError for an empty separator.
---@usage local head = reader:readuntil "\r\n\r\n"
function StreamReader:readuntil(separators)
  local list, longest = check_separators(separators)
  return read_until(self, list, longest)
end

local NEWLINE <const> = { "\n" }

-- The line is longer than the limit: away with it, or with what there is.
local function skip_line(self, err)
  local queue, consumed = self._queue, err.consumed
  local found = queue.size > consumed
    and queue:peek():sub(consumed + 1, consumed + 1) == "\n"
  queue:take(found and consumed + 1 or queue.size)
  resume(self)
  error(errors.ValueError(err.message), 0)
end

--- Reads a line, its end included.
---@return string line without an end where the data ends; `""` after that
---Checkpoint: unless it came already.
---Raises: ValueError when it is longer than the limit, and the line, or what
--- came of it, is dropped.
---@usage local line = reader:readline()
function StreamReader:readline()
  local ok, result = errors.pcall(read_until, self, NEWLINE, 1)
  if ok then return result end
  if errors.isinstance(result, errors.IncompleteReadError) then
    return result.partial
  elseif errors.isinstance(result, errors.LimitOverrunError) then
    skip_line(self, result)
  end
  errors.rethrow(result)
end

-- Piece by piece: so the transport is paused in between.
local function read_all(self)
  local parts = {}
  repeat
    parts[#parts + 1] = self:read(self._limit)
  until parts[#parts] == ""
  return concat(parts)
end

local function read_slowly(self, n)
  if n ~= nil then options.arg("read", 1, n, "integer") end
  check_failed(self)
  if n == 0 then return "" end
  if n == nil or n < 0 then return read_all(self) end
  local queue = self._queue
  while queue.size == 0 and not self._eof do fill(self, "read") end
  return take(self, min(n, queue.size))
end

--- Reads what is there, at least a byte.
---@param n? integer at most so many; negative or absent: all until the end
---@return string empty at the end
---Checkpoint: unless something came already.
---Raises: the error that ended the stream.
---@usage local data = reader:read(4096)
function StreamReader:read(n)
  local watch = self[1]
  if watch then
    local data, other = take_from(watch, n)
    if data then return data end
    if other then came(self, other) end
  end
  return read_slowly(self, n)
end

--- Reads exactly so many bytes.
---@param n integer
---@return string
---Checkpoint: unless they came already.
---Raises: IncompleteReadError (`partial`, `expected`) when the data ends
--- before; ValueError when `n` is negative.
---@usage local header = reader:readexactly(8)
function StreamReader:readexactly(n)
  options.arg("readexactly", 1, n, "integer")
  if n < 0 then
    error(errors.ValueError "readexactly size can not be less than zero", 2)
  end
  check_failed(self)
  while self._queue.size < n do
    if self._eof then incomplete(self, n) end
    fill(self, "readexactly")
  end
  return take(self, n)
end

-- A step of a `for` loop over lines.
function StreamReader:__call()
  local line = self:readline()
  if line ~= "" then return line end
end

return { StreamReader = StreamReader }
