--- `timeout` and `timeout_at`: a body that is cancelled when its time is up.

local base = require "asyncio.base"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local tasks = require "asyncio.tasks"

local error = error

local timeouts = {}

---@class asyncio.Timeout
---@field package _when? number
---@field package _state "created"|"active"|"expiring"|"expired"|"finished"
---@field package _task? asyncio.Task who is in the body
---@field package _cancelling integer its requests on entry
local Timeout = class.new("Timeout")

timeouts.Timeout = Timeout

function Timeout:_init(when)
  self._state, self._when = "created", when
end

function Timeout:__tostring()
  local info = self._state == "active"
    and (" when=%s"):format(self._when and ("%.3f"):format(self._when) or "nil") or ""
  return ("<Timeout [%s]%s>"):format(self._state, info)
end

--- When it fires, in the loop's time; nil: never.
---@return number?
---Checkpoint: never.
---@usage local left = scope:when() - loop:time()
function Timeout:when() return self._when end

--- Whether it has fired.
---@return boolean
---Checkpoint: never.
---@usage if scope:expired() then print "too slow" end
function Timeout:expired()
  return self._state == "expiring" or self._state == "expired"
end

local function on_timeout(self)
  self._handle = nil
  if self._state ~= "active" then return end
  self._state = "expiring"
  self._task:cancel()
end

local function set_timer(self)
  if self._handle then self._handle:cancel() end
  self._handle = nil
  local when = self._when
  if not when then return end
  local loop = self._task:get_loop()
  if when <= loop:time() then
    self._handle = loop:call_soon(on_timeout, self)
  else
    self._handle = loop:call_at(when, on_timeout, self)
  end
end

--- Moves the deadline.
---@param when? number in the loop's time; nil: never
---Checkpoint: never.
---Raises: RuntimeError when the body is not running or its time was up.
---@usage scope:reschedule(loop:time() + 1)
function Timeout:reschedule(when)
  options.arg("reschedule", 1, when, "number?")
  if self._state ~= "active" then
    local text = self._state == "created" and "Timeout has not been entered"
      or ("Cannot change state of %s Timeout"):format(self._state)
    error(errors.RuntimeError(text), 2)
  end
  self._when = when
  set_timer(self)
end

function Timeout:__enter()
  if self._state ~= "created" then
    error(errors.RuntimeError("Timeout has already been entered"), 3)
  end
  local task = tasks.current_task()
  if not task then
    error(errors.RuntimeError("Timeout should be used inside a task"), 3)
  end
  self._task, self._cancelling = task, task:cancelling()
  self._state = "active"
  set_timer(self)
  return self
end

-- Leaves; returns the error to raise in place of `err`.
local function leave(self, err)
  if self._handle then self._handle:cancel() end
  self._handle = nil
  if self._state ~= "expiring" then
    self._state = "finished"
    return err
  end
  self._state = "expired"
  -- more requests than on entry, and this one taken back: somebody else's
  if self._task:uncancel() > self._cancelling or err == nil then return err end
  local late = errors.TimeoutError(nil, { cause = err })
  if base.is_cancelled(err) then return late end
  late.cause = nil
  return errors.chain(err, late)
end

function Timeout:__exit(err)
  local new = leave(self, err)
  if new ~= nil and new ~= err then error(new, 0) end
end

local function finish(self, ok, ...)
  if ok then
    leave(self)
    return ...
  end
  error(leave(self, (...)), 0)
end

--- Runs `body` under the deadline.
---@param body fun(scope: asyncio.Timeout): any
---@return any ... what `body` returned
---Checkpoint: as `body`.
---Raises: TimeoutError when the time was up; what `body` raised.
---@usage scope(function() asyncio.sleep(1) end)
function Timeout:__call(body)
  options.arg("timeout", 1, body, "callable")
  self:__enter()
  return finish(self, base.try(body, self))
end

local function use(scope, body)
  if body == nil then return scope end
  return scope(body)
end

--- Cancels the body once when `delay` seconds are over and makes a
--- TimeoutError of that. Without a body it returns the object, to be called.
---@param delay? number seconds; nil: no limit yet
---@param body? fun(scope: asyncio.Timeout): any
---@return any ... what `body` returned
---Checkpoint: as `body`.
---Raises: TimeoutError; what `body` raised; RuntimeError outside a task.
---@usage asyncio.timeout(1, function() return fetch(url) end)
function timeouts.timeout(delay, body)
  options.arg("timeout", 1, delay, "number?")
  options.arg("timeout", 2, body, "callable?")
  local when = delay and base.loop("timeout"):time() + delay
  return use(Timeout(when), body)
end

--- As `timeout`, for a time of the loop's clock.
---@param when? number
---@param body? fun(scope: asyncio.Timeout): any
---@return any ... what `body` returned
---Checkpoint: as `body`.
---Raises: as `timeout`.
---@usage asyncio.timeout_at(loop:time() + 1, body)
function timeouts.timeout_at(when, body)
  options.arg("timeout_at", 1, when, "number?")
  options.arg("timeout_at", 2, body, "callable?")
  return use(Timeout(when), body)
end

return timeouts
