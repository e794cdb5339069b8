--- Facts about tasks, and the small things around task groups.

local class = require "anyrun.class"
local native_run = require "_anyrun.run"
local native_task = require "_anyrun.task"

local ipairs = ipairs

local tasks = {}

---@class anyio.TaskInfo
---@field id integer differs from that of every other task of this process
---@field name string
---@field parent_id? integer the task that owns its group; nil for the main one
---@field coroutine? thread what it runs in; nil before its first step
local TaskInfo = class.new("TaskInfo")

function TaskInfo:_init(task)
  self._task = task
  self.id = native_task.id(task)
  self.name = native_task.name(task)
  self.parent_id = native_task.parent_id(task)
  self.coroutine = native_task.coroutine(task)
end

function TaskInfo:__eq(other)
  return class.is(other, TaskInfo) and self.id == other.id
end

function TaskInfo:__tostring()
  return ("TaskInfo(id=%d, name='%s')"):format(self.id, self.name)
end

--- Whether the task's next checkpoint will raise a cancellation.
---@return boolean
---Checkpoint: never.
---@usage if anyio.get_current_task():has_pending_cancellation() then return end
function TaskInfo:has_pending_cancellation()
  return native_task.has_pending_cancellation(self._task)
end

--- The running task, as it is now.
---@return anyio.TaskInfo
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage print(anyio.get_current_task().name)
function tasks.get_current_task()
  return TaskInfo(native_task.current())
end

--- The unfinished tasks of this run, oldest first.
---@return anyio.TaskInfo[]
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage for _, task in ipairs(anyio.get_running_tasks()) do print(task) end
function tasks.get_running_tasks()
  native_task.current()
  local list = {}
  for i, task in ipairs(native_task.living()) do list[i] = TaskInfo(task) end
  return list
end

--- Waits until every other task of this run waits for something.
---Checkpoint: always.
---Raises: NoEventLoopError outside a run.
---@usage tg:start_soon(server)  anyio.wait_all_tasks_blocked()
function tasks.wait_all_tasks_blocked()
  native_task.current()
  native_run.wait_idle(0)
end

--- The class of cancellation errors on the running backend.
---@return table class
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage anyio.catch({ [anyio.get_cancelled_exc_class()] = undo }, work)
function tasks.get_cancelled_exc_class()
  native_task.current()
  local errors = require "anyrun.errors"
  return native_run.active() == "trio" and errors.TrioCancelled
    or errors.CancelledError
end

---@class anyio.TaskStatus
local Ignored = class.new("IgnoredTaskStatus")

--- Does nothing: nobody waits for the task to start.
---@param value? any
---Checkpoint: never.
---@usage (task_status or anyio.TASK_STATUS_IGNORED):started(port)
function Ignored:started(value) end -- luacheck: ignore value

--- Stands for a task status where a task was not started by `start`.
tasks.TASK_STATUS_IGNORED = Ignored()
tasks.TaskInfo = TaskInfo

return tasks
