--- Path: what is asked of the disk.

local Path = require "anyrun.fs.pathnames"
local errors = require "anyrun.errors"
local fs = require "_anyrun.fs"
local limit = require "anyrun.fs.limit"
local options = require "anyrun.options"

local error = error
local call, getenv = limit.call, os.getenv

local FOLLOW <const> = { follow_symlinks = "boolean?" }

-- A path of the same kind for the text of one.
local function same_kind(self, text) return self:with_segments(text) end

local function follows(fname, opts, n)
  opts = options.check(fname, opts, FOLLOW, n or 1, 4)
  return opts.follow_symlinks ~= false
end

--- What the system knows of the file: a table with `st_mode`, `st_ino`, `st_dev`,
--- `st_nlink`, `st_uid`, `st_gid`, `st_size`, `st_rdev`, `st_blocks`, `st_blksize`,
--- and the times `st_atime`, `st_mtime`, `st_ctime` in seconds, with `_ns` in
--- nanoseconds.
---@param opts? table `follow_symlinks`: false to ask about a link itself
---@return table
---Checkpoint: always. A cancelled task does not wait for the answer.
---Raises: OSError.
---@usage print(path:stat().st_size)
function Path:stat(opts)
  return call(self._limiter, fs.stat, self._text, follows("stat", opts))
end

--- As `stat` of a link itself.
---@return table
---Checkpoint: always.
---Raises: OSError.
---@usage local link = path:lstat()
function Path:lstat() return call(self._limiter, fs.stat, self._text, false) end

local function mode_of(self, follow)
  return call(self._limiter, fs.mode, self._text, follow)
end

--- Whether there is such a file. What cannot be looked at is not there.
---@param opts? table `follow_symlinks`: false to ask about a link itself
---@return boolean
---Checkpoint: always.
---@usage if not path:exists() then path:mkdir() end
function Path:exists(opts)
  return mode_of(self, follows("exists", opts)) ~= nil
end

local KINDS <const> = {
  is_dir = 0x4000, is_file = 0x8000, is_fifo = 0x1000, is_socket = 0xC000,
  is_block_device = 0x6000, is_char_device = 0x2000,
}

local function is_kind(self, kind, follow)
  local mode = mode_of(self, follow)
  return mode ~= nil and mode & 0xF000 == kind
end

--- Whether it is a folder, or a link to one.
---@param opts? table `follow_symlinks`: false if a link is none
---@return boolean
---Checkpoint: always.
---@usage if path:is_dir() then walk(path) end
function Path:is_dir(opts)
  return is_kind(self, KINDS.is_dir, follows("is_dir", opts))
end

--- Whether it is a regular file, or a link to one.
---@param opts? table `follow_symlinks`: false if a link is none
---@return boolean
---Checkpoint: always.
---@usage if path:is_file() then size = size + path:stat().st_size end
function Path:is_file(opts)
  return is_kind(self, KINDS.is_file, follows("is_file", opts))
end

--- Whether it is a symbolic link.
---@return boolean
---Checkpoint: always.
---@usage if path:is_symlink() then print(path:readlink()) end
function Path:is_symlink() return is_kind(self, 0xA000, false) end

--- Whether it is a named pipe.
---@return boolean
---Checkpoint: always.
---@usage assert(path:is_fifo())
function Path:is_fifo() return is_kind(self, KINDS.is_fifo, true) end

--- Whether it is a socket.
---@return boolean
---Checkpoint: always.
---@usage assert(path:is_socket())
function Path:is_socket() return is_kind(self, KINDS.is_socket, true) end

--- Whether it is a block device.
---@return boolean
---Checkpoint: always.
---@usage assert(anyio.Path("/dev/sda"):is_block_device())
function Path:is_block_device()
  return is_kind(self, KINDS.is_block_device, true)
end

--- Whether it is a character device.
---@return boolean
---Checkpoint: always.
---@usage assert(anyio.Path("/dev/null"):is_char_device())
function Path:is_char_device()
  return is_kind(self, KINDS.is_char_device, true)
end

