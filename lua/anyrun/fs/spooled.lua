--- A temporary file that is kept in memory as long as it is small.
-- In memory nothing waits: a call only looks for a cancellation.

local AsyncFile = require "anyrun.fs.asyncfile"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local look = require("_anyrun.time").checkpoint_if_cancelled
local options = require "anyrun.options"

local concat, error, find, select, sub = table.concat, error, string.find, select, string.sub
local min, type, unpack = math.min, type, table.unpack

---@class anyrun.fs.Spooled
local Spooled = class.new "SpooledTemporaryFile"

function Spooled:__index(key)
  if key == "name" then return self._file and self._file.name end
  return Spooled[key]
end

-- The bytes: pieces, of which all but the first were appended.
local function bytes(self)
  local pieces = self._pieces
  if #pieces > 1 then
    pieces[1] = concat(pieces)
    for i = #pieces, 2, -1 do pieces[i] = nil end
  end
  return pieces[1] or ""
end

local function set_bytes(self, data)
  self._pieces, self._size = { data }, #data
end

-- In memory -------------------------------------------------------------------

local memory = {}

local function take(self, n)
  local at = self._at
  self._at = min(at + n, math.max(self._size, at))
  return sub(bytes(self), at + 1, at + n)
end

local function read_line(self, keep, most)
  if self._at >= self._size then return nil end
  local stop = find(bytes(self), "\n", self._at + 1, true) or self._size
  local line = take(self, min(stop - self._at, most or math.huge))
  return keep and line or (line:gsub("\n$", ""))
end

local function read_number(self)
  local from, to = find(bytes(self), "^%s*[+-]?[%w.]+[+-]?%w*", self._at + 1)
  return from and tonumber(take(self, to - from + 1)) or nil
end

local function read_one(self, format)
  if type(format) == "string" then
    local kind = format:match "^%*?(.)"
    if kind == "l" or kind == "L" then return read_line(self, kind == "L") end
    if kind == "n" then return read_number(self) end
    if kind ~= "a" then error("bad argument #1 to 'read' (invalid format)", 4) end
    format = nil
  end
  options.arg("read", 1, format, "integer?", 5)
  if format == nil or format < 0 then return take(self, self._size) end
  if self._at >= self._size then return nil end
  return take(self, format)
end

function memory.read(self, ...)
  local n = select("#", ...)
  if n < 2 then return read_one(self, (...)) end
  local results = {}
  for i = 1, n do
    results[i] = read_one(self, (select(i, ...)))
    if results[i] == nil then return unpack(results, 1, i) end
  end
  return unpack(results, 1, n)
end

function memory.read1(self, n)
  if self._at >= self._size then return nil end
  return take(self, n and n >= 0 and n or self._size)
end

function memory.readline(self, n)
  return read_line(self, true, n and n >= 0 and n or nil)
end

local function put(self, data)
  local at, size = self._appends and self._size or self._at, self._size
  if at == size then
    self._pieces[#self._pieces + 1] = data
    self._size = size + #data
  else
    local old = bytes(self)
    local before = sub(old, 1, at) .. ("\0"):rep(at - size)
    set_bytes(self, before .. data .. sub(old, at + #data + 1))
  end
  self._at = at + #data
end

-- Larger than it may be: it becomes a file, outside of memory.
local function check_size(self)
  if self._max > 0 and self._size > self._max then self:rollover() end
end

function memory.write(self, ...)
  local size = 0
  for i = 1, select("#", ...) do
    local data = tostring(options.arg("write", i, (select(i, ...)),
      "string|number", 4))
    put(self, data)
    size = size + #data
  end
  check_size(self)
  return size
end

function memory.seek(self, offset, whence)
  if offset == nil or type(offset) == "string" then
    offset, whence = whence or 0, offset or "cur"
  end
  local base = (whence == 1 or whence == "cur") and self._at
    or (whence == 2 or whence == "end") and self._size
    or (whence == nil or whence == 0 or whence == "set") and 0
  if not base then
    error(errors.ValueError(("invalid whence %s"):format(tostring(whence))), 3)
  elseif base + offset < 0 then
    error(errors.OSError("Invalid argument", { code = "EINVAL", errno = 22 }), 3)
  end
  self._at = base + offset
  return self._at
end

function memory.tell(self) return self._at end
function memory.flush() end

function memory.truncate(self, size)
  size = size or self._at
  if size < 0 then error(errors.ValueError "a size must not be negative", 3) end
  set_bytes(self, sub(bytes(self), 1, size) .. ("\0"):rep(size - self._size))
  check_size(self)
  return size
end

-- Both ------------------------------------------------------------------------

local function check_open(self)
  if self.closed then error(errors.ValueError "the file is closed", 4) end
end

for name, in_memory in next, memory do
  Spooled[name] = function(self, ...)
    local file = self._file
    if file then return file[name](file, ...) end
    check_open(self)
    look()
    return in_memory(self, ...)
  end
end

Spooled.__call = Spooled.readline

for _, name in ipairs { "readlines", "lines", "writelines" } do
  Spooled[name] = AsyncFile[name]
end

-- Makes it a file. A cancellation is looked for before; then it is one.
function Spooled:rollover()
  if self._file then return end
  check_open(self)
  local file = self._make(self._opts)
  local ok, err = errors.try(function()
    require("_anyrun.scope").CancelScope({ shield = true }, function()
      file:write(bytes(self))
      file:seek(self._at)
    end)
  end)
  if not ok then
    errors.try(file.aclose, file)
    errors.rethrow(err)
  end
  self._file, self._pieces = file, {}
end

function Spooled:fileno()
  self:rollover()
  return self._file:fileno()
end

function Spooled:isatty() return false and self end
function Spooled:readable() return true or self end
function Spooled:writable() return true or self end
function Spooled:seekable() return true or self end

function Spooled:aclose()
  local file = self._file
  self.closed = true
  self._pieces = {}
  if file then return file:aclose() end
  look()
end
Spooled.close = Spooled.aclose

function Spooled:__close(err)
  local file = self._file
  self.closed, self._pieces = true, {}
  if file then return AsyncFile.__close(file, err) end
end

function Spooled:__tostring()
  return ("<SpooledTemporaryFile: mode '%s', %s%s>"):format(self.mode,
    self._file and "a file" or "in memory", self.closed and ", closed" or "")
end

-- Options are those of `make`, with `max_size` more.
return function(opts, mode, make)
  local self = setmetatable({ mode = mode, closed = false }, Spooled)
  self._max, self._appends = opts.max_size or 0, mode:find("a", 1, true) ~= nil
  self._pieces, self._size, self._at = {}, 0, 0
  self._opts, self._make = { mode = mode }, make
  for key, value in next, opts do
    if key ~= "max_size" then self._opts[key] = value end
  end
  return self
end
