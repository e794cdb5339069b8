--- Path: what can be said of a path without looking at the disk.
-- A path is a root ("", "/" or "//") and a list of names. What looks at the
-- disk is added to the class by the modules beside this one.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local limit = require "anyrun.fs.limit"

local concat, error, getmetatable, ipairs = table.concat, error, getmetatable, ipairs
local select, setmetatable, type = select, setmetatable, type
local move = table.move

--- A path. Made of strings and paths: `anyio.Path("src", "io")`; an absolute one
--- among them starts anew; a table `{limiter = l}` may stand last. `path / name` is
--- a longer path, `tostring(path)` its text; paths are compared by `==` and
--- `<`, and are no keys of tables, their texts are. What is made of a path has
--- its class and its limiter.
---@class anyio.Path
---@field parts string[] root and names
---@field drive string always empty
---@field root string "/", "//" or empty
---@field anchor string as `root`
---@field name string the last name, empty where there is none
---@field suffix string what the name ends with, from its last dot on
---@field suffixes string[] all of them
---@field stem string the name without `suffix`
---@field parent anyio.Path
---@field parents anyio.Path[] the path's parent, that one's parent, ...
---@field limiter? anyio.CapacityLimiter
local Path = class.new "Path"
Path.__copies = "value" -- to other threads and processes

local function text_of(root, names)
  local text = root .. concat(names, "/")
  return text ~= "" and text or "."
end

-- A path of the same class and limiter.
local function make(self, root, names)
  return setmetatable({
    _root = root, _names = names, _text = text_of(root, names),
    _limiter = self._limiter,
  }, getmetatable(self))
end

local function root_of(text)
  local slashes = text:match "^/*"
  return #slashes == 2 and slashes or slashes ~= "" and "/" or ""
end

local function check_segment(fname, n, value, level)
  if type(value) == "table" and value.__fspath then value = value:__fspath() end
  if type(value) ~= "string" then
    error(("bad argument #%d to '%s' (path expected, got %s)"):format(n, fname,
      type(value)), level + 1)
  elseif value:find("\0", 1, true) then
    error(errors.ValueError "a path must not contain a zero byte", level + 1)
  end
  return value
end

