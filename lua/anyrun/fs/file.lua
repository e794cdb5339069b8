--- Opening files: what the faces have in common.

local AsyncFile = require "anyrun.fs.asyncfile"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local limit = require "anyrun.fs.limit"
local native = require "_anyrun.file"
local options = require "anyrun.options"

local error, ipairs, math_type, next, type = error, ipairs, math.type, next, type

local file = { AsyncFile = AsyncFile }

-- With a limiter ------------------------------------------------------------

local Limited = class.new("AsyncFile", AsyncFile)
Limited.__index = AsyncFile.__index

for _, name in ipairs {
  "read", "read1", "readline", "write", "flush", "_seek", "truncate", "aclose",
  "close", "__call", "__close",
} do
  local method = AsyncFile[name]
  Limited[name] = function(self, ...)
    local _ <close> = limit.borrow(self.limiter)
    return method(self, ...)
  end
end

-- Opening -------------------------------------------------------------------

--- What a path is given as: a string, or an object with `__fspath`.
---@param fname string the function's name as the caller knows it
---@param n integer which argument it is
---@param value any
---@param level? integer whose line the error names; default: who called `fname`
---@return string
---Checkpoint: never.
---@usage local path = file.path("open_file", 1, path)
function file.path(fname, n, value, level)
  if type(value) == "string" then return value end
  if type(value) == "table" and value.__fspath then return value:__fspath() end
  error(("bad argument #%d to '%s' (path expected, got %s)"):format(n, fname,
    type(value)), level or 3)
end

local KNOWN <const> = {
  buffering = "integer?", closefd = "boolean?", encoding = "string?",
  errors = "string?", limiter = "any", newline = "string?",
}

local NEWLINES <const> = { ["\n"] = true, ["\r"] = true, ["\r\n"] = true, [""] = true }

--- Checks the option `newline`.
---@param newline string?
---@param level integer whose line the error names
---@return string?
---Checkpoint: never.
---Raises: ValueError when it is no end of a line.
---@usage file.check_newline(opts.newline, 3)
function file.check_newline(newline, level)
  if newline == nil or NEWLINES[newline] then return newline end
  error(errors.ValueError(("invalid newline %q (one of \"\", \"\\n\", \"\\r\", "
    .. "\"\\r\\n\")"):format(newline)), level + 1)
end

local function check_buffering(mode, buffering, level)
  if buffering == nil or buffering == -1 then return nil end
  if buffering == 0 and not mode:find("b", 1, true) then
    error(errors.ValueError "can't have unbuffered text files", level + 1)
  elseif buffering < 0 then
    error(errors.ValueError "the size of a buffer must not be negative", level + 1)
  end
  return buffering
end

--- Checks the options that files are opened with.
---@param fname string the function's name as the caller knows it
---@param mode string
---@param opts? table
---@param more? table further options and their types
---@param level? integer whose line the error names; default: who called `fname`
---@return table opts
---Checkpoint: never.
---@usage opts = file.check_options("open_file", mode, opts)
function file.check_options(fname, mode, opts, more, level)
  level = level or 3
  local known = KNOWN
  if more then
    known = {}
    for key, kind in next, KNOWN do known[key] = kind end
    for key, kind in next, more do known[key] = kind end
  end
  opts = options.check(fname, opts, known, more and 1 or 3, level + 1)
  if mode:find("b", 1, true) then
    for _, key in ipairs { "encoding", "errors", "newline" } do
      if opts[key] ~= nil then
        error(errors.ValueError(("binary mode doesn't take the option '%s'")
          :format(key)), level)
      end
    end
  end
  check_buffering(mode, opts.buffering, level)
  file.check_newline(opts.newline, level)
  limit.check(fname, opts.limiter, level + 1)
  if opts.encoding or opts.errors then
    require("anyrun.fs.codec").check(opts) -- before there is a file
  end
  return opts
end

