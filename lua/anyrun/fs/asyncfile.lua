--- AsyncFile: a file whose operations let other tasks run.
-- Most of it is C: see src/bind/filelib.c.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local native = require "_anyrun.file"
local options = require "anyrun.options"

local error, ipairs, select = error, ipairs, select
local concat, type, unpack = table.concat, type, table.unpack

--- A file. A `for` loop over it goes by lines, each with its end; it is a
--- to-be-closed value. Tasks that use one file take turns.
---@class anyio.AsyncFile
---@field name any what it was opened by
---@field mode string as it was opened
---@field closed boolean
---@field limiter? anyio.CapacityLimiter
local AsyncFile = native.methods(class.new "AsyncFile")

--- Reads a number of bytes, or by Lua's formats: "a" (all), "l" (a line), "L" (a
--- line with its end), "n" (a number), of which there may be several.
---@function AsyncFile:read
---@param n? integer|string at most so many bytes; all that is left when it is
---  absent or negative
---@return string? data nil at the end of the file, "" where all was wanted
---Checkpoint: always; the others run unless the data was read already.
---Raises: ValueError when the file is closed; OSError.
---@usage local header = file:read(16)

--- Reads what is there, or what one read of the system brings.
---@function AsyncFile:read1
---@param n? integer at most so many bytes
---@return string? data nil at the end of the file
---Checkpoint: always; the others run unless the data was read already.
---Raises: ValueError when the file is closed; OSError.
---@usage local data = pipe:read1()

--- Reads a line, with its end.
---@function AsyncFile:readline
---@param n? integer at most so many bytes
---@return string? line nil at the end of the file; the last may have no end
---Checkpoint: always; the others run unless the data was read already.
---Raises: ValueError when the file is closed; OSError.
---@usage local line = file:readline()

--- Writes strings and numbers. They may stay in the file's buffer until `flush`
--- or `close`, or until it is full.
---@function AsyncFile:write
---@param ... string|number
---@return integer how many bytes that were
---Checkpoint: always; the others run when the buffer is written.
---Raises: ValueError when the file is closed; OSError, then what could not be
---  written is still to be.
---@usage log:write(os.date(), " ", message, "\n")

--- Writes what is in the buffer.
---@function AsyncFile:flush
---Checkpoint: always.
---Raises: ValueError when the file is closed; OSError.
---@usage log:flush()

--- Where the next byte is read or written.
---@function AsyncFile:tell
---@return integer offset from the beginning, 0 there
---Checkpoint: always, without letting others run.
---Raises: ValueError when the file is closed; OSError.
---@usage local at = file:tell()

--- Makes the file so long, by cutting it or by zero bytes.
---@function AsyncFile:truncate
---@param size? integer where it stands when absent
---@return integer size
---Checkpoint: always.
---Raises: ValueError when the file is closed or the size negative; OSError.
---@usage file:truncate(0)

--- Writes what is left and closes the file; once more does nothing.
---@function AsyncFile:aclose
---Checkpoint: always. It is closed even when the task is cancelled, which is
---  raised afterwards.
---Raises: OSError; the file is closed then, too.
---@usage file:aclose()

--- As `aclose`.
---@function AsyncFile:close
---Checkpoint: always, as `aclose`.
---@usage file:close()

--- The descriptor.
---@function AsyncFile:fileno
---@return integer
---Checkpoint: never.
---Raises: ValueError when the file is closed.
---@usage local fd = file:fileno()

--- Whether it is a terminal.
---@function AsyncFile:isatty
---@return boolean
---Checkpoint: never.
---@usage if file:isatty() then colours = true end

--- How much is gathered before it is written, as Lua's `setvbuf`.
---@function AsyncFile:setvbuf
---@param mode "no"|"full"|"line"
---@param size? integer
---@return boolean true
---Checkpoint: never.
---@usage log:setvbuf "line"

-- The first format here that finds nothing is the last.
function AsyncFile:_read_many(...)
  local results, formats = {}, { ... }
  for i = 1, select("#", ...) do
    local format = formats[i]
    if format == nil then
      error(("bad argument #%d to 'read' (format expected, got nil)"):format(i), 2)
    end
    results[i] = self:read(format)
    if results[i] == nil then return unpack(results, 1, i) end
  end
  return unpack(results, 1, select("#", ...))
