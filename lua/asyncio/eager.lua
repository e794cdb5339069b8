--- Eager tasks: they run inside `create_task`, up to where they first wait.

local base = require "asyncio.base"
local tasks = require "asyncio.tasks"

local eager = {}

--- A task factory: `loop:set_task_factory(asyncio.eager_task_factory)`.
---@param loop asyncio.Loop
---@param target function|table
---@param ... any
---@return asyncio.Task
---Checkpoint: never.
---@usage loop:set_task_factory(asyncio.eager_task_factory)
function eager.eager_task_factory(loop, target, ...)
  return tasks.make(loop, "create_task", true, target, ...)
end

--- Makes a task factory for tasks of one's own.
---@param constructor function called with the loop, `true`, the target and `...`
---@return function factory
---Checkpoint: never.
---Raises: TypeError when `constructor` cannot be called.
---@usage loop:set_task_factory(asyncio.create_eager_task_factory(make))
function eager.create_eager_task_factory(constructor)
  base.callback("create_eager_task_factory", constructor)
  return function(loop, target, ...)
    return constructor(loop, true, target, ...)
  end
end

return eager
