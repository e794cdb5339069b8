--- Path: what is in a folder, and below it.
-- A folder is read in one piece, by a thread; then its entries are gone through.

local Path = require "anyrun.fs.pathnames"
local errors = require "anyrun.errors"
local fs = require "_anyrun.fs"
local limit = require "anyrun.fs.limit"
local options = require "anyrun.options"
local pattern = require "anyrun.fs.pattern"

local error, move, type = error, table.move, type
local wrap, yield = coroutine.wrap, coroutine.yield
local make = Path._make

local function child(self, name)
  local names = move(self._names, 1, #self._names, 1, {})
  names[#names + 1] = name
  return make(self, self._root, names)
end

local function list(self, follow)
  return limit.call(self._limiter, fs.list, self._text, follow)
end

--- The entries of a folder, in no order.
---@return fun(): anyio.Path?
---Checkpoint: always, in this call: the steps are quick.
---Raises: OSError.
---@usage for entry in folder:iterdir() do print(entry.name) end
function Path:iterdir()
  local names = list(self, false)
  local i = 0
  return function()
    i = i + 1
    return names[i] and child(self, names[i])
  end
end

-- Globbing ------------------------------------------------------------------

-- What is not there, or may not be read, has no entries.
local function list_quietly(path)
  local ok, names, letters = errors.pcall(list, path, true)
  if ok then return names, letters end
  if errors.isinstance(names, errors.OSError) then return {}, "" end
  errors.rethrow(names)
end

local function exists(path, follow)
  return limit.call(path._limiter, fs.mode, path._text, follow) ~= nil
end

local function is_directory(path)
  local mode = limit.call(path._limiter, fs.mode, path._text, true)
  return mode ~= nil and mode & 0xF000 == 0x4000
end

local function is_folder(letter) return letter == "d" or letter == "D" end

-- The folders below one, it being the first.
local function each_below(search, path, visit)
  local todo = { path }
  while #todo > 0 do
    local folder = todo[#todo]
    todo[#todo] = nil
    local names, letters = list_quietly(folder)
    visit(folder, names, letters)
    for i = #names, 1, -1 do
      local letter = letters:sub(i, i)
      if letter == "d" or letter == "D" and search.recurse_symlinks then
        todo[#todo + 1] = child(folder, names[i])
      end
    end
  end
end

-- Yields what is found, once: two `**` may find the same.
local function found(search, path)
  if search.seen then
    if search.seen[path._text] then return end
    search.seen[path._text] = true
  end
  yield(path)
end

local expand

-- The entries of a folder that was read which are like the n-th pattern.
local function expand_entries(search, n, folder, names, letters)
  local last = n == #search
  local fits = pattern.compile(search[n], search.exact)
  for i = 1, #names do
    local letter = letters:sub(i, i)
    if fits(names[i]) and (is_folder(letter) or last and not search.only_folders) then
      local path = child(folder, names[i])
      if last then found(search, path) else expand(search, n + 1, path) end
    end
  end
end

-- A name is looked for, not listed, unless it may be written in another way.
local function expand_name(search, n, folder)
  local path = child(folder, search[n])
  if n < #search then return expand(search, n + 1, path) end
  if search.only_folders then
    if is_directory(path) then found(search, path) end
  elseif exists(path, false) then
    found(search, path)
  end
end

-- `**` at the end: all that is below; else each folder below, and it.
local function expand_all(search, n, folder)
  if n == #search then
    each_below(search, folder, function(path, names, letters)
      if path == folder and is_directory(path) then found(search, path) end
      for i = 1, #names do
        if not search.only_folders or is_folder(letters:sub(i, i)) then
          found(search, child(path, names[i]))
        end
      end
    end)
    return
  end
  local next_text = search[n + 1]
  local direct = next_text == ".." or not search.listed(next_text)
  each_below(search, folder, function(path, names, letters)
    if direct then
      expand(search, n + 1, path)
    else
      expand_entries(search, n + 1, path, names, letters)
    end
  end)
end

-- Depth is that of the pattern, which a script writes.
function expand(search, n, folder)
  local text = search[n]
  if text == "**" then
    expand_all(search, n, folder)
  elseif text == ".." or not search.listed(text) then
    expand_name(search, n, folder)
  else
    expand_entries(search, n, folder, list_quietly(folder))
  end
end

local GLOB <const> = { case_sensitive = "boolean?", recurse_symlinks = "boolean?" }

-- The names of the pattern, `**` never twice in a row.
local function new_search(self, fname, text, opts)
  opts = options.check(fname, opts, GLOB, 2, 4)
  local wanted = self._as_path(self, fname, text)
  if wanted._root ~= "" then
    error(errors.NotImplementedError "non-relative patterns are unsupported", 3)
  elseif #wanted._names == 0 then
    error(errors.ValueError(("unacceptable pattern: '%s'"):format(
      wanted._text)), 3)
  end
  local search, wide = { exact = opts.case_sensitive ~= false }, 0
  for _, name in ipairs(wanted._names) do
    if name == "**" then wide = wide + 1 end
    if name ~= "**" or search[#search] ~= "**" then search[#search + 1] = name end
  end
  search.recurse_symlinks = opts.recurse_symlinks == true
  search.only_folders = type(text) == "string" and text:sub(-1) == "/"
  search.seen = wide > 1 and {} or nil
  function search.listed(name)
    return name == "**" or pattern.is_magic(name) or not search.exact
  end
  return search
end

--- What is below this folder and like a pattern, in no order: names with `*`, `?`
--- and `[...]`, and `**` for any number of folders. A slash at the end: only
--- folders. What may not be read is left out.
---@param pattern_text string
---@param opts? table `case_sensitive`: false to take letters for equal;
---  `recurse_symlinks`: true if `**` goes through links, too
---@return fun(): anyio.Path?
---Checkpoint: never in this call; each step, when a folder is read.
---Raises: ValueError when the pattern is empty; NotImplementedError when it
---  begins at the root.
---@usage for source in folder:glob "**/*.lua" do check(source) end
function Path:glob(pattern_text, opts)
  local search = new_search(self, "glob", pattern_text, opts)
  return wrap(function() expand(search, 1, self) end)
end

--- As `glob` with `**/` in front of the pattern.
---@param pattern_text string
---@param opts? table as `glob`
---@return fun(): anyio.Path?
---Checkpoint: never in this call; each step, when a folder is read.
---Raises: as `glob`.
---@usage for source in folder:rglob "*.lua" do check(source) end
function Path:rglob(pattern_text, opts)
  local search = new_search(self, "rglob", pattern_text, opts)
  if search[1] ~= "**" then
    table.insert(search, 1, "**")
    for i = 2, #search do
      if search[i] == "**" then search.seen = {} end
    end
  end
  return wrap(function() expand(search, 1, self) end)
end

-- Walking -------------------------------------------------------------------

local WALK <const> = {
  top_down = "boolean?", on_error = "callable?", follow_symlinks = "boolean?",
}

-- The names of a folder, folders apart; nil: it cannot be read.
local function split(path, opts)
  local ok, names, letters = errors.pcall(list, path, opts.follow_symlinks == true)
  if not ok then
    if not errors.isinstance(names, errors.OSError) then errors.rethrow(names) end
    if opts.on_error then opts.on_error(names) end
    return nil
  end
  local folders, files = {}, {}
  for i = 1, #names do
    local into = is_folder(letters:sub(i, i)) and folders or files
    into[#into + 1] = names[i]
  end
  return folders, files
end

local function walk(start, opts)
  local todo = { start } -- paths, and what is to be yielded after its folders
  while #todo > 0 do
    local step = todo[#todo]
    todo[#todo] = nil
    if step.ready then
      yield(step[1], step[2], step[3])
    else
      local folders, files = split(step, opts)
      if folders and opts.top_down ~= false then
        yield(step, folders, files)
      elseif folders then
        todo[#todo + 1] = { step, folders, files, ready = true }
      end
      for i = folders and #folders or 0, 1, -1 do
        todo[#todo + 1] = child(step, folders[i])
      end
    end
  end
end

--- The folder and all folders below it: each with the names of the folders and
--- of the other files in it. Who goes top down may take names out of the list
--- of folders: those are left out.
---@param opts? table `top_down`: false to have folders after what is in them;
---  `on_error`: a function that is given the OSError of a folder that cannot be
---  read; `follow_symlinks`: true to walk into links to folders
---@return fun(): anyio.Path?, string[], string[]
---Checkpoint: never in this call; each step, when a folder is read.
---@usage for folder, folders, files in root:walk() do print(folder, #files) end
function Path:walk(opts)
  opts = options.check("walk", opts, WALK, 1)
  return wrap(function() walk(self, opts) end)
end

return Path
