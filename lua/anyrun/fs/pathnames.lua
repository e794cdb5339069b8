--- Path: other names for a path, other paths for a name.

local Path = require "anyrun.fs.path"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local pattern = require "anyrun.fs.pattern"

local error, move, type = error, table.move, type
local begins_with, make = Path._begins_with, Path._make

local function check_string(fname, n, value)
  return options.arg(fname, n, value, "string", 4)
end

local function named(self, name, level)
  local names = self._names
  if #names == 0 then
    error(errors.ValueError(("'%s' has no name"):format(self._text)), level + 1)
  elseif name == "" or name == "." or name:find "[/\0]" then
    error(errors.ValueError(("invalid name '%s'"):format(name)), level + 1)
  end
  local changed = move(names, 1, #names, 1, {})
  changed[#names] = name
  return make(self, self._root, changed)
end

--- The path with another last name.
---@param name string
---@return anyio.Path
---Checkpoint: never.
---Raises: ValueError when the path has no name, or the new one is none.
---@usage local other = path:with_name "other.txt"
function Path:with_name(name)
  return named(self, check_string("with_name", 1, name), 2)
end

--- The path with another stem and the same suffix.
---@param stem string
---@return anyio.Path
---Checkpoint: never.
---Raises: ValueError when the path has no name, or the new stem is empty and
---  there is a suffix.
---@usage local backup = path:with_stem(path.stem .. "-old")
function Path:with_stem(stem)
  check_string("with_stem", 1, stem)
  if stem == "" and self.suffix ~= "" then
    error(errors.ValueError(("'%s' has a suffix, which needs a stem"):format(
      self._text)), 2)
  end
  return named(self, stem .. self.suffix, 2)
end

--- The path with another suffix, or none.
---@param suffix string with its dot, or empty
---@return anyio.Path
---Checkpoint: never.
---Raises: ValueError when the path has no name, or the suffix no dot.
---@usage local object = source:with_suffix ".o"
function Path:with_suffix(suffix)
  check_string("with_suffix", 1, suffix)
  if suffix ~= "" and not suffix:find "^%.[^/]" then
    error(errors.ValueError(("invalid suffix '%s'"):format(suffix)), 2)
  end
  return named(self, self.stem .. suffix, 2)
end

local function not_below(self, other, why)
  error(errors.ValueError(("'%s' is not in the subpath of '%s'%s"):format(
    self._text, other._text, why)), 3)
end

--- The way from another path to this one.
---@param other string|anyio.Path
---@param opts? table `walk_up`: true if it may begin with `..`
---@return anyio.Path
---Checkpoint: never.
---Raises: ValueError when there is no such way.
---@usage local name = file:relative_to(root)
function Path:relative_to(other, opts)
  other = self._as_path(self, "relative_to", other)
  opts = options.check("relative_to", opts, { walk_up = "boolean?" })
  local names, steps, n = other._names, 0, #other._names
  if self._root ~= other._root then
    not_below(self, other, ": only one of them is absolute")
  end
  while not begins_with(self, other._root, names, n) do
    if not opts.walk_up then not_below(self, other, "") end
    if names[n] == ".." then
      not_below(self, other, ": '..' cannot be walked up")
    end
    n, steps = n - 1, steps + 1
  end
  local way = {}
  for i = 1, steps do way[i] = ".." end
  return make(self, "", move(self._names, n + 1, #self._names, steps + 1, way))
end

-- Patterns ------------------------------------------------------------------

local CASE <const> = { case_sensitive = "boolean?" }

local function parse(self, fname, value, opts)
  local wanted = self._as_path(self, fname, value)
  opts = options.check(fname, opts, CASE, 2, 4)
  return wanted, opts.case_sensitive ~= false
end

--- Whether the path, from its end, is like a pattern of names with `*`, `?`
--- and `[...]`; whether all of it is, where the pattern begins at the root.
---@param pattern_text string
---@param opts? table `case_sensitive`: false to take letters for equal
---@return boolean
---Checkpoint: never.
---Raises: ValueError when the pattern is empty.
---@usage if path:match "*.lua" then count = count + 1 end
function Path:match(pattern_text, opts)
  local wanted, exact = parse(self, "match", pattern_text, opts)
  local names, patterns = self._names, wanted._names
  if #patterns == 0 and wanted._root == "" then
    error(errors.ValueError "empty pattern", 2)
  end
  local skipped = #names - #patterns
  if skipped < 0 then return false end
  if wanted._root ~= "" and (skipped > 0 or self._root ~= wanted._root) then
    return false
  end
  for i, text in ipairs(patterns) do
    if text == "**" then text = "*" end
    if not pattern.compile(text, exact)(names[skipped + i]) then return false end
  end
  return true
end

--- Whether all of the path is like a pattern, of which a name `**` stands for any
--- number of names.
---@param pattern_text string
---@param opts? table `case_sensitive`: false to take letters for equal
---@return boolean
---Checkpoint: never.
---@usage if path:full_match "src/**/*.c" then sources[#sources + 1] = path end
function Path:full_match(pattern_text, opts)
  local wanted, exact = parse(self, "full_match", pattern_text, opts)
  if wanted._root ~= self._root
    and (wanted._root ~= "" or wanted._names[1] ~= "**") then
    return false -- but for `**`, which is a root, too
  end
  return pattern.match_names(wanted._names, self._names, exact)
end

-- URIs ----------------------------------------------------------------------

local function quote(byte) return ("%%%02X"):format(byte:byte()) end

--- The path as a `file:` URI.
---@return string
---Checkpoint: never.
---Raises: ValueError when the path is not absolute.
---@usage browser:open(page:as_uri())
function Path:as_uri()
  if self._root == "" then
    error(errors.ValueError "a relative path can't be expressed as a file URI", 2)
  end
  return "file://" .. self._text:gsub("[^%w_.~/-]", quote)
end

--- The path of a `file:` URI.
---@param uri string
---@return anyio.Path
---Checkpoint: never.
---Raises: ValueError when it is no such URI, or its path not absolute.
---@usage local path = anyio.Path.from_uri "file:///etc/hosts"
function Path.from_uri(uri)
  if type(uri) ~= "string" then options.arg("from_uri", 1, uri, "string") end
  local path = uri:match "^file:(.*)$"
  if not path then
    error(errors.ValueError(("not a file URI: '%s'"):format(uri)), 2)
  end
  path = path:gsub("^//localhost/", "/"):gsub("^///", "/")
  path = path:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end)
  if path:sub(1, 1) ~= "/" then
    error(errors.ValueError(("URI is not absolute: '%s'"):format(uri)), 2)
  end
  return Path(path)
end

return Path
