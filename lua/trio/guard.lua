--- Says no where a trio function is called and no trio run is going on.
-- The usual answer costs one call: is the run of this thread trio's?

local errors = require "anyrun.errors"
local run_lib = require "_anyrun.run"
local task_lib = require "_anyrun.task"

local active, current = run_lib.active, task_lib.current
local error = error

---@class trio.guard
local guard = {}

-- The script's implicit run may not have begun yet: asking for the current
-- task begins it, and raises where there can be none.
local function refuse(name)
  current()
  local backend = active()
  if backend == "trio" then return end
  error(errors.RuntimeError(("Task got bad yield: 'trio.%s' needs a trio run, "
    .. "and this task runs on %s"):format(name, backend or "no backend")), 0)
end

--- Returns when a trio run is going on in this thread.
---@param name string of the function that needs one, for the message
---Checkpoint: never.
---Raises: RuntimeError in an asyncio run, NoEventLoopError where there is none.
---@usage guard.needs_trio "sleep"
function guard.needs_trio(name)
  if active() ~= "trio" then refuse(name) end
end

--- Returns unless a run of another library is going on. For what may be made
--- before there is a run, like a cancel scope.
---@param name string of the function, for the message
---Checkpoint: never.
---Raises: RuntimeError in an asyncio run.
---@usage guard.not_foreign "CancelScope"
function guard.not_foreign(name)
  local backend = active()
  if backend ~= nil and backend ~= "trio" then refuse(name) end
end

return guard