-- Adds a segment to a path that is being made.
local function add(root, names, text)
  if text:sub(1, 1) == "/" then
    root = root_of(text)
    for i = #names, 1, -1 do names[i] = nil end
  end
  for name in text:gmatch "[^/]+" do
    if name ~= "." then names[#names + 1] = name end
  end
  return root
end

local function join(self, fname, level, ...)
  local root, names = self._root, move(self._names, 1, #self._names, 1, {})
  for i = 1, select("#", ...) do
    root = add(root, names, check_segment(fname, i, (select(i, ...)), level + 1))
  end
  return make(self, root, names)
end

local function is_options(value)
  return type(value) == "table" and not value.__fspath
end

function Path:_init(...)
  local n = select("#", ...)
  local last = n > 0 and (select(n, ...)) or nil
  self._root, self._names = "", {}
  if is_options(last) then
    n = n - 1
    require("anyrun.options").check("Path", last, { limiter = "any" }, n + 1, 5)
    self._limiter = limit.check("Path", last.limiter, 5)
  end
  for i = 1, n do
    local segment = select(i, ...)
    local text = check_segment("Path", i, segment, 4)
    if self._limiter == nil and class.is(segment, Path) then
      self._limiter = segment._limiter
    end
    self._root = add(self._root, self._names, text)
  end
  self._text = text_of(self._root, self._names)
end

--- Makes a class that extends this one: its paths make paths of that class.
---@param name string
---@return table class
---Checkpoint: never.
---@usage local SourcePath = anyio.Path.extend "SourcePath"
function Path.extend(name)
  local cls = class.new(name, Path)
  local own = cls.__index
  cls.__index = function(self, key)
    local value = own[key]
    if value ~= nil and key ~= "name" then return value end
    return Path.__index(self, key)
  end
  return cls
end

-- Fields --------------------------------------------------------------------

local function name_of(self) return self._names[#self._names] or "" end

-- Where the suffix of a name begins, or nil.
local function dot_in(name)
  local at = name:find "%.[^.]*$"
  if at and at > 1 and at < #name then return at end
end

local function parent_of(self)
  local names = self._names
  if #names == 0 then return self end
  return make(self, self._root, move(names, 1, #names - 1, 1, {}))
end

local fields = {
  drive = function() return "" end,
  root = function(self) return self._root end,
  anchor = function(self) return self._root end,
  name = name_of,
  parent = parent_of,
  limiter = function(self) return self._limiter end,
}

function fields.parts(self)
  local parts = {}
  if self._root ~= "" then parts[1] = self._root end
  return move(self._names, 1, #self._names, #parts + 1, parts)
end

function fields.parents(self)
  local parents, path = {}, self
  for i = 1, #self._names do
    path = parent_of(path)
    parents[i] = path
  end
  return parents
end

function fields.suffix(self)
  local name = name_of(self)
  local at = dot_in(name)
  return at and name:sub(at) or ""
end

function fields.suffixes(self)
  local name, list = name_of(self), {}
  if name:sub(-1) == "." then return list end
  for suffix in name:gsub("^%.+", ""):gmatch "%.[^.]*" do list[#list + 1] = suffix end
  return list
end

function fields.stem(self)
  local name = name_of(self)
  local at = dot_in(name)
  return at and name:sub(1, at - 1) or name
end

function Path:__index(key)
  local field = fields[key]
  if field then return field(self) end
  return Path[key]
end

-- Operators -----------------------------------------------------------------

function Path:__fspath() return self._text end
function Path:__tostring() return self._text end

function Path.__div(a, b)
  if class.is(a, Path) then return join(a, "/", 1, b) end
  local text = check_segment("/", 1, a, 1)
  local names = {}
  local root = add("", names, text)
  return join(make(b, root, names), "/", 1, b)
end

function Path.__concat(a, b)
  return (class.is(a, Path) and a._text or a) .. (class.is(b, Path) and b._text or b)
end

function Path.__eq(a, b)
  return class.is(a, Path) and class.is(b, Path) and a._text == b._text
end

-- The text in pieces, so that what is below a path follows it at once.
local function pieces(path)
  local list = {}
  for piece in (path._text .. "/"):gmatch "([^/]*)/" do list[#list + 1] = piece end
  return list
end

-- -1, 0 or 1.
local function compare(a, b)
  if not (class.is(a, Path) and class.is(b, Path)) then
    error(errors.TypeError("a path can only be compared with a path"), 3)
  end
  local x, y = pieces(a), pieces(b)
  for i, piece in ipairs(x) do
    if y[i] == nil then return 1 end
    if piece ~= y[i] then return piece < y[i] and -1 or 1 end
  end
  return #x < #y and -1 or 0
end

function Path.__lt(a, b) return compare(a, b) < 0 end
function Path.__le(a, b) return compare(a, b) <= 0 end

-- Methods -------------------------------------------------------------------

--- A path made of segments, of this one's class and limiter.
---@param ... string|anyio.Path
---@return anyio.Path
---Checkpoint: never.
---@usage local other = path:with_segments("a", "b")
function Path:with_segments(...)
  return join(make(self, "", {}), "with_segments", 1, ...)
end

--- This path and what follows, as `path / a / b`.
---@param ... string|anyio.Path
---@return anyio.Path
---Checkpoint: never.
---@usage local file = folder:joinpath("sub", "file.txt")
function Path:joinpath(...) return join(self, "joinpath", 1, ...) end

--- The path as text with slashes: the same as `tostring(path)`.
---@return string
---Checkpoint: never.
---@usage local text = path:as_posix()
function Path:as_posix() return self._text end

--- Whether it begins at the root.
---@return boolean
---Checkpoint: never.
---@usage if not path:is_absolute() then path = path:absolute() end
function Path:is_absolute() return self._root ~= "" end

--- Whether the name means something else to the system: never, here.
---@return boolean false
---Checkpoint: never.
---@usage assert(not path:is_reserved())
function Path:is_reserved() return false end

-- The path `value` stands for, with this one's class.
local function as_path(self, fname, value)
  if class.is(value, Path) then return value end
  return join(make(self, "", {}), fname, 2, value)
end
Path._as_path = as_path

-- How many names of `other` this path begins with: all of them, or nil.
local function begins_with(self, root, names, n)
  if self._root ~= root or #self._names < n then return false end
  for i = 1, n do
    if self._names[i] ~= names[i] then return false end
  end
  return true
end

--- Whether another path is this one, or a folder it is in, going by the names.
---@param other string|anyio.Path
---@return boolean
---Checkpoint: never.
---@usage assert(path:is_relative_to(root))
function Path:is_relative_to(other)
  other = as_path(self, "is_relative_to", other)
  return begins_with(self, other._root, other._names, #other._names)
end

Path._make, Path._begins_with, Path._dot_in = make, begins_with, dot_in


return Path
