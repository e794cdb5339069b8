--- The future that a thread has of a function which runs in another one.

local class = require "anyrun.class"
local context_vars = require("_anyrun.task").context
local errors = require "anyrun.errors"
local native_run = require "_anyrun.run"
local options = require "anyrun.options"
local thread = require "_anyrun.thread"
local threads = require "anyrun.threads"

local error = error

---@class anyio.from_thread.Future
local Future = class.new("Future")
Future.__copies = "value"

--- Makes one of a call that was brought to a door.
---@param call userdata
---@param door userdata
---@return anyio.from_thread.Future
---Checkpoint: never.
---@usage return Future.of(call, door)
function Future.of(call, door)
  local self = Future()
  self._call, self._door = call, door
  return self
end

-- Waits; blocks the thread.
local function wait(self, fname, timeout)
  options.arg(fname, 1, timeout, "number?", 4)
  if self._door and self._door:is_here() and not self:done() then
    error(errors.RuntimeError(("'%s' is called from the thread of the event "
      .. "loop, which would wait for itself"):format(fname)), 0)
  end
  if not self._call:join(timeout, self._door) then
    error(errors.TimeoutError "the function has not ended in that time", 0)
  end
end

local function check_cancelled(self)
  if self._call:state() == "withdrawn" then
    error(errors.FutureCancelled "the future was cancelled", 0)
  end
end

-- The call stays open: it may be asked again.
local function outcome(status, ...)
  if status == true then return ... end
  return threads.fail(false, status, (...), select(2, ...),
    "in the thread of the run")
end

--- What the function returned; waits for it, and blocks the thread.
---@param timeout? number seconds to wait at most
---@return any ...
---Checkpoint: never.
---Raises: what the function raised; FutureCancelled; TimeoutError;
---RunFinishedError when the run ended first; DeadlockError as
---`BlockingPortal:call`.
---@usage print(future:result(5))
function Future:result(timeout)
  wait(self, "result", timeout)
  check_cancelled(self)
  return outcome(self._call:results())
end

--- What the function raised, nil when it returned; waits for it.
---@param timeout? number seconds to wait at most
---@return any
---Checkpoint: never.
---Raises: FutureCancelled; TimeoutError.
---@usage local err = future:exception()
function Future:exception(timeout)
  wait(self, "exception", timeout)
  check_cancelled(self)
  local status, err = self._call:results()
  if status == true then return nil end
  if status == "refused" then return errors.RunFinishedError "the run has ended" end
  return err
end

--- Cancels the function: who waits gets FutureCancelled at once.
---@return boolean whether it had not ended yet
---Checkpoint: never.
---@usage future:cancel()
function Future:cancel()
  if not self._call:withdraw() then return self:cancelled() end
  if self._door then
    thread.ask(self._door, "cancel", self._call:id(), nil, nil)
  end
  return true
end

--- Whether it was cancelled.
---@return boolean
---Checkpoint: never.
---@usage if future:cancelled() then return end
function Future:cancelled() return self._call:state() == "withdrawn" end

--- Whether it has ended, or was cancelled.
---@return boolean
---Checkpoint: never.
---@usage if future:done() then print(future:result()) end
function Future:done()
  local state = self._call:state()
  return state ~= "waiting" and state ~= "running"
end

--- Whether the function is running now.
---@return boolean
---Checkpoint: never.
---@usage print(future:running())
function Future:running() return self._call:state() == "running" end

--- Calls a callback of a future: an error of it is shown, and is nobody's.
---@param f function
---@param future anyio.from_thread.Future
---Checkpoint: never.
---@usage Future.call_back(f, future)
function Future.call_back(f, future)
  local ok, err = errors.pcall(f, future)
  if ok then return end
  native_run.report({ message = "exception calling a callback of a future",
    exception = err })
end

--- Has `f(future)` called when the function has ended: a copy of it, in the
--- thread where the function ran; at once, and here, where it has ended. An
--- error of `f` is written to standard error.
---@param f function
---Checkpoint: never.
---@usage future:add_done_callback(function(f) print(f:result()) end)
function Future:add_done_callback(f)
  options.arg("add_done_callback", 1, f, "callable")
  if self:done() then
    Future.call_back(f, self)
    return
  end
  local ask = thread.ask(self._door, "done", self._call:id(), context_vars(), f,
    self)
  if ask:state() == "refused" then -- the run has ended, and with it the function
    self._call:join()
    Future.call_back(f, self)
  end
end

function Future:__tostring()
  return ("<Future: %s>"):format(self._call:state())
end

return Future
