--- Error groups: several errors that travel as one, and the picking apart of
--- them. Sub-groups keep their nesting, message, cause and traceback.

local class = require "anyrun.class"
local errors = require "anyrun.errors"

local error, ipairs, rawequal, rawget = error, ipairs, rawequal, rawget
local setmetatable, type = setmetatable, type
local is_error, isinstance, kind = errors.is_error, errors.isinstance, errors.kind

local groups = {}

local CANCELLED <const> = 2
local GROUP <const> = 4

---@class anyio.BaseExceptionGroup : anyio.BaseException
---@field message string
---@field exceptions any[] the members, in the order in which they ended
---@field tracebacks table<integer, string> of members that are no error object
local BaseExceptionGroup = class.new("BaseExceptionGroup", errors.BaseException)
BaseExceptionGroup.__kind = GROUP

---@class anyio.ExceptionGroup : anyio.BaseExceptionGroup, anyio.Exception
local ExceptionGroup = class.new("ExceptionGroup", BaseExceptionGroup)
ExceptionGroup.__kind = GROUP | errors.Exception.__kind
ExceptionGroup.also = { errors.Exception }

local function all_ordinary(list)
  for i = 1, #list do
    if not errors.is_ordinary(list[i]) then return false end
  end
  return true
end

local function bad_argument(n, name, text)
  error(("bad argument #%d to '%s' (%s)"):format(n, name, text), 4)
end