end

function AsyncFile:_write_many(...)
  local pieces = { ... }
  for i = 1, select("#", ...) do
    local kind = type(pieces[i])
    if kind ~= "string" and kind ~= "number" then
      error(("bad argument #%d to 'write' (string expected, got %s)"):format(i,
        kind), 2)
    end
  end
  return self:write(concat(pieces))
end

--- The lines that are left, with their ends.
---@param hint? integer enough lines for so many bytes
---@return string[]
---Checkpoint: always.
---Raises: ValueError when the file is closed; OSError.
---@usage local lines = file:readlines()
function AsyncFile:readlines(hint)
  options.arg("readlines", 1, hint, "integer?")
  local lines, size = {}, 0
  for line in self do
    lines[#lines + 1] = line
    size = size + #line
    if hint and hint > 0 and size >= hint then break end
  end
  return lines
end

--- Lua's `lines`: an iterator that reads by the formats.
---@param ... string|integer as `read`; a line without its end when absent
---@return fun(): any
---Checkpoint: never; each step as `read`.
---@usage for line in file:lines() do print(line) end
function AsyncFile:lines(...)
  if select("#", ...) == 0 then
    return function() return self:read "l" end
  end
  local formats = { ... }
  return function() return self:read(unpack(formats)) end
end

--- Writes strings one after the other.
---@param lines string[]|fun(): string? a list, or an iterator
---Checkpoint: always; the others run when the buffer is written.
---Raises: as `write`.
---@usage file:writelines { "one\n", "two\n" }
function AsyncFile:writelines(lines)
  options.arg("writelines", 1, lines, "table|callable")
  if type(lines) == "table" and not options.callable(lines) then
    for _, line in ipairs(lines) do self:write(line) end
    return
  end
  for line in lines do self:write(line) end
end

local WHENCE <const> = {
  [0] = "set", [1] = "cur", [2] = "end", set = "set", cur = "cur", ["end"] = "end",
}

local function check_whence(whence)
  local name = WHENCE[whence]
  if name then return name end
  error(errors.ValueError(("invalid whence %s (0, 1, 2, 'set', 'cur' or 'end')")
    :format(tostring(whence))), 3)
end

--- Goes to a place in the file: `seek(offset, whence)` as AnyIO, or
--- `seek(whence, offset)` as Lua, where both may be absent.
---@param offset? integer
---@param whence? integer|string 0 or "set": from the beginning; 1 or "cur":
---  from where it stands; 2 or "end": from the end
---@return integer offset from the beginning
---Checkpoint: always.
---Raises: ValueError when the file is closed or `whence` is none of these;
---  OSError.
---@usage file:seek(-10, "end")
function AsyncFile:seek(offset, whence)
  if offset == nil or type(offset) == "string" then
    options.arg("seek", 2, whence, "integer?")
    return self:_seek(whence or 0, check_whence(offset or "cur"))
  end
  options.arg("seek", 1, offset, "integer")
  return self:_seek(offset, check_whence(whence or 0))
end

--- Whether it was opened for reading.
---@return boolean
---Checkpoint: never.
---Raises: ValueError when the file is closed.
---@usage assert(file:readable())
function AsyncFile:readable() return self:_can "read" end

--- Whether it was opened for writing.
---@return boolean
---Checkpoint: never.
---Raises: ValueError when the file is closed.
---@usage assert(file:writable())
function AsyncFile:writable() return self:_can "write" end

--- Whether it has places that can be gone to: a pipe has none.
---@return boolean
---Checkpoint: never.
---Raises: ValueError when the file is closed.
---@usage if file:seekable() then file:seek(0) end
function AsyncFile:seekable() return self:_can "seek" end

function AsyncFile:__tostring()
  return ("<AsyncFile: %s, mode '%s'%s>"):format(tostring(self.name),
    self.mode, self.closed and ", closed" or "")
end

return AsyncFile
