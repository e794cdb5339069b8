--- Path: what changes the disk.
-- A change is waited for even when the task is cancelled meanwhile.

local Path = require "anyrun.fs.pathnames"
local fs = require "_anyrun.fs"
local limit = require "anyrun.fs.limit"
local options = require "anyrun.options"

local call = limit.call
local error, type = error, type

local DEFAULT_FILE <const>, DEFAULT_FOLDER <const> = 438, 511 -- 0666, 0777

-- `f(mode, opts)` and `f(opts)`: the mode may be left out, or be an option.
local function mode_and_options(fname, mode, opts, known, default)
  local n = 2
  if type(mode) == "table" then mode, opts, n = nil, mode, 1 end
  options.arg(fname, 1, mode, "integer?", 4)
  opts = options.check(fname, opts, known, n, 4)
  if mode == nil then mode = opts.mode end
  return mode or default, opts
end

--- Makes an empty file, or makes the time of its last change now.
---@param mode? integer permissions of a new one, less the umask; 0666 when absent
---@param opts? table `mode`; `exist_ok`: false if there must be none
---Checkpoint: always.
---Raises: OSError.
---@usage path:touch()
function Path:touch(mode, opts)
  mode, opts = mode_and_options("touch", mode, opts,
    { mode = "integer?", exist_ok = "boolean?" }, DEFAULT_FILE)
  call(self._limiter, fs.touch, self._text, mode, opts.exist_ok ~= false)
end

--- Makes a folder.
---@param mode? integer permissions, less the umask; 0777 when absent
---@param opts? table `mode`; `parents`: true to make those it is in, too;
---  `exist_ok`: true if there may be one
---Checkpoint: always.
---Raises: OSError.
---@usage path:mkdir { parents = true, exist_ok = true }
function Path:mkdir(mode, opts)
  mode, opts = mode_and_options("mkdir", mode, opts,
    { mode = "integer?", parents = "boolean?", exist_ok = "boolean?" },
    DEFAULT_FOLDER)
  call(self._limiter, fs.mkdir, self._text, mode, opts.parents == true,
    opts.exist_ok == true)
end

--- Removes an empty folder.
---Checkpoint: always.
---Raises: OSError.
---@usage path:rmdir()
function Path:rmdir() call(self._limiter, fs.rmdir, self._text) end

--- Removes a file or a link.
---@param opts? table `missing_ok`: true if there need be none
---Checkpoint: always.
---Raises: OSError, with the code ENOENT when there is none.
---@usage path:unlink { missing_ok = true }
function Path:unlink(opts)
  opts = options.check("unlink", opts, { missing_ok = "boolean?" }, 1)
  call(self._limiter, fs.unlink, self._text, opts.missing_ok == true)
end

--- Changes the permissions.
---@param mode integer
---@param opts? table `follow_symlinks`: false to change those of a link itself
---Checkpoint: always.
---Raises: OSError.
---@usage script:chmod(tonumber("755", 8))
function Path:chmod(mode, opts)
  options.arg("chmod", 1, mode, "integer")
  call(self._limiter, fs.chmod, self._text, mode,
    self._follows("chmod", opts, 2))
end

--- Changes the permissions of a link itself, where the system has such.
---@param mode integer
---Checkpoint: always.
---Raises: OSError, with the code ENOTSUP where it has none.
---@usage link:lchmod(tonumber("700", 8))
function Path:lchmod(mode)
  options.arg("lchmod", 1, mode, "integer")
  call(self._limiter, fs.chmod, self._text, mode, false)
end

local function target_of(self, fname, target)
  return self._as_path(self, fname, target)
end

--- Gives the file another name. One of that name is replaced.
---@param target string|anyio.Path
---@return anyio.Path target
---Checkpoint: always.
---Raises: OSError.
---@usage path = path:rename(path:with_suffix ".bak")
function Path:rename(target)
  target = target_of(self, "rename", target)
  call(self._limiter, fs.rename, self._text, target._text)
  return self:with_segments(target)
end

--- As `rename`.
---@param target string|anyio.Path
---@return anyio.Path target
---Checkpoint: always.
---Raises: OSError.
---@usage new:replace(old)
function Path:replace(target)
  target = target_of(self, "replace", target)
  call(self._limiter, fs.rename, self._text, target._text)
  return self:with_segments(target)
end

--- Makes this path a symbolic link.
---@param target string|anyio.Path where to
---@param opts? table `target_is_directory` has no meaning on this system
---Checkpoint: always.
---Raises: OSError.
---@usage link:symlink_to "../shared"
function Path:symlink_to(target, opts)
  options.check("symlink_to", opts, { target_is_directory = "boolean?" })
  -- A string is taken as it is: a link may say "./x".
  local text = type(target) == "string" and target
    or target_of(self, "symlink_to", target)._text
  call(self._limiter, fs.symlink, self._text, text)
end

--- Makes this path another name of a file.
---@param target string|anyio.Path the file
---Checkpoint: always.
---Raises: OSError.
---@usage copy:hardlink_to(original)
function Path:hardlink_to(target)
  target = target_of(self, "hardlink_to", target)
  call(self._limiter, fs.link, self._text, target._text)
end

-- Copying -------------------------------------------------------------------

local COPY <const> = { follow_symlinks = "boolean?", preserve_metadata = "boolean?" }

local function copy(self, fname, target, opts)
  opts = options.check(fname, opts, COPY, 2, 4)
  require("anyrun.fs.copy").copy(self, target, opts.follow_symlinks ~= false,
    opts.preserve_metadata == true)
  return self:with_segments(target)
end

local function inside(self, fname, folder)
  folder = target_of(self, fname, folder)
  if #self._names > 0 then return folder / self.name end
  local errors = require "anyrun.errors"
  error(errors.ValueError(("'%s' has no name"):format(self._text)), 3)
end

--- Copies a file or a folder with all that is in it. A file of the new name is
--- replaced; a folder must not be there yet.
---@param target string|anyio.Path
---@param opts? table `follow_symlinks`: false to copy links as links;
---  `preserve_metadata`: true to keep times, permissions and owner
---@return anyio.Path target
---Checkpoint: always; between two files a cancellation is raised.
---Raises: OSError.
---@usage config:copy(config:with_suffix ".bak")
function Path:copy(target, opts)
  return copy(self, "copy", target_of(self, "copy", target), opts)
end

--- Copies into a folder, under the same name.
---@param folder string|anyio.Path
---@param opts? table as `copy`
---@return anyio.Path target
---Checkpoint: always.
---Raises: OSError; ValueError when the path has no name.
---@usage file:copy_into "backup"
function Path:copy_into(folder, opts)
  return copy(self, "copy_into", inside(self, "copy_into", folder), opts)
end

local function move(self, target)
  require("anyrun.fs.copy").move(self, target)
  return self:with_segments(target)
end

--- Moves a file or a folder, also to another file system. A file of the new name
--- is replaced.
---@param target string|anyio.Path
---@return anyio.Path target
---Checkpoint: always.
---Raises: OSError.
---@usage file:move "/srv/data/file"
function Path:move(target) return move(self, target_of(self, "move", target)) end

--- Moves into a folder, under the same name.
---@param folder string|anyio.Path
---@return anyio.Path target
---Checkpoint: always.
---Raises: OSError; ValueError when the path has no name.
---@usage file:move_into "done"
function Path:move_into(folder)
  return move(self, inside(self, "move_into", folder))
end



return Path
