--- Streams of bytes from files and into them.

local class = require "anyrun.class"
local contracts = require "anyio.abc.streams"
local errors = require "anyrun.errors"
local files = require "anyrun.fs.file"
local stream_lib = require "anyrun.stream"
local typedattr = require "anyrun.typedattr"

local colon = class.colon
local error, type = error, type

---@class anyio.streams.file
local file = {}

--- What a stream of a file knows: `file`, `path`, `fileno`.
---@class anyio.streams.file.FileStreamAttribute
local FileStreamAttribute =
  typedattr.TypedAttributeSet("FileStreamAttribute", { "file", "path", "fileno" })
file.FileStreamAttribute = FileStreamAttribute

local function check_file(self, value)
  if io.type(value) then return files.wrap(value) end
  if (type(value) == "table" or type(value) == "userdata") and value.fileno then
    return value
  end
  error(("bad argument #1 to '%s' (open file expected, got %s)"):format(self.name,
    type(value)), 5)
end

-- What both have.
local common = {}

function common:_init(wrapped) self._file = check_file(self, wrapped) end

-- A call of the file's, with a stream's errors.
local function attempt(self, method, ...)
  local ok, result = errors.pcall(self._file[method], self._file, ...)
  if ok then return result end
  if errors.isinstance(result, errors.OSError) then
    error(errors.BrokenResourceError(result.message, { cause = result }), 0)
  elseif self._file.closed then
    error(errors.ClosedResourceError("this stream is closed"), 0)
  end
  errors.rethrow(result)
end

function common:aclose() self._file:aclose() end

function common:extra_attributes()
  local opened = self._file
  local getters = { [FileStreamAttribute.file] = function() return opened end }
  if opened.name ~= nil and type(opened.name) ~= "number"
    and type(opened.name) ~= "userdata" then
    getters[FileStreamAttribute.path] = function()
      return require "anyrun.fs.paths"(opened.name)
    end
  end
  if not opened.closed and errors.pcall(opened.fileno, opened) then
    getters[FileStreamAttribute.fileno] = function() return opened:fileno() end
  end
  return getters
end

--- Reads a file piece by piece. Made of a file that is open for reading bytes, or
--- by `from_path`.
---@class anyio.streams.file.FileReadStream : anyio.abc.ByteReceiveStream
local Read = class.new("FileReadStream", contracts.ByteReceiveStream)
file.FileReadStream = Read

--- Opens a file for reading.
---@param path string|anyio.Path
---@return anyio.streams.file.FileReadStream
---Checkpoint: always.
---Raises: OSError.
---@usage local stream <close> = FileReadStream.from_path "data.bin"
function Read.from_path(path)
  return Read(files.open(files.path("from_path", 1, path), "rb"))
end

--- Receives the next piece.
---@param max_bytes? integer at most so many bytes; 65536 when absent
---@return string data not empty
---Checkpoint: always.
---Raises: EndOfStream at the end of the file; ClosedResourceError;
---  BrokenResourceError when it cannot be read; ValueError when `max_bytes` is less
---  than 1.
---@usage for chunk in stream do hash:update(chunk) end
function Read:receive(max_bytes)
  if not self then colon(Read, "receive") end
  local data = attempt(self, "read1", stream_lib.check_max(max_bytes))
  if data then return data end
  error(errors.EndOfStream "the file has ended", 0)
end

--- Goes to a place in the file.
---@param position integer
---@param whence? integer|string as `AsyncFile:seek`
---@return integer position from the beginning
---Checkpoint: always.
---Raises: ClosedResourceError; BrokenResourceError where there are no places.
---@usage stream:seek(0)
function Read:seek(position, whence)
  if not (self and position) then colon(Read, "seek", self) end
  return attempt(self, "seek", position, whence)
end

--- Where the next byte is read.
---@return integer
---Checkpoint: always.
---Raises: ClosedResourceError; BrokenResourceError.
---@usage local at = stream:tell()
function Read:tell()
  if not self then colon(Read, "tell") end
  return attempt(self, "tell")
end

--- Writes a file piece by piece. Made of a file that is open for writing bytes, or
--- by `from_path`.
---@class anyio.streams.file.FileWriteStream : anyio.abc.ByteSendStream
local Write = class.new("FileWriteStream", contracts.ByteSendStream)
file.FileWriteStream = Write

--- Opens a file for writing.
---@param path string|anyio.Path
---@param append? boolean true to write behind what is there; else that is lost
---@return anyio.streams.file.FileWriteStream
---Checkpoint: always.
---Raises: OSError.
---@usage local stream <close> = FileWriteStream.from_path("log.txt", true)
function Write.from_path(path, append)
  path = files.path("from_path", 1, path)
  if type(append) == "table" then
    append = require("anyrun.options").check("from_path", append,
      { append = "boolean?" }).append
  end
  return Write(files.open(path, append and "ab" or "wb"))
end

--- Sends data into the file. It may stay in a buffer until the stream is closed.
---@param item string
---Checkpoint: always.
---Raises: ClosedResourceError; BrokenResourceError when it cannot be written.
---@usage stream:send(data)
function Write:send(item)
  if not (self and item) then colon(Write, "send", self) end
  require("anyrun.options").arg("send", 1, item, "string")
  attempt(self, "write", item)
end

for _, cls in ipairs { Read, Write } do
  for key, value in next, common do cls[key] = value end
end

return file
