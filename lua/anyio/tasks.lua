--- Facts about tasks, and the small things around task groups.

local TaskInfo = require "anyrun.taskinfo"
local TaskStatus = require "anyrun.taskstatus"
local class = require "anyrun.class"
local native_run = require "_anyrun.run"
local native_task = require "_anyrun.task"

local ipairs = ipairs

local tasks = {}

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

---@class anyio.IgnoredTaskStatus : anyio.abc.TaskStatus
local Ignored = class.new("IgnoredTaskStatus", TaskStatus)

--- Does nothing: nobody waits for the task to start.
---@param value? any
---Checkpoint: never.
---@usage (task_status or anyio.TASK_STATUS_IGNORED):started(port)
function Ignored:started(value) end -- luacheck: ignore value

--- Stands for a task status where a task was not started by `start`.
tasks.TASK_STATUS_IGNORED = Ignored()
tasks.TaskInfo = TaskInfo

return tasks
