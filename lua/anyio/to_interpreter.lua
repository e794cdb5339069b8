--- Functions in Lua states apart: threads that know nothing of who calls.

local errors = require "anyrun.errors"
local spec = require "anyrun.spec"
local task_lib = require "_anyrun.task"
local thread = require "_anyrun.thread"
local threads = require "anyrun.threads"
local workers = require "anyrun.workers"

local error = error

---@class anyio.to_interpreter
local to_interpreter = {}

local KNOWN <const> = { limiter = "any" }
local LIMITER <const> = {} -- key among the run's variables

--- The limiter of calls that name none: a token for each processor.
---@return anyio.CapacityLimiter
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage anyio.to_interpreter.current_default_interpreter_limiter()
function to_interpreter.current_default_interpreter_limiter()
  return workers.limiter(LIMITER, 8)
end

local function outcome(call, status, ...)
  if status == true then
    call:close()
    return ...
  end
  local err, traceback = ...
  if status == "broken" then
    error(errors.BrokenWorkerInterpreter(
      "the worker interpreter could not call the function", { cause = err }), 0)
  end
  threads.fail(false, status, err, traceback, "in a worker interpreter")
end

--- Calls a function in a Lua state of its own and waits for it. It has no way
--- back into the run, nor can it react to a cancellation; context variables do
--- not go along.
---@param f function|table the function, or `{f, limiter = limiter}`
---@param ... any its arguments
---@return any ... its results
---Checkpoint: always. A cancellation acts when the function has ended; control-C
---ends the wait at once, and leaves the function to itself.
---Raises: what `f` raises; BrokenWorkerInterpreter; Cancelled.
---@usage local sum = anyio.to_interpreter.run_sync(crunch, numbers)
function to_interpreter.run_sync(f, ...)
  local fn, _, _, rest = spec.parse("run_sync", 1, f, KNOWN)
  task_lib.current()
  local limiter = workers.check_limiter(rest and rest.limiter, LIMITER, 8)
  local _ <close> = limiter:acquire()
  local call = thread.submit("interpreter", nil, nil, fn, ...)
  threads.wait(call, false)
  return outcome(call, call:results())
end

return to_interpreter
