--- `TaskGroup`: a body and tasks that end together.

local base = require "asyncio.base"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local reports = require "asyncio.reports"
local tasks = require "asyncio.tasks"

local error, getmetatable, ipairs, next = error, getmetatable, ipairs, next
local setmetatable, table, tostring = setmetatable, table, tostring

local taskgroups = {}

---@class asyncio.TaskGroup
---@field package _tasks table<asyncio.Task, boolean> those that have not ended
---@field package _errors any[] in the order they came
---@field package _aborting boolean children were cancelled
---@field package _asked boolean the parent was cancelled by the group itself
local TaskGroup = class.new("TaskGroup")

taskgroups.TaskGroup = TaskGroup

function TaskGroup:_init()
  self._tasks, self._errors = {}, {}
  self._entered, self._exiting, self._aborting = false, false, false
  self._asked, self._finished = false, false
end

function TaskGroup:__tostring()
  local n = 0
  for _ in next, self._tasks do n = n + 1 end
  local text = "<TaskGroup tasks=" .. n
  if #self._errors > 0 then text = text .. " errors=" .. #self._errors end
  local state = self._aborting and "cancelling" or self._entered and "entered"
  return text .. (state and " " .. state or "") .. ">"
end

local function fail(self, text)
  error(errors.RuntimeError(("TaskGroup %s %s"):format(tostring(self), text)), 3)
end

-- In the order in which they began, because the order can be seen.
local function abort(self)
  self._aborting = true
  local list = {}
  for task in next, self._tasks do list[#list + 1] = task end
  table.sort(list, function(a, b) return a._nth < b._nth end)
  for i = 1, #list do list[i]:cancel() end
end

local function ask_parent(self)
  self._asked = true
  self._parent:cancel()
end

local function note_error(self, err)
  self._errors[#self._errors + 1] = err
  if self._stopper == nil and base.stops_loop(err) then self._stopper = err end
end

local function on_task_done(self, task)
  self._tasks[task] = nil
  local waiting = self._waiting
  if waiting and next(self._tasks) == nil and not waiting:done() then
    waiting:set_result(true)
  end
  if task:cancelled() or not task._failed then return end
  local err = task:exception()
  note_error(self, err)
  if self._parent:done() then
    return reports.call(self._loop, {
      message = ("Task %s has errored out but its parent task %s is already "
        .. "completed"):format(tostring(task), tostring(self._parent)),
      exception = err,
      task = task,
    })
  end
  if not self._aborting and not self._asked then
    abort(self)
    ask_parent(self)
  end
end

--- Begins a task that the block waits for.
---@param target function|table task function or spec (`name`, `context`, `eager_start`)
---@param ... any
---@return asyncio.Task
---Checkpoint: never.
---Raises: RuntimeError before the block, after it, and when it is failing.
---@usage group:create_task(fetch, url)
function TaskGroup:create_task(target, ...)
  if not self._entered then
    fail(self, "has not been entered")
  elseif self._finished or self._exiting and next(self._tasks) == nil then
    fail(self, "is finished")
  elseif self._aborting then
    fail(self, "is shutting down")
  end
  local task = tasks.create(self._loop, "create_task", target, ...)
  task._nth = (self._count or 0) + 1
  self._count = task._nth
  self._tasks[task] = true
  if task:done() and not task._failed then
    self._tasks[task] = nil
  else
    task:add_done_callback(self._on_done)
  end
  return task
end

--- Cancels the body and all tasks; the block then ends without an error.
--- Before the block it takes effect on entry.
---Checkpoint: never.
---@usage group:cancel()
function TaskGroup:cancel()
  if self._finished or self._aborting then return end
  if not self._entered then
    self._cancel_on_entry = true
    return
  end
  abort(self)
  if not self._asked then ask_parent(self) end
end

function TaskGroup:__enter()
  if self._entered then fail(self, "has already been entered") end
  local parent = tasks.current_task()
  if not parent then fail(self, "cannot determine the parent task") end
  self._entered, self._parent, self._loop = true, parent, parent:get_loop()
  self._on_done = function(task) on_task_done(self, task) end
  if self._cancel_on_entry then self:cancel() end
  return self
end

-- Waits until no task is left; a cancellation meanwhile cancels them.
local function join(self, leaving)
  while next(self._tasks) ~= nil do
    self._waiting = self._loop:create_future()
    local ok, err = base.try(self._waiting.await, self._waiting)
    if not ok and not base.is_cancelled(err) then error(err, 0) end
    if not ok and not self._aborting then
      leaving = err
      abort(self)
    end
    self._waiting = nil
  end
  return leaving
end

-- Leaves with the error of the body, or nil; returns the error to raise.
local function leave(self, err)
  self._exiting = true
  if err ~= nil and self._stopper == nil and base.stops_loop(err) then
    self._stopper = err
  end
  local leaving = err ~= nil and base.is_cancelled(err) and err or nil
  if err ~= nil and not self._aborting then abort(self) end
  leaving = join(self, leaving)
  self._finished = true
  -- our own request is taken back; when it was the only one, nothing is left
  if self._asked and self._parent:uncancel() == 0 then leaving = nil end
  if self._stopper ~= nil then return self._stopper end
  if leaving and #self._errors == 0 then return leaving end
  if err ~= nil and not base.is_cancelled(err) then note_error(self, err) end
  if #self._errors == 0 then return nil end
  -- a request from outside comes again after the block: the errors win here
  if self._parent:cancelling() > 0 then
    self._parent:uncancel()
    self._parent:cancel()
  end
  return errors.BaseExceptionGroup("unhandled errors in a TaskGroup", self._errors)
end

-- What the other errors were, when an interrupt or exit leaves alone.
local function report_dropped(self, raised)
  for _, err in ipairs(self._errors) do
    if err ~= raised then
      reports.call(self._loop, {
        message = "an error of a TaskGroup is lost to "
          .. base.repr(raised),
        exception = err,
        task_group = self,
      })
    end
  end
end

function TaskGroup:__exit(err)
  local new = leave(self, err)
  if new == nil then return true end
  if new == self._stopper then report_dropped(self, new) end
  if new ~= err then error(new, 0) end
end

local function finish(self, ok, ...)
  local new = leave(self, not ok and (...) or nil)
  if new == nil then
    if ok then return ... end
    return
  end
  if new == self._stopper then report_dropped(self, new) end
  error(new, 0)
end

--- Runs the block: `body` first, then the wait for all tasks.
---@param body fun(group: asyncio.TaskGroup): any
---@return any ... what `body` returned
---Checkpoint: unless there are no tasks.
---Raises: an ExceptionGroup of the errors of tasks and body; CancelledError.
---@usage group(function() group:create_task(f) end)
function TaskGroup:__call(body)
  options.arg("TaskGroup", 1, body, "callable")
  self:__enter()
  return finish(self, base.try(body, self))
end

-- `TaskGroup()` makes one, `TaskGroup(body)` makes one and runs it.
getmetatable(TaskGroup).__call = function(cls, body)
  options.arg("TaskGroup", 1, body, "callable?")
  local self = setmetatable({}, cls)
  self:_init()
  if body == nil then return self end
  return self(body)
end

return taskgroups
