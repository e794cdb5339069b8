--- trio.from_thread: calls from threads into a run.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local outside = require "anyrun.outside"
local spec = require "anyrun.spec"
local token_lib = require "trio.token"

local error = error

---@class trio.from_thread
local from_thread = {}

local KNOWN <const> = { trio_token = "any" }

-- The door of the run to call into: nil for that of the task that waits.
local function door_of(fname, rest)
  local token = rest and rest.trio_token
  if token == nil then return nil end
  if class.is(token, token_lib.RemoteToken) then return token._door end
  if class.is(token, token_lib.TrioToken) then return token:_remote()._door end
  error(errors.RuntimeError(("option 'trio_token' of '%s' must be a TrioToken")
    :format(fname)), 3)
end

--- Has trio call a function that may wait, and waits for it: in the task that
--- waits for this worker thread; by a token, or from one that may be abandoned,
--- in a system task.
---@param f function|table the function, or `{f, trio_token = token}`
---@param ... any its arguments
---@return any ... its results
---Checkpoint: never; it blocks the thread.
---Raises: what `f` raises; RuntimeError in a thread that is no worker and has no
---token, and in trio's own; RunFinishedError; Cancelled.
---@usage trio.from_thread.run(trio.sleep, 1)
function from_thread.run(f, ...)
  local fn, _, _, rest = spec.parse("run", 1, f, KNOWN)
  return outside.call("run", door_of("run", rest), "run", outside.variables(),
    fn, ...)
end

--- Has trio call a function that does not wait, and waits for it.
---@param f function|table the function, or `{f, trio_token = token}`
---@param ... any its arguments
---@return any ... its results
---Checkpoint: never; it blocks the thread.
---Raises: as `run`.
---@usage trio.from_thread.run_sync(event.set, event)
function from_thread.run_sync(f, ...)
  local fn, _, _, rest = spec.parse("run_sync", 1, f, KNOWN)
  return outside.call("run_sync", door_of("run_sync", rest), "sync",
    outside.variables(), fn, ...)
end

--- Raises Cancelled if the task that waits for this worker thread is cancelled.
---Checkpoint: never.
---Raises: Cancelled; RuntimeError outside a worker thread.
---@usage trio.from_thread.check_cancelled()
function from_thread.check_cancelled()
  outside.check_cancelled(outside.current "check_cancelled")
end

return from_thread
