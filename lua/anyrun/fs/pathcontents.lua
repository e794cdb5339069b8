--- Path: whole files, and opening them.

local Path = require "anyrun.fs.pathnames"
local file = require "anyrun.fs.file"
local fs = require "_anyrun.fs"
local limit = require "anyrun.fs.limit"
local options = require "anyrun.options"

local call = limit.call
local error, next, type = error, next, type

--- Opens the file, as `anyio.open_file`; with the path's limiter, if it has one.
---@param mode? string
---@param opts? table
---@return anyio.AsyncFile
---Checkpoint: always.
---Raises: as `anyio.open_file`.
---@usage local log <close> = path:open "a"
function Path:open(mode, opts)
  if self._limiter and (opts == nil or opts.limiter == nil) then
    local with_limiter = { limiter = self._limiter }
    for key, value in next, opts or {} do with_limiter[key] = value end
    opts = with_limiter
  end
  return file.open(self, mode, opts)
end

--- The whole file.
---@return string
---Checkpoint: always.
---Raises: OSError.
---@usage local data = path:read_bytes()
function Path:read_bytes() return call(self._limiter, fs.read, self._text) end

local TEXT <const> = { encoding = "string?", errors = "string?", newline = "string?" }

local function text_options(fname, opts, n)
  opts = options.check(fname, opts, TEXT, n, 4)
  file.check_newline(opts.newline, 3)
  return opts
end

--- The whole file as text.
---@param opts? table `encoding` of the file: then the text is converted to UTF-8,
---  and must be some; `errors`: "strict", "replace" or "ignore"; `newline`: lines
---  may end by what it says, and are left so
---@return string
---Checkpoint: always.
---Raises: OSError; UnicodeDecodeError; LookupError for an encoding nobody knows.
---@usage local text = path:read_text { encoding = "latin1" }
function Path:read_text(opts)
  opts = text_options("read_text", opts, 1)
  local text = self:read_bytes()
  if opts.encoding == nil and opts.errors == nil then return text end
  return require("anyrun.fs.codec").decode(text, opts)
end

local function write(self, fname, data, mode)
  if type(data) ~= "string" then
    error(("bad argument #1 to '%s' (string expected, got %s)"):format(fname,
      type(data)), 3)
  end
  return call(self._limiter, fs.write, self._text, mode, 438, data) -- 0666
end

--- Makes the file consist of this.
---@param data string
---@return integer how many bytes that were
---Checkpoint: always.
---Raises: OSError.
---@usage path:write_bytes(data)
function Path:write_bytes(data) return write(self, "write_bytes", data, "w") end

--- Makes the file consist of this text.
---@param text string UTF-8, when an encoding is given
---@param opts? table `encoding` of the file; `errors`: "strict", "replace" or
---  "ignore"; `newline`: what is written for each "\n"
---@return integer how many bytes of text that were
---Checkpoint: always.
---Raises: OSError; UnicodeEncodeError; LookupError for an encoding nobody knows.
---@usage path:write_text("hello\n")
function Path:write_text(text, opts)
  opts = text_options("write_text", opts, 2)
  local data = text
  if type(text) == "string" then
    local newline = opts.newline
    if newline and newline ~= "" and newline ~= "\n" then
      data = text:gsub("\n", newline)
    end
    if opts.encoding or opts.errors then
      data = require("anyrun.fs.codec").encode(data, opts)
    end
  end
  write(self, "write_text", data, "w")
  return #text
end

return Path
