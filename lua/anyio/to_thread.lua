--- Functions that block or compute, in worker threads.
-- A worker thread has a Lua state of its own: the function, its upvalues, its
-- arguments and its results are copied.

local options = require "anyrun.options"
local spec = require "anyrun.spec"
local task_lib = require "_anyrun.task"
local threads = require "anyrun.threads"

local call_plain, type = threads.call_plain, type

---@class anyio.to_thread
local to_thread = {}

local KNOWN <const> = {
  abandon_on_cancel = "boolean?",
  cancellable = "boolean?",
  limiter = "any",
}

-- The old name of an option, with a word about it.
local function may_leave(rest)
  if not rest then return false end
  options.check("run_sync", { abandon_on_cancel = rest.abandon_on_cancel,
    cancellable = rest.cancellable }, KNOWN, 1, 4)
  if rest.cancellable == nil then return rest.abandon_on_cancel or false end
  warn "DeprecationWarning: 'cancellable' of 'run_sync' is now called "
  warn "'abandon_on_cancel'"
  return rest.cancellable
end

--- Calls a function in a worker thread and waits for it; other tasks go on.
--- By default a cancellation of the caller acts when the function has ended.
---@param f function|table the function, or `{f, abandon_on_cancel = true,
---limiter = limiter, context = context, name = name}`: whether a cancelled
---caller leaves the thread to itself; how many threads there may be at once
---(40); the name of the thread meanwhile
---@param ... any its arguments
---@return any ... its results
---Checkpoint: always.
---Raises: what `f` raises; Cancelled, before `f` is begun.
---@usage local hash = anyio.to_thread.run_sync(checksum, path)
function to_thread.run_sync(f, ...)
  if type(f) == "function" then return call_plain(f, ...) end
  local fn, name, ctx, rest = spec.parse("run_sync", 1, f, KNOWN)
  task_lib.current()
  local leaves = may_leave(rest)
  local limiter = threads.check_limiter("run_sync", rest and rest.limiter)
  return threads.call("thread", limiter, leaves, threads.variables(ctx), name,
    fn, ...)
end

--- The limiter of calls that name none: 40 tokens, one for each run.
---@return anyio.CapacityLimiter
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage anyio.to_thread.current_default_thread_limiter().total_tokens = 8
function to_thread.current_default_thread_limiter()
  return threads.current_default_thread_limiter()
end

return to_thread
