--- Copying and moving files and folders, a file at a time.

local errors = require "anyrun.errors"
local fs = require "_anyrun.fs"
local limit = require "anyrun.fs.limit"

local error = error

local copy = {}

local FOLDER <const> = 0x4000

local function entries(limiter, path)
  local names, letters = limit.call(limiter, fs.list, path, true)
  return names, letters
end

-- A folder in itself would never end.
local function check_apart(source, target)
  local from, to = source:resolve(), target:resolve()
  if from ~= to and not to:is_relative_to(from) then return end
  error(errors.OSError(("%s -> %s: cannot copy a folder into itself"):format(
    source._text, target._text), {
    code = "EINVAL", errno = 22, filename = source._text,
    filename2 = target._text,
  }), 0)
end

-- A file on to itself; the system says no more than EINVAL.
local function explain(source, target, err)
  if errors.isinstance(err, errors.OSError) and err.code == "EINVAL" then
    error(errors.OSError(("%s -> %s: source and target are the same file"):format(
      source._text, target._text), {
      code = "EINVAL", errno = err.errno, filename = source._text,
      filename2 = target._text,
    }), 0)
  end
  errors.rethrow(err)
end

-- What to do with an entry: "l" and "D" are links.
local function is_folder(letter, follow)
  return letter == "d" or follow and letter == "D"
end

-- Folders that are to be copied, a list that grows while it is worked off. Their
-- times are set last, when nothing changes in them any more.
local function copy_folder(limiter, source, target, follow, keep)
  local todo = { { source, target } }
  local call = limit.call
  local i = 0
  while i < #todo do
    i = i + 1
    local from, to = todo[i][1], todo[i][2]
    call(limiter, fs.mkdir, to, 511, false, false) -- 0777
    local names, letters = entries(limiter, from)
    for n = 1, #names do
      local old, new = from .. "/" .. names[n], to .. "/" .. names[n]
      if is_folder(letters:sub(n, n), follow) then
        todo[#todo + 1] = { old, new }
      else
        call(limiter, fs.copy, old, new, follow, keep)
      end
    end
  end
  for n = keep and #todo or 0, 1, -1 do
    call(limiter, fs.copy_stat, todo[n][1], todo[n][2])
  end
end

--- Copies a file or a folder.
---@param source anyio.Path
---@param target anyio.Path
---@param follow boolean links are what they lead to
---@param keep boolean times, permissions and owner, too
---Checkpoint: always.
---Raises: OSError.
---@usage copy.copy(source, target, true, false)
function copy.copy(source, target, follow, keep)
  local limiter = source._limiter
  local mode = limit.call(limiter, fs.mode, source._text, follow)
  if mode and mode & 0xF000 == FOLDER then
    check_apart(source, target)
    copy_folder(limiter, source._text, target._text, follow, keep)
  else
    local ok, err = errors.try(limit.call, limiter, fs.copy, source._text,
      target._text, follow, keep)
    if not ok then explain(source, target, err) end
  end
end

--- Moves a file or a folder, also to another file system.
---@param source anyio.Path
---@param target anyio.Path
---Checkpoint: always.
---Raises: OSError.
---@usage copy.move(source, target)
function copy.move(source, target)
  local limiter = source._limiter
  local ok, err = errors.pcall(limit.call, limiter, fs.rename, source._text,
    target._text)
  if ok then return end
  if not errors.isinstance(err, errors.OSError) or err.code ~= "EXDEV" then
    errors.rethrow(err)
  end
  copy.copy(source, target, false, true)
  local mode = limit.call(limiter, fs.mode, source._text, false)
  if mode and mode & 0xF000 == FOLDER then
    limit.call(limiter, fs.remove_tree, source._text, false)
  else
    limit.call(limiter, fs.unlink, source._text, true)
  end
end

return copy
