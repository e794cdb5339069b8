--- StreamReader: bytes as they come from a transport, read by a task.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local feeding = require "asyncio.stream_feeding"
local options = require "anyrun.options"
local take_from = require("_anyrun.socket").take -- of a watch

local colon = class.colon
local check_failed, fill, take = feeding.check_failed, feeding.fill, feeding.take
local StreamReader = feeding.StreamReader
local concat, error, ipairs, max, min = table.concat, error, ipairs, math.max, math.min
local type = type

local function incomplete(self, expected)
  local partial = take(self, self._queue.size)
  error(errors.IncompleteReadError(
    ("%d bytes read on a total of %s expected bytes"):format(#partial,
      expected or "undefined"), { partial = partial, expected = expected }), 0)
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

local FOUND <const> = "Separator is found, but chunk is longer than limit"
local NOT_FOUND <const> = "Separator is not found, and chunk exceed the limit"

-- How many bytes there are up to and with a separator, as soon as there is one.
-- Where the limit forbids that: nil, why, after how many bytes. nil: the end.
local function wait_for(self, separators, longest)
  check_failed(self)
  local searches, limit = {}, self._limit
  for i = 1, #separators do searches[i] = {} end
  while true do
    local at, length = find(self, separators, searches)
    if at and at - 1 <= limit then return at + length - 1 end
    if at then return nil, FOUND, at - 1 end
    local consumed = self._queue.size + 1 - longest
    if consumed > limit then return nil, NOT_FOUND, consumed end
    if self._eof then return nil end
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
  if not self then colon(StreamReader, "readuntil") end
  local list, longest = check_separators(separators)
  local n, why, consumed = wait_for(self, list, longest)
  if n then return take(self, n) end
  if not why then return incomplete(self) end
  error(errors.LimitOverrunError(why, { consumed = consumed }), 0)
end

local NEWLINE <const> = { "\n" }

--- Reads a line, its end included.
---@return string line without an end where the data ends; `""` after that
---Checkpoint: unless it came already.
---Raises: ValueError when it is longer than the limit, and the line, or what
--- came of it, is dropped.
---@usage local line = reader:readline()
function StreamReader:readline()
  if not self then colon(StreamReader, "readline") end
  local n, why, consumed = wait_for(self, NEWLINE, 1)
  local line = take(self, n or why == FOUND and consumed + 1 or self._queue.size)
  if why then error(errors.ValueError(why), 0) end
  return line
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
  if not self then colon(StreamReader, "read") end
  local watch = self[1]
  if watch then
    local data, other = take_from(watch, n)
    if data then return data end
    if other then feeding.came(self, other) end
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
  if not (self and n) then colon(StreamReader, "readexactly", self) end
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
