--- asyncio's semaphores, and what its locks share with them.

local base = require "asyncio.base"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local new_lot = require("_anyrun.lot").new
local options = require "anyrun.options"

local error = error
local needs = base.needs_asyncio

---@class asyncio.semaphores
local semaphores = {}

--- Something with a lot that tasks wait in.
---@class asyncio.semaphores.Waited
local Waited = class.new "Waited"
semaphores.Waited = Waited

--- What it is like now.
---@return table `tasks_waiting`
---Checkpoint: never.
---@usage print(lock:statistics().tasks_waiting)
function Waited:statistics() return { tasks_waiting = #self._lot } end

function Waited:__tostring()
  return ("<%s, %d waiting>"):format(self.name, #self._lot)
end

--- Something that is acquired, and released at the end of a scope.
---@class asyncio.semaphores.Scoped: asyncio.semaphores.Waited
local Scoped = class.new("Scoped", Waited)
semaphores.Scoped = Scoped

function Scoped:__enter() return self:acquire() end

function Scoped:__exit() self:release() end

function Scoped:__close() self:release() end

---@class asyncio.Semaphore
local Semaphore = class.new("Semaphore", Scoped)
semaphores.Semaphore = Semaphore

--- Makes a semaphore; also outside a run.
---@param value? integer units it starts with; 1 when absent
---@return asyncio.Semaphore
---Checkpoint: never.
---Raises: ValueError when it is negative.
---@usage local slots = asyncio.Semaphore(3)
function Semaphore:_init(value)
  options.arg(self.name, 1, value, "integer?", 4)
  if value and value < 0 then
    error(errors.ValueError "Semaphore initial value must be >= 0", 0)
  end
  self._value, self._lot = value or 1, new_lot "semaphore"
  self._bound = self._value
end

local function give(self)
  if self._lot:wake(1) == 0 then self._value = self._value + 1 end
end

--- Takes one unit, or waits for one.
---@return asyncio.Semaphore self a to-be-closed value that releases the unit
---Checkpoint: when there is none.
---Raises: CancelledError.
---@usage local _ <close> = slots:acquire()
function Semaphore:acquire()
  needs "Semaphore.acquire"
  if self._value > 0 then
    self._value = self._value - 1
    return self
  end
  local err, woken = self._lot:wait()
  if err == nil then return self end
  if woken then give(self) end
  error(err, 0)
end

--- Gives one unit back.
---Checkpoint: never.
---@usage slots:release()
function Semaphore:release() give(self) end

--- Whether `acquire` would have to wait.
---@return boolean
---Checkpoint: never.
---@usage print(slots:locked())
function Semaphore:locked() return self._value == 0 end

--- A semaphore that never has more units than it began with.
---@class asyncio.BoundedSemaphore: asyncio.Semaphore
local BoundedSemaphore = class.new("BoundedSemaphore", Semaphore)
semaphores.BoundedSemaphore = BoundedSemaphore

--- Gives one unit back.
---Checkpoint: never.
---Raises: ValueError when all units are there.
---@usage slots:release()
function BoundedSemaphore:release()
  if self._value >= self._bound then
    error(errors.ValueError "BoundedSemaphore released too many times", 0)
  end
  give(self)
end

return semaphores
