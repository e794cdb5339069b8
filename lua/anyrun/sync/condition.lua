--- Condition: wait, with a lock held, until somebody says that things changed.
-- Whoever is notified is moved to the lock's own queue, and wakes as its
-- owner, in the order of waiting.

local Lock = require "anyrun.sync.lock"
local class = require "anyrun.class"
local colon = class.colon
local errors = require "anyrun.errors"
local new_lot = require("_anyrun.lot").new
local options = require "anyrun.options"
local checkpoint_if_cancelled = require("_anyrun.time").checkpoint_if_cancelled

local error, getmetatable, tostring = error, getmetatable, tostring
local huge = math.huge

---@class anyio.Condition
local Condition = class.new "Condition"

Condition._Lock = Lock -- the class of its lock: another library's differs

--- Makes a condition; also outside a run.
---@param lock? anyio.Lock the lock it belongs to; one of its own when absent
---@return anyio.Condition
---Checkpoint: never.
---@usage local changed = anyio.Condition()
function Condition:_init(lock)
  local Lock_ = getmetatable(self)._Lock
  options.arg("Condition", 1, lock, function(value)
    if value == nil or getmetatable(value) == Lock_ then return nil end
    return "Lock expected"
  end, 4)
  self._lock = lock or Lock_()
  self._lot = new_lot "condition"
end

--- Acquires the lock.
---@return anyio.Condition self a to-be-closed value that releases it
---Checkpoint: always.
---Raises: as `Lock:acquire`.
---@usage local _ <close> = changed:acquire()
function Condition:acquire()
  if not self then colon(Condition, "acquire") end
  self._lock:acquire()
  return self
end

--- Acquires the lock if it is free.
---@return anyio.Condition self
---Checkpoint: never.
---Raises: as `Lock:acquire_nowait`.
---@usage local _ <close> = changed:acquire_nowait()
function Condition:acquire_nowait()
  if not self then colon(Condition, "acquire_nowait") end
  self._lock:acquire_nowait()
  return self
end

--- Releases the lock.
---Checkpoint: never.
---Raises: RuntimeError when this task does not hold it.
---@usage changed:release()
function Condition:release()
  if not self then colon(Condition, "release") end
  self._lock:release()
end

--- Whether somebody holds the lock.
---@return boolean
---Checkpoint: never.
---@usage print(changed:locked())
function Condition:locked()
  if not self then colon(Condition, "locked") end
  return self._lock:locked()
end

function Condition:__enter() return self:acquire() end

function Condition:__exit() self._lock:release() end

function Condition:__close() self._lock:release() end

local function check_mine(self)
  if self._lock:_is_mine() then return end
  error(errors.RuntimeError "The current task is not holding the underlying lock", 0)
end

--- Releases the lock, waits to be notified, and holds the lock again when it
--- returns or raises, however long that takes.
---Checkpoint: always.
---Raises: RuntimeError when this task does not hold the lock; Cancelled, with
---  the lock held; a notification that came first goes to the next waiter.
---@usage while #queue == 0 do changed:wait() end
function Condition:wait()
  if not self then colon(Condition, "wait") end
  check_mine(self)
  checkpoint_if_cancelled()
  local lock = self._lock
  lock:release() -- nothing runs between this and the park
  local err, woken = self._lot:wait "moved"
  if err == nil then return end
  if woken then
    self._lot:repark(lock, 1)
  else
    lock:_reacquire()
  end
  error(err, 0)
end

--- Waits until a condition is true, looking each time it is notified.
---@param predicate fun(): any called with the lock held
---@return any what `predicate` returned
---Checkpoint: unless it is true at once.
---Raises: as `wait`; what `predicate` raises.
---@usage changed:wait_for(function() return queue[1] end)
function Condition:wait_for(predicate)
  if not self then colon(Condition, "wait_for") end
  options.arg("wait_for", 1, predicate, "callable")
  check_mine(self)
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
---Raises: RuntimeError when this task does not hold the lock.
---@usage changed:notify()
function Condition:notify(n)
  if not self then colon(Condition, "notify") end
  options.arg("notify", 1, n, "integer?")
  check_mine(self)
  n = n or 1
  if n > 0 then self._lot:repark(self._lock, n) end
end

--- Wakes all waiters.
---Checkpoint: never.
---Raises: RuntimeError when this task does not hold the lock.
---@usage changed:notify_all()
function Condition:notify_all()
  if not self then colon(Condition, "notify_all") end
  check_mine(self)
  self._lot:repark(self._lock, huge)
end

--- What it is like now.
---@return table `tasks_waiting`, `lock_statistics`
---Checkpoint: never.
---@usage print(changed:statistics().tasks_waiting)
function Condition:statistics()
  if not self then colon(Condition, "statistics") end
  return {
    tasks_waiting = #self._lot,
    lock_statistics = self._lock:statistics(),
  }
end

function Condition:__tostring()
  return ("<Condition: %d waiting, %s>"):format(#self._lot, tostring(self._lock))
end

return Condition
