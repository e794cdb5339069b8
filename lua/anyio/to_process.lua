--- Functions in worker processes.

local errors = require "anyrun.errors"
local native_run = require "_anyrun.run"
local options = require "anyrun.options"
local peer = require "_anyrun.peer"
local signal_lib = require "_anyrun.signal"
local spec = require "anyrun.spec"
local task_lib = require "_anyrun.task"
local threads = require "anyrun.threads"
local time = require "_anyrun.time"
local workers = require "anyrun.workers"

local error, table = error, table

---@class anyio.to_process
local to_process = {}

local KNOWN <const> = { cancellable = "boolean?", limiter = "any" }
local MAX_IDLE <const> = 300 -- seconds
local LIMITER <const>, POOL <const> = {}, {} -- keys among the run's variables

--- The limiter of calls that name none: a token for each processor.
---@return anyio.CapacityLimiter
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage anyio.to_process.current_default_process_limiter().total_tokens = 2
function to_process.current_default_process_limiter()
  return workers.limiter(LIMITER, 2)
end

-- The idle processes of the run, the last one that worked at the end.
local function pool_of_run()
  local variables = native_run.vars()
  local pool = variables[POOL]
  if not pool then
    pool = {}
    variables[POOL] = pool
  end
  return pool
end

-- The process that worked last and is still there, or a new one. Those that
-- were idle for too long are ended.
local function take(pool)
  local idle = table.remove(pool)
  while idle and not idle.process:is_idle() do
    idle.process:kill()
    idle = table.remove(pool)
  end
  local oldest = time.monotonic() - MAX_IDLE
  while pool[1] and pool[1].since < oldest do
    table.remove(pool, 1).process:kill()
  end
  return idle and idle.process or peer.start()
end

local function broken(cause, ending)
  local what = "a worker process has died, or has answered nonsense"
  if ending then
    what = ending < 0
      and "was killed by " .. (signal_lib.name(-ending) or "signal " .. -ending)
      or "has ended with exit status " .. ending
    what = "a worker process " .. what
  end
  return errors.BrokenWorkerProcess(what, { cause = cause })
end

-- Raises what is wrong with the process, or what the function raised.
local function fail(ending, status, err, traceback)
  if status == "refused" then
    error(broken(errors.OSError(err, { code = traceback }), ending), 0)
  elseif status == "broken" then
    error(broken(err), 0)
  end
  threads.fail(false, status, err, traceback, "in a worker process")
end

local function outcome(ending, status, ...)
  if status == true then return ... end
  return fail(ending, status, ...)
end

-- The answer was read, or nonsense came. A process that works goes back.
local function finish(process, call, read, status, ...)
  call:close()
  if not read then
    process:kill()
    error(broken(status), 0)
  end
  local ending
  if status == true or status == false then
    local pool = pool_of_run()
    pool[#pool + 1] = { process = process, since = time.monotonic() }
  else
    ending = process:ending()
    process:kill()
  end
  return outcome(ending, status, ...)
end

local function work(process, call, cancellable)
  local begun, why = errors.try(peer.exchange, call, process)
  if not begun then
    process:kill()
    errors.rethrow(why)
  end
  local ok, err = errors.try(threads.wait, call, cancellable)
  if not ok then
    process:kill()
    errors.try(threads.wait, call, false) -- until it is gone
    errors.rethrow(err)
  end
  return finish(process, call, errors.try(call.results, call))
end

--- Calls a function in a worker process and waits for it. Function, arguments
--- and results are copied; what cannot be copied is an error. Its standard
--- streams are /dev/null.
---@param f function|table the function, or `{f, cancellable = true, limiter =
---limiter}`: a cancellation kills the process; how many there may be at once
---@param ... any its arguments
---@return any ... its results
---Checkpoint: always.
---Raises: what `f` raises; BrokenWorkerProcess when the process dies; TypeError
---for what cannot be copied; Cancelled.
---@usage local primes = anyio.to_process.run_sync(sieve, 1000000)
function to_process.run_sync(f, ...)
  local fn, _, _, rest = spec.parse("run_sync", 1, f, KNOWN)
  task_lib.current()
  if rest then
    options.check("run_sync", { cancellable = rest.cancellable }, KNOWN, 1)
  end
  local limiter = workers.check_limiter(rest and rest.limiter, LIMITER, 2)
  task_lib.checkpoint_if_cancelled()
  local call = peer.prepare(fn, ...)
  local _ <close> = limiter:acquire()
  return work(take(pool_of_run()), call, rest and rest.cancellable or false)
end

return to_process
