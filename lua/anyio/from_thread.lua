--- Calls from worker threads, and from other threads, into a run.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local lowlevel = require "anyio.lowlevel"
local outside = require "anyrun.outside"
local spec = require "anyrun.spec"

local error, require, setmetatable = error, require, setmetatable

---@class anyio.from_thread
local from_thread = {}

local KNOWN <const> = { token = "any" }

-- The door that the option `token` names, nil without one.
local function door_of(fname, rest)
  local token = rest and rest.token
  if token == nil then return nil end
  if not class.is(token, lowlevel.EventLoopToken) then
    error(errors.TypeError(("option 'token' of '%s' must be an EventLoopToken, "
      .. "not %s"):format(fname, type(token))), 3)
  end
  return token._door
end

--- Has the run that this thread works for call a function that may wait, and
--- waits for it. It runs inside the scopes of the task that waits for the
--- thread, unless that may abandon it.
---@param f function|table the function, or `{f, token = token}`: the run of
---`lowlevel.current_token()`, from any thread
---@param ... any its arguments
---@return any ... its results
---Checkpoint: never; it blocks the thread.
---Raises: what `f` raises; NoEventLoopError in a thread that works for no run;
---RunFinishedError when the run is over; Cancelled when the task that waits
---for the thread is cancelled already.
---@usage local reply = anyio.from_thread.run(client.receive, client)
function from_thread.run(f, ...)
  local fn, _, ctx, rest = spec.parse("run", 1, f, KNOWN)
  local door = door_of("run", rest)
  if not door then
    local call = outside.current "run"
    if not call:deserted() then outside.check_cancelled(call) end
  end
  return outside.call("run", door, "run", ctx and ctx.vars or
    outside.variables(), fn, ...)
end

--- Has the run that this thread works for call a function that does not wait.
---@param f function|table the function, or `{f, token = token}`
---@param ... any its arguments
---@return any ... its results
---Checkpoint: never; it blocks the thread.
---Raises: what `f` raises; NoEventLoopError in a thread that works for no run;
---RunFinishedError when the run is over.
---@usage anyio.from_thread.run_sync(event.set, event)
function from_thread.run_sync(f, ...)
  local fn, _, ctx, rest = spec.parse("run_sync", 1, f, KNOWN)
  return outside.call("run_sync", door_of("run_sync", rest), "sync",
    ctx and ctx.vars or outside.variables(), fn, ...)
end

--- Raises the backend's cancellation error when the task that waits for this
--- worker thread is cancelled. Let through, it becomes that task's own.
---Checkpoint: never.
---Raises: Cancelled; NoEventLoopError outside a worker thread.
---@usage for i = 1, n do crunch(i)  anyio.from_thread.check_cancelled() end
function from_thread.check_cancelled()
  outside.check_cancelled(outside.current "check_cancelled")
end

local LAZY <const> = {
  BlockingPortal = "anyrun.portal",
  BlockingPortalProvider = "anyrun.provider",
}

return setmetatable(from_thread, {
  __index = function(self, key)
    local value
    if LAZY[key] then
      value = require(LAZY[key])
    elseif key == "start_blocking_portal" then
      value = require("anyrun.portals").start
    end
    if value ~= nil then self[key] = value end
    return value
  end,
})
