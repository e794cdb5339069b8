--- The error classes of all faces, and what handles errors by class.
-- The classes are rows of one table; a new one is a new row. Groups and
-- `catch` stand in `anyrun.groups` and `anyrun.catch`, loaded on first need.
-- C reads `__kind` from an error's metatable to tell what it may do with it.

local class = require "anyrun.class"

local error, getmetatable, pairs = error, getmetatable, pairs
local rawget, rawset, setmetatable = rawget, rawset, setmetatable
local tostring, type = tostring, type

---@class anyrun.errors
local errors = {}

local ORDINARY <const> = 1 -- an Exception: what `anyio.pcall` catches
local CANCELLED <const> = 2
-- 4 is a group: see anyrun.groups
local INTERRUPT <const> = 8
local EXIT <const> = 16

---@class anyio.BaseException
---@field name string the class's name
---@field class table the class
---@field message? string what happened
---@field cause? any the error this one came from
---@field traceback? string where it was raised, across tasks
local BaseException = class.new("BaseException")
BaseException.__kind = 0

function BaseException:_init(message, fields)
  local kind = type(message)
  if kind == "number" then
    message = tostring(message)
  elseif kind ~= "string" and kind ~= "nil" then
    error(("bad argument #1 to '%s' (string expected, got %s)"):format(
      self.name, kind), 3)
  end
  self.message = message
  if fields == nil then return end
  if type(fields) ~= "table" then
    error(("bad argument #2 to '%s' (table expected, got %s)"):format(
      self.name, type(fields)), 3)
  end
  for key, value in pairs(fields) do self[key] = value end
end

function BaseException:__tostring()
  local message = self.message
  if message == nil or message == "" then return self.name end
  return self.name .. ": " .. tostring(message)
end

errors.BaseException = BaseException

local function define(name, base, kind)
  local cls = class.new(name, base)
  cls.__kind = kind or base.__kind
  errors[name] = cls
  return cls
end

define("Exception", BaseException, ORDINARY)
define("Cancelled", BaseException, CANCELLED)
define("KeyboardInterrupt", BaseException, INTERRUPT)
define("SystemExit", BaseException, EXIT)
define("CancelledError", errors.Cancelled)
define("TrioCancelled", errors.Cancelled)

-- name, base: in an order in which the base comes first
local ROWS = {
  { "RuntimeError", "Exception" },
  { "NoEventLoopError", "RuntimeError" },
  { "RunFinishedError", "RuntimeError" },
  { "DeadlockError", "RuntimeError" },
  { "AsyncLibraryNotFoundError", "RuntimeError" },
  { "NotImplementedError", "RuntimeError" },
  { "BrokenBarrierError", "RuntimeError" },
  { "OSError", "Exception" },
  { "ConnectionFailed", "OSError" },
  { "TimeoutError", "OSError" },
  { "gaierror", "OSError" },
  { "ValueError", "Exception" },
  { "UnicodeDecodeError", "ValueError" },
  { "UnicodeEncodeError", "ValueError" },
  { "TypeError", "Exception" },
  { "AssertionError", "Exception" },
  { "LookupError", "Exception" },
  { "TypedAttributeLookupError", "LookupError" },
  { "CalledProcessError", "Exception" },
  { "BrokenResourceError", "Exception" },
  { "BusyResourceError", "Exception" },
  { "ClosedResourceError", "Exception" },
  { "EndOfStream", "Exception" },
  { "IncompleteRead", "Exception" },
  { "DelimiterNotFound", "Exception" },
  { "WouldBlock", "Exception" },
  { "BrokenWorkerProcess", "Exception" },
  { "BrokenWorkerInterpreter", "Exception" },
  { "TLSError", "Exception" },
  { "TaskFailed", "Exception" },
  { "TaskCancelled", "TaskFailed" },
  { "TaskNotFinished", "Exception" },
  { "FutureFailed", "Exception" },
  { "FutureCancelled", "FutureFailed" },
  { "FutureNotFinished", "Exception" },
  { "FutureAlreadyFinished", "Exception" },
  -- trio's own
  { "TooSlowError", "Exception" },
  { "EndOfChannel", "Exception" },
  { "TrioInternalError", "Exception" },
  -- asyncio's own
  { "InvalidStateError", "Exception" },
  { "QueueEmpty", "Exception" },
  { "QueueFull", "Exception" },
  { "QueueShutDown", "Exception" },
  { "IncompleteReadError", "Exception" },
  { "LimitOverrunError", "Exception" },
}

for i = 1, #ROWS do
  local row = ROWS[i]
  define(row[1], errors[row[2]])
end

-- `SystemExit(3)`: the status is the field `code`.
local SystemExit = errors.SystemExit

function SystemExit:_init(status, fields)
  BaseException._init(self, status, fields)
  if self.code == nil then
    self.code = status == nil and 0 or math.type(status) and status or 1
  end
end

-- A cancellation made by a scope: its text is written when first asked for,
-- because most are caught unread. `source` and `source_task` say who did it.
local function trio_text(self)
  local text = "cancelled due to " .. (rawget(self, "source") or "unknown")
  local reason, by = rawget(self, "reason"), rawget(self, "source_task")
  if reason then text = ("%s with reason '%s'"):format(text, reason) end
  if by then text = ("%s from task %s"):format(text, by) end
  return text
end