--- Makes a group of errors; all of them ordinary, it is an `ExceptionGroup`.
---@param message string
---@param exceptions any[] not empty
---@param fields? table more fields
---Checkpoint: never.
---Raises: ValueError when `exceptions` is empty; TypeError when an
---`ExceptionGroup` would hold an error that is not an `Exception`.
---@usage error(anyio.ExceptionGroup("both failed", { first, second }))
function BaseExceptionGroup:_init(message, exceptions, fields)
  local name = self.name
  if type(message) ~= "string" then
    bad_argument(1, name, "string expected, got " .. type(message))
  elseif type(exceptions) ~= "table" or is_error(exceptions) then
    bad_argument(2, name, "table expected, got " ..
      (is_error(exceptions) and exceptions.name or type(exceptions)))
  elseif #exceptions == 0 then
    error(errors.ValueError(("%s: exceptions must not be empty"):format(name)), 3)
  end
  if all_ordinary(exceptions) then
    if name == "BaseExceptionGroup" then setmetatable(self, ExceptionGroup) end
  elseif self.__kind & 1 ~= 0 then
    error(errors.TypeError(("%s: cannot hold %s, which is not an Exception")
      :format(name, groups.first_base(exceptions).name)), 3)
  end
  errors.BaseException._init(self, message, fields)
  self.exceptions = table.move(exceptions, 1, #exceptions, 1, {})
  self.tracebacks = self.tracebacks or {}
end

function groups.first_base(list)
  for i = 1, #list do
    if not errors.is_ordinary(list[i]) then return list[i] end
  end
end

function BaseExceptionGroup:__tostring()
  local n = #self.exceptions
  return ("%s: %s (%d sub-exception%s)"):format(self.name, self.message, n,
    n == 1 and "" or "s")
end
ExceptionGroup.__tostring = BaseExceptionGroup.__tostring

local function is_group(value) return kind(value) & GROUP ~= 0 end

-- A test of one error, made of a class, a list of classes or a function.
local function matcher(condition, fname)
  if type(condition) == "function" then return condition end
  if type(condition) ~= "table" then
    error(("bad argument #1 to '%s' (class, list or function expected, got %s)")
      :format(fname, type(condition)), 3)
  end
  if condition.__kind == nil then
    for i = 1, #condition do
      local one = condition[i]
      if type(one) ~= "table" or one.__kind == nil then
        error(("bad argument #1 to '%s' (error class expected at [%d], got %s)")
          :format(fname, i, type(one)), 3)
      end
    end
  end
  return function(value) return groups.matches(value, condition) end
end

--- Whether `value` is of a class. A plain Lua value counts as an `Exception`.
---@param value any
---@param condition table a class or a list of classes
---@return boolean
---Checkpoint: never.
---@usage groups.matches("text", errors.Exception) --> true
function groups.matches(value, condition)
  if isinstance(value, condition) then return true end
  if is_error(value) then return false end
  local Exception, BaseException = errors.Exception, errors.BaseException
  if condition == Exception or condition == BaseException then return true end
  for _, one in ipairs(condition) do
    if one == Exception or one == BaseException then return true end
  end
  return false
end

--- A group like this one with other members: message, cause and traceback
--- stay. A class that extends a group overrides this to make its own kind.
---@param exceptions any[]
---@param tracebacks? table<integer, string>
---@return anyio.BaseExceptionGroup
---Checkpoint: never.
---@usage local smaller = group:derive({ group.exceptions[1] })
function BaseExceptionGroup:derive(exceptions, tracebacks)
  local cls = self.class
  if cls == ExceptionGroup then cls = BaseExceptionGroup end
  return cls(self.message, exceptions, {
    cause = rawget(self, "cause"),
    traceback = rawget(self, "traceback"),
    tasks = rawget(self, "tasks"),
    tracebacks = tracebacks,
  })
end

local function add(side, value, traceback)
  local n = #side.list + 1
  side.list[n] = value
  if traceback then side.tracebacks[n] = traceback end
end

local function finish(self, side)
  if #side.list == 0 then return nil end
  if side.whole and #side.list == #self.exceptions then return self end
  return self:derive(side.list, side.tracebacks)
end

local function split(self, test)
  if test(self) then return self, nil end
  local match = { list = {}, tracebacks = {}, whole = true }
  local rest = { list = {}, tracebacks = {}, whole = true }
  for i, member in ipairs(self.exceptions) do
    local yes, no
    if is_group(member) then
      yes, no = split(member, test)
      if yes and no then match.whole, rest.whole = false, false end
      if yes then add(match, yes) end
      if no then add(rest, no) end
    else
      add(test(member) and match or rest, member, self.tracebacks[i])
    end
  end
  return finish(self, match), finish(self, rest)
end

--- Takes the group apart: what matches, and the rest, each a group that keeps
--- the nesting, or nil when empty. A group of which nothing went is returned
--- as itself.
---@param condition table|fun(err: any): boolean a class, a list or a function
---@return anyio.BaseExceptionGroup? match
---@return anyio.BaseExceptionGroup? rest
---Checkpoint: never.
---@usage local closed, rest = group:split(anyio.ClosedResourceError)
function BaseExceptionGroup:split(condition)
  return split(self, matcher(condition, "split"))
end

--- The part of the group that matches, or nil.
---@param condition table|fun(err: any): boolean a class, a list or a function
---@return anyio.BaseExceptionGroup?
---Checkpoint: never.
---@usage if group:subgroup(anyio.OSError) then retry() end
function BaseExceptionGroup:subgroup(condition)
  return (split(self, matcher(condition, "subgroup")))
end

local function collect(group, list)
  for _, member in ipairs(group.exceptions) do
    if is_group(member) then
      collect(member, list)
    else
      list[#list + 1] = member
    end
  end
  return list
end

--- All errors that are no groups, through any nesting, in order.
---@return any[]
---Checkpoint: never.
---@usage for _, err in ipairs(group:leaves()) do print(err) end
function BaseExceptionGroup:leaves() return collect(self, {}) end

local function is_cancelled(value) return kind(value) & CANCELLED ~= 0 end

-- asyncio: also what user code raised while a scope's cancellation was
-- handled, which keeps that one as a cause.
local function is_scope_made(value)
  if not is_cancelled(value) then return false end
  while is_cancelled(value) do
    if rawget(value, "scope_made") then return true end
    value = rawget(value, "cause")
  end
  return false
end

--- Takes the cancellations out of an error, as a cancel scope does.
---@param err any an error or a group
---@param only_scope_made boolean leave those that no cancel scope made
---@return boolean caught whether there were any
---@return any rest what is left, `err` itself when nothing went
---Checkpoint: never.
---@usage local caught, rest = errors.filter_cancelled(err, false)
function groups.filter_cancelled(err, only_scope_made)
  local test = only_scope_made and is_scope_made or is_cancelled
  if not is_group(err) then
    if test(err) then return true, nil end
    return false, err
  end
  local match, rest = split(err, test)
  return match ~= nil, rest
end

--- Whether every leaf of a group is a cancellation.
---@param group anyio.BaseExceptionGroup
---@return boolean
---Checkpoint: never.
---@usage if errors.all_cancelled(group) then return "cancelled" end
function groups.all_cancelled(group)
  for _, member in ipairs(group.exceptions) do
    local fine = is_group(member) and groups.all_cancelled(member)
      or is_cancelled(member)
    if not fine then return false end
  end
  return true
end

--- Whether `target` is `err`, one of its members or among their causes.
---@param err any
---@param target any
---@return boolean
---Checkpoint: never.
---@usage assert(errors.reaches(group, group.exceptions[1]))
function groups.reaches(err, target)
  local seen, todo = {}, { err }
  while #todo > 0 do
    local one = table.remove(todo)
    if rawequal(one, target) then return true end
    if is_error(one) and not seen[one] then
      seen[one] = true
      todo[#todo + 1] = rawget(one, "cause")
      for _, member in ipairs(rawget(one, "exceptions") or {}) do
        todo[#todo + 1] = member
      end
    end
  end
  return false
end

--- Keeps `earlier` as the cause of the error that came after it, where that
--- one can hold a cause, has none, and would not come to stand below itself.
--- A cancellation made by a scope gets none: all its tasks share one object.
---@param err any
---@param earlier any
---@return any err
---Checkpoint: never.
---@usage error(errors.chain(second, first), 0)
function groups.chain(err, earlier)
  if earlier == nil or not is_error(err) or err.cause ~= nil
    or rawget(err, "scope_made") or groups.reaches(earlier, err) then
    return err
  end
  err.cause = earlier
  return err
end

groups.BaseExceptionGroup = BaseExceptionGroup
groups.ExceptionGroup = ExceptionGroup

return groups
