--- Limiters of workers that compute: one token for each processor.

local native_run = require "_anyrun.run"
local peer = require "_anyrun.peer"
local task_lib = require "_anyrun.task"

local error, require, type = error, require, type

---@class anyrun.workers
local workers = {}

--- The limiter of the run for a kind of worker, made when first asked for.
---@param key table whatever identifies the kind
---@param otherwise integer tokens where the number of processors is unknown
---@return anyio.CapacityLimiter
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage return workers.limiter(KEY, 2)
function workers.limiter(key, otherwise)
  task_lib.current() -- begins the script's run
  local variables = native_run.vars()
  local limiter = variables[key]
  if not limiter then
    limiter = require "anyrun.sync.limiter"(peer.cpus() or otherwise)
    variables[key] = limiter
  end
  return limiter
end

--- The limiter an option names, or the run's own.
---@param limiter any
---@param key table
---@param otherwise integer
---@return any
---Checkpoint: never.
---@usage limiter = workers.check_limiter(rest.limiter, KEY, 2)
function workers.check_limiter(limiter, key, otherwise)
  if limiter == nil then return workers.limiter(key, otherwise) end
  if type(limiter) == "table" and limiter.acquire then return limiter end
  error(("bad argument #1 to 'run_sync' (option 'limiter': CapacityLimiter "
    .. "expected, got %s)"):format(type(limiter)), 3)
end

return workers