local function asyncio_text(self)
  if not rawget(self, "scope_made") then return nil end
  local text = "Cancelled via cancel scope"
  local reason, by = rawget(self, "reason"), rawget(self, "source_task")
  if by then text = text .. " by " .. by end
  if reason then text = text .. "; reason: " .. reason end
  return text
end

local function lazy_message(cls, text)
  cls.__index = function(self, key)
    if key ~= "message" then return cls[key] end
    local message = text(self)
    self.message = message
    return message
  end
end

local TrioCancelled, CancelledError = errors.TrioCancelled, errors.CancelledError
TrioCancelled.__name, TrioCancelled.name = "Cancelled", "Cancelled"
lazy_message(TrioCancelled, trio_text)
lazy_message(CancelledError, asyncio_text)

local function refuse_construction()
  error(errors.TypeError(
    "Cancelled cannot be constructed: cancel a scope instead"), 0)
end
-- As asyncio's `cancel(msg)`, it takes any message.
function CancelledError:_init(message, fields)
  BaseException._init(self, message, fields)
  self.message = message
end

getmetatable(errors.Cancelled).__call = refuse_construction
getmetatable(TrioCancelled).__call = refuse_construction

--- A cancellation error as a cancel scope delivers it.
---@param backend "asyncio"|"trio"
---@param source? string `explicit`, `deadline`, `nursery`, `shutdown`, ...
---@param reason? string what `cancel(reason)` was given
---@param task_text? string the task that asked for it
---@return anyio.BaseException
---Checkpoint: never.
---@usage local err = errors.new_cancelled("trio", "deadline")
function errors.new_cancelled(backend, source, reason, task_text)
  return setmetatable({
    source = source,
    reason = reason,
    source_task = task_text,
    scope_made = true,
  }, backend == "trio" and TrioCancelled or CancelledError)
end

--- What kind of error `value` is: a sum of 1 ordinary, 2 cancelled, 4 group,
--- 8 interrupt, 16 exit. A value that is no error object is ordinary.
---@param value any
---@return integer
---Checkpoint: never.
---@usage if errors.kind(err) & 2 ~= 0 then undo() end
function errors.kind(value)
  if type(value) ~= "table" then return ORDINARY end
  local mt = getmetatable(value)
  local mask = type(mt) == "table" and rawget(mt, "__kind")
  return math.type(mask) == "integer" and mask or ORDINARY
end

--- Whether `value` is an error object of any class.
---@param value any
---@return boolean
---Checkpoint: never.
function errors.is_error(value)
  if type(value) ~= "table" then return false end
  local mt = getmetatable(value)
  return type(mt) == "table" and math.type(rawget(mt, "__kind")) == "integer"
end

--- Whether `anyio.pcall` catches `value`: an `Exception`, or no error object.
---@param value any
---@return boolean
---Checkpoint: never.
---@usage if not errors.is_ordinary(err) then error(err, 0) end
function errors.is_ordinary(value) return errors.kind(value) & ORDINARY ~= 0 end

--- Whether `value` is an instance of a class, or of one of a list of classes;
--- a plain Lua value is an instance of none.
---@param value any
---@param cls table a class or an array of classes
---@return boolean
---Checkpoint: never.
---@usage if anyio.isinstance(err, anyio.EndOfStream) then return end
function errors.isinstance(value, cls)
  if type(cls) ~= "table" then return false end
  if rawget(cls, "__index") ~= nil then return class.is(value, cls) end
  for i = 1, #cls do
    if errors.isinstance(value, cls[i]) then return true end
  end
  return false
end

--- Makes an error class.
---@param name string
---@param base? table the class it extends; `Exception` when absent
---@return table class call it with a message and a table of extra fields
---Checkpoint: never.
---Raises: TypeError when `base` is a class that cannot be extended.
---@usage local Refused = anyio.exception("Refused", anyio.OSError)
function errors.exception(name, base)
  if type(name) ~= "string" then
    error(("bad argument #1 to 'exception' (string expected, got %s)"):format(
      type(name)), 2)
  end
  base = base == nil and errors.Exception or base
  if type(base) ~= "table" or not class.extends(base, BaseException) then
    error("bad argument #2 to 'exception' (error class expected)", 2)
  end
  if base == errors.Cancelled or base == TrioCancelled then
    error(errors.TypeError("Cancelled cannot be extended"), 2)
  end
  local cls = class.new(name, base)
  cls.__kind = base.__kind
  return cls
end

-- What is needed only once an error is handled has files of its own.
local ELSEWHERE <const> = {
  BaseExceptionGroup = "anyrun.groups",
  ExceptionGroup = "anyrun.groups",
  all_cancelled = "anyrun.groups",
  chain = "anyrun.groups",
  filter_cancelled = "anyrun.groups",
  reaches = "anyrun.groups",
  catch = "anyrun.catch",
  pcall = "anyrun.catch",
  rethrow = "anyrun.catch",
  try = "anyrun.catch",
  group_of = "anyrun.verdicts",
  internal_error = "anyrun.verdicts",
  signal_of = "anyrun.verdicts",
  lone_error = "anyrun.verdicts",
  single_cancelled = "anyrun.verdicts",
  task_face = "anyrun.faces",
  task_text = "anyrun.verdicts",
}

return setmetatable(errors, {
  __index = function(self, key)
    local file = ELSEWHERE[key]
    if not file then return nil end
    local value = require(file)[key]
    rawset(self, key, value)
    return value
  end,
})
