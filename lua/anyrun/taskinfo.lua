--- TaskInfo: what can be told about a task.

local class = require "anyrun.class"
local native = require "_anyrun.task"

---@class anyio.TaskInfo
---@field id integer differs from that of every other task of this process
---@field name string
---@field parent_id? integer the task that owns its group; nil for the main one
---@field coroutine? thread what it runs in; nil before its first step
local TaskInfo = class.new "TaskInfo"

function TaskInfo:_init(task)
  self._task = task
  self.id = native.id(task)
  self.name = native.name(task)
  self.parent_id = native.parent_id(task)
  self.coroutine = native.coroutine(task)
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
  return native.has_pending_cancellation(self._task)
end

return TaskInfo