--- Whether it is a junction, which this system does not have.
---@return boolean false
---Checkpoint: always.
---@usage assert(not path:is_junction())
function Path:is_junction()
  require("_anyrun.time").checkpoint()
  return false and self
end

--- Whether a file system begins here.
---@return boolean
---Checkpoint: always.
---@usage assert(anyio.Path("/"):is_mount())
function Path:is_mount()
  local ok, here, up = errors.pcall(function()
    return self:lstat(), same_kind(self, self._text .. "/.."):lstat()
  end)
  if not ok or here.st_mode & 0xF000 ~= KINDS.is_dir then return false end
  return here.st_dev ~= up.st_dev or here.st_ino == up.st_ino
end

--- Whether another path leads to the same file.
---@param other string|anyio.Path
---@return boolean
---Checkpoint: always.
---Raises: OSError when one of them does not exist.
---@usage assert(link:samefile(target))
function Path:samefile(other)
  other = self._as_path(self, "samefile", other)
  local a, b = self:stat(), other:stat()
  return a.st_ino == b.st_ino and a.st_dev == b.st_dev
end

--- The name of the user it belongs to.
---@param opts? table `follow_symlinks`: false to ask about a link itself
---@return string
---Checkpoint: always.
---Raises: OSError, with the code ESRCH when the user has no name.
---@usage print(path:owner())
function Path:owner(opts)
  return call(self._limiter, fs.owner, self._text, follows("owner", opts), false)
end

--- The name of the group it belongs to.
---@param opts? table `follow_symlinks`: false to ask about a link itself
---@return string
---Checkpoint: always.
---Raises: OSError, with the code ESRCH when the group has no name.
---@usage print(path:group())
function Path:group(opts)
  return call(self._limiter, fs.owner, self._text, follows("group", opts), true)
end

--- Where a symbolic link leads.
---@return anyio.Path
---Checkpoint: always.
---Raises: OSError.
---@usage print(link:readlink())
function Path:readlink()
  return same_kind(self, call(self._limiter, fs.readlink, self._text))
end

--- The absolute path without links, `.` and `..`.
---@param opts? table `strict`: true if it must exist
---@return anyio.Path
---Checkpoint: always.
---Raises: OSError when `strict` and it does not exist or goes round in circles.
---@usage local real = path:resolve()
function Path:resolve(opts)
  opts = options.check("resolve", opts, { strict = "boolean?" }, 1)
  return same_kind(self, call(self._limiter, fs.resolve, self._text,
    opts.strict == true))
end

--- The path from the root on; nothing is left out of it.
---@return anyio.Path
---Checkpoint: never.
---Raises: OSError when the current folder is gone.
---@usage print(anyio.Path("x"):absolute())
function Path:absolute()
  if self._root ~= "" then return self end
  return self:with_segments(fs.cwd(), self._text)
end

--- The current folder.
---@return anyio.Path
---Checkpoint: never.
---Raises: OSError when it is gone.
---@usage local here = anyio.Path.cwd()
function Path.cwd() return Path(fs.cwd()) end

local function home_of(user)
  local home = user == "" and getenv "HOME"
  if home and home ~= "" then return home end
  local ok, found = errors.pcall(fs.home, user)
  if ok then return found end
  if found.code ~= "ESRCH" then errors.rethrow(found) end
  error(errors.RuntimeError("could not determine home directory"
    .. (user ~= "" and " of " .. user or "")), 0)
end

--- The user's own folder.
---@return anyio.Path
---Checkpoint: when the environment does not tell it.
---Raises: RuntimeError when it is not known.
---@usage local config = anyio.Path.home() / ".config"
function Path.home() return Path(home_of "") end

--- The path with a user's folder for a `~` or `~user` that it begins with.
---@return anyio.Path
---Checkpoint: when the environment does not tell it.
---Raises: RuntimeError when it is not known.
---@usage local config = anyio.Path("~/.config"):expanduser()
function Path:expanduser()
  local user = self._root == "" and (self._names[1] or ""):match "^~(.*)$"
  if not user then return self end
  return self:with_segments(home_of(user), table.unpack(self._names, 2))
end

Path._follows = follows


return Path
