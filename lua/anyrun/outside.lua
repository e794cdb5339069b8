--- The side of a thread that is none of a run's: how it asks a run to call
--- functions, and waits for the answer.

local errors = require "anyrun.errors"
local task_lib = require "_anyrun.task"
local thread = require "_anyrun.thread"
local threads = require "anyrun.threads"

local active, error = require("_anyrun.run").active, error

---@class anyrun.outside
local outside = {}

--- The call that this thread serves; raises where it is no worker thread.
---@param what string the function's name, for the message
---@return userdata
---Checkpoint: never.
---Raises: NoEventLoopError.
---@usage local call = outside.current("check_cancelled")
function outside.current(what)
  local call = thread.current()
  if call and call:door() then return call end
  error(errors.NoEventLoopError(("'%s' needs a worker thread of a run, or the "
    .. "token of one"):format(what)), 0)
end

--- Raises the backend's cancellation error if the task that waits for this
--- thread is to end.
---@param call userdata
---Checkpoint: never.
---Raises: Cancelled.
---@usage outside.check_cancelled(call)
function outside.check_cancelled(call)
  if call:cancelled() then
    error(errors.new_cancelled(call:backend(), "explicit",
      "the task that waits for this thread is cancelled"), 0)
  end
end

-- A thread that runs a loop must not wait for that very loop.
local function check_foreign(what, door)
  if door and door:is_here() then
    error(errors.RuntimeError(("'%s' is called from the thread of the event "
      .. "loop, which would wait for itself"):format(what)), 0)
  end
end

-- A run in this thread stands still meanwhile; who waits no longer has the
-- function not called, if there is time.
local function join(call, door)
  if not door and active() then door = thread.current():door() end
  local ok, err = errors.try(call.join, call, nil, door)
  if ok then return end
  call:withdraw()
  errors.rethrow(err)
end

--- Has a run call a function, and waits for it; blocks the thread.
---@param what string the function's name, for messages
---@param door? userdata the run's; nil: of the call that this thread serves
---@param kind string
---@param variables? table
---@param f function
---@param ... any
---@return any ... its results
---Checkpoint: never.
---Raises: what `f` raises; RunFinishedError when the run is over;
---NoEventLoopError where there is none; DeadlockError where the two runs would
---wait for each other.
---@usage return outside.call("run_sync", nil, "sync", variables, f, ...)
function outside.call(what, door, kind, variables, f, ...)
  check_foreign(what, door)
  local call = thread.ask(door, kind, nil, variables, f, ...)
  if not call then outside.current(what) end
  join(call, door)
  return threads.outcome(call, "in the thread of the run", call:results())
end

--- The variables of this thread's context.
---@return table?
---Checkpoint: never.
---@usage outside.call("run", nil, "run", outside.variables(), f)
outside.variables = task_lib.context

return outside
