--- A file of text: what is read and written is UTF-8, whatever the bytes are.
-- Reading decodes pieces into a buffer of text; lines and characters are taken
-- from there.

local class = require "anyrun.class"
local codec = require "anyrun.fs.codec"
local errors = require "anyrun.errors"
local native = require "_anyrun.text"
local options = require "anyrun.options"

local concat, error, find, select = table.concat, error, string.find, select
local sub, type, unpack = string.sub, type, table.unpack

---@class anyrun.fs.TextFile
local TextFile = class.new "AsyncFile"

local PIECE <const> = 65536

local function new_text_file(file, opts)
  local self = setmetatable({ buffer = file, encoding = opts.encoding }, TextFile)
  self._encoding, self._mode = codec.options(opts)
  self._newline = opts.newline
  self._encoder = native.encoder(self._encoding, self._mode)
  self:_reset()
  return self
end

-- Fields of the file itself.
local OWN <const> = { closed = true, name = true, mode = true, limiter = true }

function TextFile:__index(key)
  if OWN[key] then return self.buffer[key] end
  return TextFile[key]
end

function TextFile:_reset()
  self._decoder = native.decoder(self._encoding, self._mode)
  self._held, self._text, self._ended = "", "", false
end

-- Decoding --------------------------------------------------------------------

local function fail(self, at, why)
  error(errors.UnicodeDecodeError(("%s: cannot decode byte 0x%02x as %s: %s")
    :format(tostring(self.name), self._held:byte(at), self._encoding, why),
    { encoding = self._encoding, position = at }), 0)
end

-- Decodes more into the buffer; at the end `_ended` is set.
local function fill(self)
  local data = self.buffer:read1(PIECE)
  if data == nil then
    self._ended = true
    if self._held == "" then return end
    if self._mode == "strict" then fail(self, 1, "the file ends inside a character") end
    if self._mode == "replace" then self._text = self._text .. "\u{FFFD}" end
    self._held = ""
    return
  end
  local held = self._held .. data
  local text, at, wrong = self._decoder:convert(held)
  self._held = at and sub(held, at) or ""
  self._text, self._ended = self._text .. text, false
  if wrong then fail(self, 1, "it begins no character") end
end

local function take(self, n)
  local text = sub(self._text, 1, n)
  self._text = sub(self._text, n + 1)
  return text
end

-- Where a line ends in the text, and how long its end is.
local function end_of_line(self, from)
  local text, newline = self._text, self._newline
  if newline ~= "" then
    local first, last = find(text, newline or "\n", from, true)
    return first, last
  end
  local first = find(text, "[\r\n]", from)
  if not first then return nil end
  if sub(text, first, first) == "\r" then
    if first == #text and not self._ended then return nil end
    if sub(text, first + 1, first + 1) == "\n" then return first, first + 1 end
  end
  return first, first
end

local function read_line(self, keep)
  local from = 1
  while true do
    local first, last = end_of_line(self, from)
    if first then
      local line = take(self, last)
      return keep and line or sub(line, 1, first - 1)
    end
    from = math.max(#self._text - 1, 1)
    fill(self)
    if self._ended then
      if end_of_line(self, from) then return read_line(self, keep) end
      return self._text ~= "" and take(self, #self._text) or nil
    end
  end
end

local function read_all(self)
  local pieces = { self._text }
  self._text = ""
  repeat
    fill(self)
    pieces[#pieces + 1] = self._text
    self._text = ""
  until self._ended
  return concat(pieces)
end

-- n characters, or as many as there are.
local function read_characters(self, n)
  if n == 0 then return "" end
  while (utf8.len(self._text) or 0) < n do
    fill(self)
    if self._ended then break end
  end
  if self._text == "" then return nil end
  return take(self, (utf8.offset(self._text, n + 1) or #self._text + 1) - 1)
end

local function read_number(self)
  local from, to
  repeat
    if self._text ~= "" or self._ended then
      from, to = find(self._text, "^%s*[+-]?[%w.]+[+-]?%w*")
      if from and to < #self._text or self._ended then break end
    end
    fill(self)
  until false
  return from and tonumber(take(self, to)) or nil
end

local function read_one(self, format)
  if format == nil then return read_all(self) end
  if type(format) == "number" then
    if format < 0 then return read_all(self) end
    return read_characters(self, format)
  end
  local kind = type(format) == "string" and format:match "^%*?(.)"
  if kind == "a" then return read_all(self) end
  if kind == "l" or kind == "L" then return read_line(self, kind == "L") end
  if kind == "n" then return read_number(self) end
  error("bad argument #1 to 'read' (invalid format)", 3)
end

-- As those of AsyncFile; sizes are characters.
function TextFile:read(...)
  local n = select("#", ...)
  if n < 2 then return read_one(self, (...)) end
  local results = {}
  for i = 1, n do
    results[i] = read_one(self, (select(i, ...)))
    if results[i] == nil then return unpack(results, 1, i) end
  end
  return unpack(results, 1, n)
end

function TextFile:readline() return read_line(self, true) end
TextFile.__call = TextFile.readline

-- Writing ---------------------------------------------------------------------

local function encode(self, text)
  local newline = self._newline
  if newline and newline ~= "" and newline ~= "\n" then
    text = text:gsub("\n", newline)
  end
  local data, at = self._encoder:convert(text)
  if not at then return data end
  error(errors.UnicodeEncodeError(("cannot encode byte %d of the text as %s")
    :format(at, self._encoding), { encoding = self._encoding, position = at }), 3)
end

function TextFile:write(...)
  local size = 0
  for i = 1, select("#", ...) do
    local text = select(i, ...)
    options.arg("write", i, text, "string|number")
    self.buffer:write(encode(self, tostring(text)))
    size = size + #tostring(text)
  end
  return size
end

-- Where it stands ---------------------------------------------------------------

function TextFile:tell()
  local ahead = self._held
  if self._text ~= "" then ahead = ahead .. self._encoder:convert(self._text) end
  return self.buffer:tell() - #ahead
end

function TextFile:seek(offset, whence)
  if offset == nil or offset == "cur" or whence == 1 or whence == "cur" then
    local by = type(offset) == "number" and offset or type(whence) == "number"
      and offset == "cur" and whence or 0
    offset, whence = self:tell() + by, 0
  end
  local at = self.buffer:seek(offset, whence)
  self:_reset()
  return at
end

function TextFile:truncate(size)
  return self.buffer:truncate(size or self:tell())
end

local AsyncFile = require "anyrun.fs.asyncfile"
for _, name in ipairs { "readlines", "lines", "writelines", "__tostring" } do
  TextFile[name] = AsyncFile[name]
end

for _, name in ipairs {
  "aclose", "close", "fileno", "flush", "isatty", "readable", "seekable",
  "setvbuf", "writable",
} do
  TextFile[name] = function(self, ...)
    local file = self.buffer
    return file[name](file, ...)
  end
end

function TextFile:__close(err)
  local file = self.buffer
  return AsyncFile.__close(file, err)
end

return new_text_file