--- Opens by a function of the native module, and sets up what options say.
---@param opts table checked
---@param open function `native.open` or the like
---@param ... any its arguments after the class
---@return anyio.AsyncFile
---Checkpoint: always.
---@usage return file.open_by(opts, native.open, path, mode)
function file.open_by(opts, open, ...)
  local limiter = opts.limiter
  local cls = limiter and Limited or AsyncFile
  local opened = limit.call(limiter, open, cls, ...)
  if limiter then opened.limiter = limiter end
  local buffering = opts.buffering
  if buffering == 0 then
    opened:setvbuf "no"
  elseif buffering == 1 then
    opened:setvbuf "line"
  elseif buffering and buffering > 1 then
    opened:setvbuf("full", buffering)
  end
  if opts.encoding or opts.errors or opts.newline then
    return require("anyrun.fs.textfile")(opened, opts)
  end
  return opened
end

local function check_target(target)
  if math_type(target) ~= "integer" then return file.path("open_file", 1, target, 4) end
  if target >= 0 then return target end
  error(errors.ValueError "a descriptor must not be negative", 3)
end

--- Opens a file.
---@param path string|anyio.Path|integer a path, or a descriptor that is open
---@param mode? string r (the default), w, a or x (it must not exist yet),
---  perhaps with + (read and write), b or t
---@param opts? table `buffering`, `encoding`, `errors`, `newline`, `closefd`,
---  `limiter`: see anyio.open_file
---@return anyio.AsyncFile
---Checkpoint: always.
---Raises: OSError; ValueError for a mode or an option that is none.
---@usage local log <close> = file.open("log.txt", "a")
function file.open(path, mode, opts)
  local target = check_target(path)
  if mode == nil then mode = "r" end
  options.arg("open_file", 2, mode, "string")
  if opts == nil then return native.open(AsyncFile, target, mode) end
  opts = file.check_options("open_file", mode, opts)
  if opts.closefd == false and type(target) == "string" then
    error(errors.ValueError "closefd = false needs a descriptor", 2)
  end
  return file.open_by(opts, native.open, target, mode, opts.closefd)
end

-- Lua's own files ------------------------------------------------------------

local Wrapped = class.new("AsyncFile", AsyncFile)
Wrapped.__index = AsyncFile.__index

-- The Lua file goes with it; what is left in a buffer is written first.
local function close_both(self, close, ...)
  local ok, err = errors.try(close, self, ...)
  local wrapped = self.wrapped
  if io.type(wrapped) == "file" then wrapped:close() end
  if not ok then errors.rethrow(err) end
end

function Wrapped:aclose() close_both(self, AsyncFile.aclose) end
Wrapped.close = Wrapped.aclose
function Wrapped:__close(err) close_both(self, AsyncFile.__close, err) end

local LimitedWrapped = class.new("AsyncFile", Limited)
LimitedWrapped.__index = AsyncFile.__index
LimitedWrapped.aclose, LimitedWrapped.close = Wrapped.aclose, Wrapped.aclose
LimitedWrapped.__close = Wrapped.__close

--- Makes an AsyncFile of a file of Lua's `io` library.
---@param lua_file file*
---@param opts? table `limiter`
---@return anyio.AsyncFile
---Checkpoint: never.
---Raises: ValueError when the file is closed.
---@usage local log = file.wrap(io.stderr)
function file.wrap(lua_file, opts)
  if io.type(lua_file) == nil then
    error(("bad argument #1 to 'wrap_file' (file of the io library expected, "
      .. "got %s)"):format(type(lua_file)), 2)
  end
  opts = options.check("wrap_file", opts, { limiter = "any" })
  local limiter = limit.check("wrap_file", opts.limiter)
  local wrapper = native.wrap(limiter and LimitedWrapped or Wrapped, lua_file)
  wrapper.wrapped = lua_file
  if limiter then wrapper.limiter = limiter end
  return wrapper
end

return file
