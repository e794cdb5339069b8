--- Semaphore: a number of units; who takes one waits while there is none.
-- A unit that is released while tasks wait belongs to the first of them at
-- once: `value` stays 0.

local class = require "anyrun.class"
local colon = class.colon
local errors = require "anyrun.errors"
local new_lot = require("_anyrun.lot").new
local options = require "anyrun.options"
local time = require "_anyrun.time"

local checkpoint_if_cancelled, yield = time.checkpoint_if_cancelled, time.yield
local error = error

---@class anyio.Semaphore
---@field value integer units that are left
---@field max_value? integer it is never released beyond this; nil: no limit
local Semaphore = class.new "Semaphore"

local KNOWN <const> = { max_value = "integer?", fast_acquire = "boolean?" }

--- Makes a semaphore; also outside a run.
---@param initial_value integer not negative
---@param opts? table `max_value`: not less than `initial_value`;
---  `fast_acquire`: taking a free unit lets no other task run in between
---@return anyio.Semaphore
---Checkpoint: never.
---Raises: ValueError when a value is out of range.
---@usage local slots = anyio.Semaphore(3, { max_value = 3 })
function Semaphore:_init(initial_value, opts)
  options.arg("Semaphore", 1, initial_value, "integer", 4)
  opts = options.check("Semaphore", opts, KNOWN, 2, 4)
  if initial_value < 0 then
    error(errors.ValueError "initial_value must be >= 0", 0)
  elseif opts.max_value and opts.max_value < initial_value then
    error(errors.ValueError(
      "max_value must be equal to or higher than initial_value"), 0)
  end
  self.value, self.max_value = initial_value, opts.max_value
  self._fast, self._lot = opts.fast_acquire, new_lot "semaphore"
end

local function give(self)
  if self._lot:wake() == 0 then self.value = self.value + 1 end
end

--- Takes one unit, or waits for one.
---@return anyio.Semaphore self a to-be-closed value that releases the unit
---Checkpoint: always; with `fast_acquire` only cancellation is looked for
---  where there is a unit. Once it is taken, no cancellation is raised.
---Raises: Cancelled.
---@usage local _ <close> = slots:acquire()
function Semaphore:acquire()
  if not self then colon(Semaphore, "acquire") end
  local err, woken
  if self.value > 0 then
    checkpoint_if_cancelled()
    self.value = self.value - 1
    if self._fast then return self end
    err, woken = yield(), true
  else
    err, woken = self._lot:wait()
  end
  if err == nil then return self end
  if woken then give(self) end
  error(err, 0)
end

--- Takes one unit if there is one.
---@return anyio.Semaphore self
---Checkpoint: never.
---Raises: WouldBlock when there is none.
---@usage slots:acquire_nowait()
function Semaphore:acquire_nowait()
  if not self then colon(Semaphore, "acquire_nowait") end
  if self.value == 0 then
    error(errors.WouldBlock "no unit is left", 0)
  end
  self.value = self.value - 1
  return self
end

--- Gives one unit back: to the task that has waited longest, if one waits.
---Checkpoint: never.
---Raises: ValueError when there are `max_value` units already.
---@usage slots:release()
function Semaphore:release()
  if not self then colon(Semaphore, "release") end
  if self.value == self.max_value then
    error(errors.ValueError "semaphore released too many times", 0)
  end
  give(self)
end

function Semaphore:__enter() return self:acquire() end

function Semaphore:__exit() self:release() end

function Semaphore:__close() self:release() end

--- What it is like now.
---@return table `tasks_waiting`
---Checkpoint: never.
---@usage print(slots:statistics().tasks_waiting)
function Semaphore:statistics()
  if not self then colon(Semaphore, "statistics") end
  return { tasks_waiting = #self._lot }
end

function Semaphore:__tostring()
  return ("<Semaphore: value %d, %d waiting>"):format(self.value, #self._lot)
end

return Semaphore
