--- Nurseries: the scheduler's task groups, spelled as trio spells them.

local errors = require "anyrun.errors"
local group_lib = require "_anyrun.group"
local guard = require "trio.guard"
local options = require "anyrun.options"
local tasks = require "trio.tasks"

local error, select, setmetatable = error, select, setmetatable
local native_open = group_lib.open_nursery
local needs_trio = guard.needs_trio

---@class trio.nurseries
local nurseries = {}

---@class trio.Nursery
---@field cancel_scope any cancels the body and every child
---@field child_tasks trio.lowlevel.Task[] the children that have not ended
---@field parent_task trio.lowlevel.Task the task that opened it
local Nursery = { __name = "Nursery" }

local OPTIONS = { strict_exception_groups = "boolean" }

-- A nursery by its group, weakly, so that each group has one nursery.
local nursery_of = setmetatable({}, { __mode = "k" })

local function wrap(group)
  local self = nursery_of[group]
  if self == nil then
    self = setmetatable({ _group = group }, Nursery)
    nursery_of[group] = self
  end
  return self
end

--- The nursery that shows a task group of the scheduler.
---@param group any
---@return trio.Nursery
---Checkpoint: never.
---@usage local nursery = nurseries.of(group)
nurseries.of = wrap

function Nursery:__index(key)
  if key == "cancel_scope" then return self._group.cancel_scope end
  if key == "child_tasks" then return tasks.map(self._group.child_tasks) end
  if key == "parent_task" then return tasks.of(self._group.parent_task) end
  return Nursery[key]
end

function Nursery:__newindex(key)
  error(("a Nursery has no field '%s' to be assigned"):format(key), 2)
end

function Nursery:__tostring() return ("<Nursery at %p>"):format(self) end

--- Starts a task in the nursery. It takes its first step later.
---@param f function|table the function, or `{f, name =, context =}`
---@param ... any its arguments
---Checkpoint: never.
---Raises: RuntimeError when the nursery is closed.
---@usage nursery:start_soon(fetch, url)
function Nursery:start_soon(f, ...)
  self._group:start_soon(f, ...)
end

-- The scheduler gives the task's handle after the start value: trio does not.
local function drop_last(...)
  local n = select("#", ...)
  if n <= 1 then return nil end
  if n == 2 then return (...) end
  local list = table.pack(...)
  return table.unpack(list, 1, n - 1)
end

--- Starts a task and waits until it says that it has started. The function
--- gets a `task_status` after its arguments, and calls its `started(value)`.
---@param f function|table the function, or `{f, name =, context =}`
---@param ... any its arguments
---@return any value what it was started with
---Checkpoint: always, when it returns.
---Raises: what the task raised before it had started; RuntimeError when it
---  ended without, or when the nursery is closed; Cancelled.
---@usage local port = nursery:start(serve, "localhost")
function Nursery:start(f, ...)
  return drop_last(self._group:start(f, ...))
end

local function open(opts, body)
  needs_trio "open_nursery"
  return native_open(opts, function(group) return body(wrap(group)) end)
end

-- What `open_nursery` returns when it is given no body.
local Manager = { __name = "NurseryManager" }

function Manager:__call(body) return open(self._options, body) end

function Manager:__tostring() return ("<NurseryManager at %p>"):format(self) end

function Manager:__close()
  error(errors.RuntimeError("a nursery cannot be a <close> value: use "
    .. "trio.open_nursery(function(nursery) ... end)"), 0)
end

--- Opens a nursery, runs `body` with it, and waits for every child. The first
--- error, of the body or a child, cancels the rest.
---@param opts? table `strict_exception_groups`
---@param body? fun(nursery: trio.Nursery): ... without one, what is returned
---  is to be called with it
---@return any what `body` returned
---Checkpoint: a schedule point on leaving.
---Raises: ExceptionGroup of what the body and the children raised.
---@usage trio.open_nursery(function(nursery) nursery:start_soon(fetch) end)
function nurseries.open_nursery(opts, body)
  if body == nil and type(opts) == "function" then opts, body = nil, opts end
  options.check("open_nursery", opts, OPTIONS, 1)
  if body == nil then
    return setmetatable({ _options = opts }, Manager)
  end
  return open(opts, body)
end

return nurseries
