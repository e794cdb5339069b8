--- Future: a value or an error that will be there one day.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local new_lot = require("_anyrun.lot").new
local checkpoint = require("_anyrun.time").checkpoint
local options = require "anyrun.options"

local error, rawset, tostring = error, rawset, tostring

---@class anyio.Future
---@field status "PENDING"|"FINISHED"|"FAILED"|"CANCELLED" read-only
---@field name string|nil read-only
---@field return_value any the value: reading it raises what `await` would;
---  setting it wakes all who wait
---@field exception any the error, or nil; setting it wakes all who wait
local Future = class.new "Future"

local KNOWN <const> = { name = "string?" }

--- Makes a future that is pending; also outside a run.
---@param opts? table `name`: shown by `tostring`
---@return anyio.Future
---Checkpoint: never.
---@usage local answer = anyio.Future()
function Future:_init(opts)
  opts = options.check("Future", opts, KNOWN, 1, 4)
  rawset(self, "_lot", new_lot "future")
  rawset(self, "_status", "PENDING")
  rawset(self, "_name", opts.name)
end

local function check_open(self)
  local status = self._status
  if status == "CANCELLED" then
    error(errors.FutureCancelled "the future was cancelled", 0)
  elseif status ~= "PENDING" then
    error(errors.FutureAlreadyFinished(status == "FAILED"
      and "the future has already failed"
      or "the future has already finished"), 0)
  end
end

local function check_over(self)
  if self._status == "PENDING" then
    error(errors.FutureNotFinished "the future has not finished yet", 0)
  elseif self._status == "CANCELLED" then
    error(errors.FutureCancelled "the future was cancelled", 0)
  end
end

local function settle(self, status, value)
  rawset(self, "_status", status)
  rawset(self, "_value", value)
  self._lot:wake(math.huge)
end

local function result(self)
  check_over(self)
  if self._status == "FAILED" then
    error(errors.FutureFailed(
      "the future failed: " .. tostring(self._value),
      { cause = self._value }), 0)
  end
  return self._value
end

local getters = {
  status = function(self) return self._status end,
  name = function(self) return self._name end,
  return_value = result,
  exception = function(self)
    check_over(self)
    if self._status == "FAILED" then return self._value end
  end,
}

local setters = {
  return_value = function(self, value)
    check_open(self)
    settle(self, "FINISHED", value)
  end,
  exception = function(self, err)
    if err == nil then
      error("bad value of 'exception' (an error expected, got nil)", 3)
    end
    check_open(self)
    settle(self, "FAILED", err)
  end,
}

function Future:__index(key)
  local get = getters[key]
  if get then return get(self) end
  return Future[key]
end

function Future:__newindex(key, value)
  local set = setters[key]
  if not set then
    error(("a future has no field '%s' to set"):format(tostring(key)), 2)
  end
  set(self, value)
end

--- Cancels it, if it is pending: all who wait get FutureCancelled.
---Checkpoint: never.
---@usage answer:cancel()
function Future:cancel()
  if self._status == "PENDING" then settle(self, "CANCELLED") end
end

--- Waits until it is no longer pending. Who waits may be cancelled; the future
--- is not.
---Checkpoint: always.
---Raises: Cancelled.
---@usage answer:wait()
function Future:wait()
  if self._status ~= "PENDING" then return checkpoint() end
  self._lot:park()
end

--- Waits for its value.
---@return any value
---Checkpoint: always.
---Raises: FutureFailed with the error as its cause; FutureCancelled;
---  Cancelled.
---@usage print(answer:await())
function Future:await()
  self:wait()
  return result(self)
end

--- What it is like now.
---@return table `tasks_waiting`
---Checkpoint: never.
---@usage print(answer:statistics().tasks_waiting)
function Future:statistics() return { tasks_waiting = #self._lot } end

function Future:__tostring()
  return ("<Future: %s%s>"):format(
    self._name and "'" .. self._name .. "', " or "", self._status)
end

return Future
