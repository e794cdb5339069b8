--- TaskStatus: how a task says that it has started.

local class = require "anyrun.class"
local errors = require "anyrun.errors"

local error, pack = error, table.pack

---@class anyio.abc.TaskStatus
---@field package _values? table what started() was given
local TaskStatus = class.new "TaskStatus"

--- The child has started: start() returns the values.
---@param ... any
---Checkpoint: never.
---Raises: RuntimeError when called twice.
---@usage task_status:started(port)
function TaskStatus:started(...)
  if self._values then
    if self._ignored then return end
    error(errors.RuntimeError(
      "called 'started' twice on the same task status"), 2)
  end
  self._values = pack(...)
  self:_begin()
end

return TaskStatus
