--- ByteQueue: bytes that leave in the order they came, each copied but once.
-- Pieces stay as they came; looking for something goes on where it stopped.

local concat, find, sub = table.concat, string.find, string.sub
local max, setmetatable = math.max, setmetatable

---@class anyrun.ByteQueue
---@field size integer how many bytes are in it
---@field package _pieces string[] those from `_first` to `_last`
---@field package _taken integer bytes of the first piece that have left
---@field package _version integer grows when places in it change
local ByteQueue = { __name = "ByteQueue" }
ByteQueue.__index = ByteQueue

--- Makes an empty queue.
---@return anyrun.ByteQueue
---Checkpoint: never.
---@usage local queue = ByteQueue.new()
function ByteQueue.new()
  return setmetatable({
    size = 0, _pieces = {}, _first = 1, _last = 0, _taken = 0, _version = 0,
  }, ByteQueue)
end

--- Appends bytes.
---@param data string
---Checkpoint: never.
---@usage queue:push(chunk)
function ByteQueue:push(data)
  if data == "" then return end
  local last = self._last + 1
  self._pieces[last], self._last = data, last
  self.size = self.size + #data
end

-- The first piece has left.
local function drop_first(self)
  local first = self._first
  self._pieces[first], self._taken = nil, 0
  if first == self._last then
    self._first, self._last = 1, 0
  else
    self._first = first + 1
  end
end

local function rest_of_first(self)
  local piece = self._pieces[self._first]
  return self._taken == 0 and piece or sub(piece, self._taken + 1)
end

--- Takes bytes from the front.
---@param n integer not more than there are
---@return string
---Checkpoint: never.
---@usage local header = queue:take(4)
function ByteQueue:take(n)
  self._version = self._version + 1
  local parts, count = {}, 0
  self.size = self.size - n
  while n > 0 do
    local taken, piece = self._taken, self._pieces[self._first]
    local here = #piece - taken
    count = count + 1
    if n < here then
      parts[count], self._taken = sub(piece, taken + 1, taken + n), taken + n
      break
    end
    parts[count] = rest_of_first(self)
    drop_first(self)
    n = n - here
  end
  return count == 1 and parts[1] or concat(parts)
end

--- All there is, which stays.
---@return string
---Checkpoint: never.
---@usage print(queue:peek())
function ByteQueue:peek()
  if self.size == 0 then return "" end
  if self._first == self._last and self._taken == 0 then
    return self._pieces[self._first]
  end
  local all = rest_of_first(self)
    .. concat(self._pieces, "", self._first + 1, self._last)
  self._pieces, self._first, self._last, self._taken = { all }, 1, 1, 0
  self._version = self._version + 1
  return all
end

-- Looks in one piece, from its byte `from` on, and across its front; notes what
-- the next piece may go on with.
local function find_in(search, piece, from, what)
  local tail, keep = search.tail, #what - 1
  local at
  if tail == "" then
    at = find(piece, what, from, true)
    if at then return search.seen + at - from + 1 end
  else
    piece, from = tail .. piece, 1
    at = find(piece, what, 1, true)
    if at then return search.seen - #tail + at end
  end
  search.seen = search.seen - #tail + #piece - from + 1
  search.tail = keep > 0 and sub(piece, max(from, #piece - keep + 1)) or ""
end

--- Looks for bytes; what was looked at before is not looked at again.
---@param what string not empty
---@param search table empty at first; the same again while going on
---@return integer? where it begins, counted from 1
---Checkpoint: never.
---@usage local at = queue:find("\n", search)
function ByteQueue:find(what, search)
  if search.version ~= self._version then
    search.version, search.next = self._version, self._first
    search.seen, search.tail = 0, ""
  end
  for i = search.next, self._last do
    local from = i == self._first and self._taken + 1 or 1
    local at = find_in(search, self._pieces[i], from, what)
    if at then return at end
    search.next = i + 1
  end
  return nil
end

return ByteQueue
