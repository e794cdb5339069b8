--- trio.to_thread: functions in worker threads.

local guard = require "trio.guard"
local names = require "anyrun.names"
local options = require "anyrun.options"
local spec = require "anyrun.spec"
local task_lib = require "_anyrun.task"
local threads = require "anyrun.threads"

---@class trio.to_thread
local to_thread = {}

local KNOWN <const> = { abandon_on_cancel = "boolean?", limiter = "any",
  thread_name = "string?" }

-- What the thread is called meanwhile.
local function thread_name(rest, f)
  if rest and rest.thread_name ~= nil then return rest.thread_name end
  return ("%s from %s"):format(names(f), task_lib.name(task_lib.current()))
end

--- Calls a function in a worker thread and waits for it; other tasks go on. The
--- function, its upvalues, arguments and results are copied.
---@param f function|table the function, or `{f, abandon_on_cancel = true,
---limiter = limiter, thread_name = name}`
---@param ... any its arguments
---@return any ... its results
---Checkpoint: always. By default a cancellation acts when `f` has ended.
---Raises: what `f` raises; Cancelled.
---@usage local hash = trio.to_thread.run_sync(checksum, path)
function to_thread.run_sync(f, ...)
  guard.needs_trio "to_thread.run_sync"
  local fn, name, ctx, rest = spec.parse("run_sync", 1, f, KNOWN)
  if rest then
    options.check("run_sync", { abandon_on_cancel = rest.abandon_on_cancel,
      thread_name = rest.thread_name }, KNOWN, 1)
  end
  local limiter = threads.check_limiter("run_sync", rest and rest.limiter)
  return threads.call("thread", limiter, rest and rest.abandon_on_cancel or false,
    threads.variables(ctx), name or thread_name(rest, fn), fn, ...)
end

--- The limiter of calls that name none: 40 tokens, one for each run.
---@return trio.CapacityLimiter
---Checkpoint: never.
---@usage trio.to_thread.current_default_thread_limiter().total_tokens = 8
function to_thread.current_default_thread_limiter()
  guard.needs_trio "to_thread.current_default_thread_limiter"
  return threads.current_default_thread_limiter()
end

return to_thread
