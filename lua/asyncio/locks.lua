--- asyncio's synchronisation: locks without owner, events that can be cleared,
--- conditions. What can be had at once is no checkpoint.
-- A release hands on to the task that has waited longest, at once.

local base = require "asyncio.base"
local checkpoint_if_cancelled = require("_anyrun.time").checkpoint_if_cancelled
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local new_lot = require("_anyrun.lot").new
local options = require "anyrun.options"
local semaphores = require "asyncio.semaphores"

local colon = class.colon
local error, getmetatable = error, getmetatable
local needs = base.needs_asyncio
local huge = math.huge

---@class asyncio.locks
local locks = {}

-- Lock ----------------------------------------------------------------------

---@class asyncio.Lock
local Lock = class.new("Lock", semaphores.Scoped)
locks.Lock = Lock

--- Makes a lock that is free; also outside a run.
---@return asyncio.Lock
---Checkpoint: never.
---@usage local lock = asyncio.Lock()
function Lock:_init() self._locked, self._lot = false, new_lot "lock" end

local function hand_on(self)
  if self._lot:wake(1) == 0 then self._locked = false end
end

--- Takes the lock, or waits for it; whoever has it may take it again, and
--- waits for ever.
---@return asyncio.Lock self a to-be-closed value that releases it
---Checkpoint: when it is not free.
---Raises: CancelledError.
---@usage local _ <close> = lock:acquire()
function Lock:acquire()
  if not self then colon(Lock, "acquire") end
  needs "Lock.acquire"
  if not self._locked then
    self._locked = true
    return self
  end
  local err, woken = self._lot:wait()
  if err == nil then return self end
  if woken then hand_on(self) end
  error(err, 0)
end

--- Releases it, whoever took it.
---Checkpoint: never.
---Raises: RuntimeError when it is free.
---@usage lock:release()
function Lock:release()
  if not self then colon(Lock, "release") end
  if not self._locked then
    error(errors.RuntimeError "Lock is not acquired.", 0)
  end
  hand_on(self)
end

--- Whether it is taken.
---@return boolean
---Checkpoint: never.
---@usage print(lock:locked())
function Lock:locked()
  if not self then colon(Lock, "locked") end
  return self._locked
end

-- Take it in any case; errors that come meanwhile go to the caller.
local function reacquire(lock)
  if lock._locked then return (lock._lot:wait "shielded") end
  lock._locked = true
end

-- Event ---------------------------------------------------------------------

---@class asyncio.Event
local Event = class.new("Event", semaphores.Waited)
locks.Event = Event

--- Makes an event that is not set; also outside a run.
---@return asyncio.Event
---Checkpoint: never.
---@usage local ready = asyncio.Event()
function Event:_init() self._set, self._lot = false, new_lot "event" end

--- Whether it is set.
---@return boolean
---Checkpoint: never.
---@usage print(ready:is_set())
function Event:is_set() return self._set end

--- Sets it: wakes all who wait.
---Checkpoint: never.
---@usage ready:set()
function Event:set()
  if self._set then return end
  self._set = true
  self._lot:wake(huge)
end

--- Takes `set` back; who was woken stays woken.
---Checkpoint: never.
---@usage ready:clear()
function Event:clear() self._set = false end

--- Waits until it is set.
---@return boolean true
---Checkpoint: when it is not set.
---Raises: CancelledError.
---@usage ready:wait()
function Event:wait()
  needs "Event.wait"
  if not self._set then self._lot:park() end
  return true
end

-- Condition -----------------------------------------------------------------

---@class asyncio.Condition
local Condition = class.new("Condition", semaphores.Scoped)
locks.Condition = Condition

local function lock_or_nil(value)
  if value == nil or getmetatable(value) == Lock then return nil end
  return "Lock expected"
end

--- Makes a condition; also outside a run.
---@param lock? asyncio.Lock the lock it belongs to; one of its own when absent
---@return asyncio.Condition
---Checkpoint: never.
---@usage local changed = asyncio.Condition()
function Condition:_init(lock)
  options.arg("Condition", 1, lock, lock_or_nil, 4)
  self._lock, self._lot = lock or Lock(), new_lot "condition"
end

--- Takes the lock.
---@return asyncio.Condition self a to-be-closed value that releases it
---Checkpoint: when it is not free.
---Raises: CancelledError.
---@usage local _ <close> = changed:acquire()
function Condition:acquire()
  self._lock:acquire()
  return self
end

--- Releases the lock.
---Checkpoint: never.
---Raises: RuntimeError when it is free.
---@usage changed:release()
function Condition:release() self._lock:release() end

--- Whether the lock is taken.
---@return boolean
---Checkpoint: never.
---@usage print(changed:locked())
function Condition:locked() return self._lock:locked() end

local function check_locked(self, verb)
  if self._lock._locked then return end
  error(errors.RuntimeError("cannot " .. verb .. " on un-acquired lock"), 0)
end

--- Releases the lock, waits to be notified, and takes the lock again before it
--- returns or raises.
---@return boolean true
---Checkpoint: always.
---Raises: RuntimeError when nobody has the lock; CancelledError, with the lock
---  taken; a notification that came first goes to another.
---@usage while #queue == 0 do changed:wait() end
function Condition:wait()
  needs "Condition.wait"
  check_locked(self, "wait")
  checkpoint_if_cancelled() -- or it is refused, with the lock taken
  self._lock:release()
  local err, woken = self._lot:wait()
  local late = reacquire(self._lock)
  if err == nil and late == nil then return true end
  if woken or err == nil then self._lot:wake(1) end
  error(err or late, 0)
end

--- Waits until a condition is true, looking each time it is notified.
---@param predicate fun(): any called with the lock taken
---@return any what `predicate` returned
---Checkpoint: unless it is true at once.
---Raises: as `wait`; what `predicate` raises.
---@usage changed:wait_for(function() return queue[1] end)
function Condition:wait_for(predicate)
  options.arg("wait_for", 1, predicate, "callable")
  local value = predicate()
  while not value do
    self:wait()
    value = predicate()
  end
  return value
end

--- Wakes waiters, those first that have waited longest.
---@param n? integer how many at most; 1 when absent
---Checkpoint: never.
---Raises: RuntimeError when nobody has the lock.
---@usage changed:notify()
function Condition:notify(n)
  options.arg("notify", 1, n, "integer?")
  check_locked(self, "notify")
  n = n or 1
  if n > 0 then self._lot:wake(n) end
end

--- Wakes all waiters.
---Checkpoint: never.
---Raises: RuntimeError when nobody has the lock.
---@usage changed:notify_all()
function Condition:notify_all()
  check_locked(self, "notify")
  self._lot:wake(huge)
end

locks.BoundedSemaphore = semaphores.BoundedSemaphore
locks.Semaphore = semaphores.Semaphore
locks.Barrier = require "asyncio.barrier"

return locks
