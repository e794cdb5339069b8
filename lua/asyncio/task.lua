--- The class Task: asyncio's face of a native task, made for every task that
-- is asked for, also for those that AnyIO's task groups began.

local base = require "asyncio.base"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local options = require "anyrun.options"
local reports = require "asyncio.reports"
local run_lib = require "_anyrun.run"
local task_lib = require "_anyrun.task"
local waiters = require "asyncio.waiters"

local error, math, select, setmetatable = error, math, select, setmetatable
local table, tostring = table, tostring
local is_winding, outcome = run_lib.is_winding, task_lib.outcome

local task = {}

---@class asyncio.Task : asyncio.Future
---@field package _native? userdata nil until its loop runs
---@field package _f? function what it runs
---@field package _context? table
---@field package _owned boolean somebody else hears of its error
---@field package _awaiting? asyncio.Future what it waits for
local Task = class.new("Task", futures.Future)
Task._blame, Task._owned = "task", false

task.Task = Task

--- Tasks come from `create_task`.
---Checkpoint: never.
---Raises: as `create_task`.
---@usage local t = asyncio.Task(f)
function Task:_init()
  error(errors.TypeError("tasks are made by asyncio.create_task"), 4)
end

local counter = 0

--- The next default name of a task.
---@return string
---Checkpoint: never.
---@usage local name = tasks.next_name()
function task.next_name()
  counter = counter + 1
  return "Task-" .. counter
end

-- Between the native task and its face ------------------------------------

-- An error that nobody has looked at yet: the loop's end hears of it now, or
-- the sentinel does when the task is dropped.
local function failed(self, err)
  if self._owned or base.stops_loop(err) then return end
  if self._loop._closing then
    table.insert(self._loop._hanging, self)
  elseif is_winding() then -- the end of a run that has no runner to tell it
    reports.call(self._loop, {
      message = "unhandled exception during asyncio.run() shutdown",
      exception = err,
      task = self,
    })
  else
    reports.arm(self, err)
  end
end

local function take_outcome(self, native)
  local kind, err = outcome(native)
  self._cancelled, self._failed = kind == "cancelled", kind == "failed"
  if kind ~= "returned" then self._error = err end
end

-- The scheduler calls it when the task ends.
local function ended(native)
  local self = task_lib.face(native)
  take_outcome(self, native)
  if self._failed then failed(self, self._error) end
  if self._loop._abandoned then
    reports.call(self._loop, {
      message = "Task was destroyed but it is pending!",
      task = self,
      created_at = self._created,
    })
  end
  waiters.finish(self)
end

--- Makes a Task the face of a native task.
---@param self asyncio.Task
---@param native userdata
---Checkpoint: never.
---@usage task.attach(self, native)
function task.attach(self, native)
  self._native = native
  task_lib.set_face(native, self)
  if outcome(native) == nil then
    task_lib.on_done(native, ended)
  else
    take_outcome(self, native)
    self._done = true
  end
end

--- The Task of a native task.
---@param native userdata
---@return asyncio.Task
---Checkpoint: never.
---@usage local task = task.face_of(task_lib.current())
function task.face_of(native)
  local self = task_lib.face(native)
  if self then return self end
  self = setmetatable({ _loop = base.loop "current_task", _owned = true }, Task)
  task.attach(self, native)
  return self
end

waiters.connect(task.face_of)

-- Methods -----------------------------------------------------------------

function Task:_get() return select(2, outcome(self._native)) end

--- Asks the task to stop: one CancelledError is thrown into it, or into what
--- it waits for.
---@param message? string what the error says
---@return boolean taken false when it had ended
---Checkpoint: never.
---@usage task:cancel "not needed any more"
function Task:cancel(message)
  options.arg("cancel", 1, message, "string?")
  if self._done then return false end
  if not self._native then
    self._early, self._early_message = (self._early or 0) + 1, message
    return true
  end
  return task_lib.cancel(self._native, message)
end

--- How often it was asked to stop, less how often that was taken back.
---@return integer
---Checkpoint: never.
---@usage if task:cancelling() > 0 then return end
function Task:cancelling()
  return self._native and task_lib.cancelling(self._native) or self._early or 0
end

--- Takes one request back; at 0 one that was not delivered yet is dropped.
---@return integer the requests left
---Checkpoint: never.
---@usage if task:uncancel() == 0 then go_on() end
function Task:uncancel()
  if self._native then return task_lib.uncancel(self._native) end
  self._early = math.max(0, (self._early or 0) - 1)
  return self._early
end

--- Its name.
---@return string
---Checkpoint: never.
---@usage print(task:get_name())
function Task:get_name()
  local native = self._native
  if not native then return self._opts.name end
  local name = task_lib.name(native)
  if not name then
    name = task.next_name()
    task_lib.set_name(native, name)
  end
  return name
end

--- Gives it another name: the text of any value.
---@param name any
---Checkpoint: never.
---@usage task:set_name "fetcher"
function Task:set_name(name)
  if self._native then return task_lib.set_name(self._native, tostring(name)) end
  self._opts.name = tostring(name)
end

--- What it runs; nil for a task that another library began.
---@return function?
---Checkpoint: never.
---@usage local f = task:get_coro()
function Task:get_coro() return self._f end

--- The context it runs in.
---@return contextvars.Context
---Checkpoint: never.
---@usage local value = task:get_context():get(var)
function Task:get_context()
  local kept = self._context
  if kept == nil and self._native and not self._done then
    kept = task_lib.context(self._native)
  end
  return base.context_of(kept)
end

local function unsupported(name)
  return function()
    error(errors.RuntimeError("Task does not support " .. name .. " operation"), 2)
  end
end

Task.set_result = unsupported "set_result"
Task.set_exception = unsupported "set_exception"

local function state_text(self)
  if self._cancelled then return "cancelled" end
  if self._done then return "finished" end
  return self:cancelling() > 0 and "cancelling" or "pending"
end

local function outcome_text(self)
  if not self._done or self._cancelled then return "" end
  if self._failed then return " exception=" .. base.repr(self._error) end
  return " result=" .. base.repr((self:_get()))
end

function Task:__tostring()
  local text = ("<Task %s name='%s'"):format(state_text(self), self:get_name())
  if self._f then text = text .. (" coro=<%s>"):format(base.where(self._f)) end
  local awaited = self._awaiting
  if awaited and not self._done then text = text .. " wait_for=" .. tostring(awaited) end
  text = text .. futures.callbacks_text(self) .. outcome_text(self)
  if self._created then text = text .. " created at " .. self._created end
  return text .. ">"
end

return task
