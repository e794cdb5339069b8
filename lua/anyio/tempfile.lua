--- Temporary files and folders: names nobody can guess, for the user alone, and
--- gone when their block is left.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local file = require "anyrun.fs.file"
local fs = require "_anyrun.fs"
local native = require "_anyrun.file"
local options = require "anyrun.options"
local scope = require "_anyrun.scope"
local error, getenv, ipairs, type = error, os.getenv, ipairs, type

local tempfile = {}

-- Where temporary files go -----------------------------------------------------

local found -- the answer, once it was asked for

local function is_usable(folder)
  local ok, made = errors.pcall(fs.temp_folder, folder, "tmp", "")
  if ok then fs.rmdir(made) end
  if not ok and not errors.isinstance(made, errors.OSError) then
    errors.rethrow(made)
  end
  return ok
end

local function candidates()
  local list = {}
  for _, name in ipairs { "TMPDIR", "TEMP", "TMP" } do
    local folder = getenv(name)
    if folder and folder ~= "" then list[#list + 1] = folder end
  end
  for _, folder in ipairs { "/tmp", "/var/tmp", "/usr/tmp", fs.cwd() } do
    list[#list + 1] = folder
  end
  return list
end

--- The folder for temporary files: what TMPDIR, TEMP or TMP say, else /tmp,
--- /var/tmp, /usr/tmp or the current folder, the first where a file can be made.
---@return string
---Checkpoint: always.
---Raises: OSError when there is none.
---@usage print(anyio.gettempdir())
function tempfile.gettempdir()
  if found then
    require("_anyrun.time").checkpoint()
    return found
  end
  for _, folder in ipairs(candidates()) do
    if is_usable(folder) then
      found = folder:sub(1, 1) == "/" and folder or fs.cwd() .. "/" .. folder
      return found
    end
  end
  error(errors.OSError("no usable temporary folder was found",
    { code = "ENOENT", errno = 2 }), 0)
end

--- The same: strings are bytes.
---@return string
---Checkpoint: always.
---Raises: as `gettempdir`.
---@usage print(anyio.gettempdirb())
function tempfile.gettempdirb() return tempfile.gettempdir() end

local NAMED <const> = { suffix = "string?", prefix = "string?", dir = "any" }

local function path_option(fname, value)
  if value == nil then return tempfile.gettempdir() end
  if type(value) == "table" and value.__fspath then value = value:__fspath() end
  if type(value) == "string" then return value end
  error(("bad argument #1 to '%s' (option 'dir': path expected, got %s)"):format(
    fname, type(value)), 4)
end

local function check_names(fname, opts)
  for _, key in ipairs { "prefix", "suffix" } do
    if opts[key] and opts[key]:find("/", 1, true) then
      error(errors.ValueError(("option '%s' of '%s' must not contain a slash")
        :format(key, fname)), 4)
    end
  end
end

-- Makes a file or a folder by the options.
local function make(fname, opts, how)
  check_names(fname, opts)
  return how(path_option(fname, opts.dir), opts.prefix or "tmp", opts.suffix or "")
end

--- Makes a file that nobody else can open; the caller removes it.
---@param opts? table `suffix`, `prefix`: what its name ends and begins with;
---  `dir`: the folder; `text` has no meaning on this system
---@return integer descriptor for `anyio.open_file`, which closes it
---@return string path
---Checkpoint: always.
---Raises: OSError; ValueError when a part of the name contains a slash.
---@usage local fd, path = anyio.mkstemp { suffix = ".txt" }
function tempfile.mkstemp(opts)
  opts = options.check("mkstemp", opts,
    { suffix = "string?", prefix = "string?", dir = "any", text = "boolean?" }, 1)
  return make("mkstemp", opts, fs.temp_file)
end

--- Makes a folder that nobody else can look into; the caller removes it.
---@param opts? table `suffix`, `prefix`, `dir` as `mkstemp`
---@return string path
---Checkpoint: always.
---Raises: as `mkstemp`.
---@usage local folder = anyio.mkdtemp { prefix = "build-" }
function tempfile.mkdtemp(opts)
  return make("mkdtemp", options.check("mkdtemp", opts, NAMED, 1), fs.temp_folder)
end

-- Files --------------------------------------------------------------------------

local FILE <const> = {
  mode = "string?", suffix = "string?", prefix = "string?", dir = "any",
}
local NAMED_FILE <const> = {
  mode = "string?", suffix = "string?", prefix = "string?", dir = "any",
  delete = "boolean?", delete_on_close = "boolean?",
}

-- `f(options, body)`, `f(body)`.
local function find_body(fname, opts, body)
  if body == nil and type(opts) == "function" then opts, body = nil, opts end
  options.arg(fname, 2, body, "function?", 4)
  return opts, body
end

local function enter(object, body, value)
  if not body then return object end
  return require "anyrun.with"(object, function() return body(value or object) end)
end

local function file_options(fname, opts, known)
  local mode = type(opts) == "table" and opts.mode or "w+b"
  options.arg(fname, 1, mode, "string", 4)
  return file.check_options(fname, mode, opts, known, 4), mode
end

--- Makes a file without a name: gone when it is closed, whatever happens.
---@param opts? table `mode`: "w+b" when absent; `dir`; `suffix`, `prefix`; and what
---  `anyio.open_file` takes
---@param body? fun(file: anyio.AsyncFile): any
---@return any ... what `body` returned; without one the file, a to-be-closed value
---Checkpoint: always.
---Raises: OSError; ValueError for a mode that is none.
---@usage local scratch <close> = anyio.TemporaryFile()
function tempfile.TemporaryFile(opts, body)
  opts, body = find_body("TemporaryFile", opts, body)
  local mode
  opts, mode = file_options("TemporaryFile", opts, FILE)
  check_names("TemporaryFile", opts)
  local opened = file.open_by(opts, native.open_unnamed,
    path_option("TemporaryFile", opts.dir), mode)
  return enter(opened, body)
end

-- What stays when it is closed and goes when its block is left.
local Lasting = class.new("AsyncFile", file.AsyncFile)
Lasting.__index = file.AsyncFile.__index

function Lasting:__close(err)
  local ok, why = errors.try(file.AsyncFile.__close, self, err)
  scope.CancelScope({ shield = true }, function()
    fs.unlink(self.name, true)
    self:_removed()
  end)
  if not ok then errors.rethrow(why) end
end

local function open_named(opts, mode)
  local function open(cls, folder, prefix, suffix, lasting)
    local delete = opts.delete ~= false
    local fd, path = fs.temp_file(folder, prefix, suffix)
    return native.open_temp(delete and lasting and Lasting or cls, fd, path, mode,
      delete and not lasting, delete and lasting)
  end
  return file.open_by(opts, open, path_option("NamedTemporaryFile", opts.dir),
    opts.prefix or "tmp", opts.suffix or "", opts.delete_on_close == false)
end

--- Makes a file with a name, the field `name`: removed when it is closed, whatever
--- happens.
---@param opts? table as `TemporaryFile`, and `delete`: false to let it stay;
---  `delete_on_close`: false to let it stay until its block is left, or it is collected
---@param body? fun(file: anyio.AsyncFile): any
---@return any ... what `body` returned; without one the file, a to-be-closed value
---Checkpoint: always.
---Raises: OSError; ValueError for a mode that is none.
---@usage anyio.NamedTemporaryFile(function(f) upload(f.name) end)
function tempfile.NamedTemporaryFile(opts, body)
  opts, body = find_body("NamedTemporaryFile", opts, body)
  local mode
  opts, mode = file_options("NamedTemporaryFile", opts, NAMED_FILE)
  check_names("NamedTemporaryFile", opts)
  return enter(open_named(opts, mode), body)
end

--- Makes a file that is kept in memory as long as it is small.
---@param opts? table as `TemporaryFile`, and `max_size`: with more bytes than this it
---  becomes a file; 0, as when absent: only `rollover` and `fileno` make it one
---@param body? fun(file: table): any
---@return any ... what `body` returned; without one the file, a to-be-closed value
---Checkpoint: never in this call.
---Raises: ValueError for a mode that is none.
---@usage local scratch <close> = anyio.SpooledTemporaryFile { max_size = 65536 }
function tempfile.SpooledTemporaryFile(opts, body)
  opts, body = find_body("SpooledTemporaryFile", opts, body)
  local mode
  local known = { max_size = "integer?" }
  for key, kind in next, FILE do known[key] = kind end
  opts, mode = file_options("SpooledTemporaryFile", opts, known)
  check_names("SpooledTemporaryFile", opts)
  return enter(require "anyrun.fs.spooled"(opts, mode, tempfile.TemporaryFile), body)
end

-- Folders --------------------------------------------------------------------------

--- A temporary folder, which goes with all that is in it when its block is left. A
--- to-be-closed value.
---@class anyio.TemporaryDirectory
---@field name string its path
local Directory = class.new "TemporaryDirectory"

function Directory:__tostring()
  return ("<TemporaryDirectory: %s>"):format(self.name)
end

--- Removes it. Once more does nothing.
---Checkpoint: always; it is removed even when the task is cancelled, which is
---  raised by the next wait.
---Raises: OSError, unless errors are to be ignored.
---@usage folder:cleanup()
function Directory:cleanup()
  if self._gone then return end
  self._gone = true
  local ok, err
  scope.CancelScope({ shield = true }, function()
    ok, err = errors.try(fs.remove_tree, self.name, self._ignores)
  end)
  if ok or errors.isinstance(err, errors.OSError)
    and (self._ignores or err.code == "ENOENT") then
    return
  end
  errors.rethrow(err)
end

--- As `cleanup`, unless it is to stay.
---Checkpoint: as `cleanup`.
---@usage folder:aclose()
function Directory:aclose()
  if self._stays then self._gone = true end
  self:cleanup()
end

function Directory:__close() self:aclose() end

function Directory:__call(body)
  options.arg("TemporaryDirectory", 1, body, "function", 4)
  return enter(self, body, self.name)
end

function Directory:__gc()
  if self._gone ~= false or self._stays then return end
  self._gone = true
  warn("ResourceWarning: unclosed ", tostring(self))
  fs.remove_tree_now(self.name)
end

local DIRECTORY <const> = {
  suffix = "string?", prefix = "string?", dir = "any",
  ignore_cleanup_errors = "boolean?", delete = "boolean?",
}

--- Makes a temporary folder.
---@param opts? table `suffix`, `prefix`, `dir` as `mkdtemp`; `ignore_cleanup_errors`:
---  true to remove what can be removed and say nothing of the rest; `delete`: false
---  to let it stay
---@param body? fun(path: string): any
---@return any ... what `body` returned; without one the TemporaryDirectory
---Checkpoint: always.
---Raises: as `mkdtemp`.
---@usage anyio.TemporaryDirectory(function(path) build(path) end)
function tempfile.TemporaryDirectory(opts, body)
  opts, body = find_body("TemporaryDirectory", opts, body)
  opts = options.check("TemporaryDirectory", opts, DIRECTORY, 1)
  local folder = Directory()
  folder._stays, folder._ignores = opts.delete == false,
    opts.ignore_cleanup_errors == true
  folder.name = make("TemporaryDirectory", opts, fs.temp_folder)
  folder._gone = false
  return enter(folder, body, folder.name)
end

return tempfile
