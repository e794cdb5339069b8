--- Trio's synchronisation: the shared primitives, in a trio run.

local Condition = require "anyrun.sync.condition"
local Event = require "anyrun.sync.event"
local Limiter = require "anyrun.sync.limiter"
local Semaphore = require "anyrun.sync.semaphore"
local class = require "anyrun.class"
local guard = require "trio.guard"
local native_lock = require "_anyrun.lock"
local tasks = require "trio.tasks"

local colon, needs_trio, ipairs = class.colon, guard.needs_trio, ipairs
local setmetatable, type = setmetatable, type

---@class trio.sync
local sync = {}

---@class trio.Event: anyio.Event
sync.Event = class.new("Event", Event)

--- Waits until it is set.
---Checkpoint: always.
---Raises: Cancelled, also where it is set already.
---@usage ready:wait()
function sync.Event:wait()
  needs_trio "Event.wait"
  Event.wait(self)
end

-- What every class of locks adds to the native methods.
local function lock_class(name)
  local Lock = native_lock.methods { __name = name, name = name }
  local acquire = Lock.acquire
  Lock.__index, Lock.class = Lock, Lock

  --- Waits until the lock is this task's.
  ---@return trio.Lock self a to-be-closed value that releases it
  ---Checkpoint: always.
  ---Raises: RuntimeError when this task holds it; BrokenResourceError when its
  ---  owner ended with it; Cancelled.
  ---@usage local _ <close> = lock:acquire()
  function Lock:acquire()
    if not self then colon(Lock, "acquire") end
    needs_trio(name .. ".acquire")
    return acquire(self)
  end

  Lock.__enter = Lock.acquire

  --- What it is like now.
  ---@return table `locked`, `owner` (a Task or nil), `tasks_waiting`
  ---Checkpoint: never.
  ---@usage print(lock:statistics().owner)
  function Lock:statistics()
    if not self then colon(Lock, "statistics") end
    local owner = self:_owner()
    return {
      locked = self:locked(),
      owner = owner and tasks.of(owner),
      tasks_waiting = self:_waiting(),
    }
  end

  function Lock:__tostring()
    return ("<%s lock at %p: %s, %d waiting>"):format(name,
      self, self:locked() and "locked" or "unlocked", self:_waiting())
  end

  return setmetatable(Lock, { __call = native_lock.new })
end

--- One task at a time; handed on in the order of arrival.
---@class trio.Lock
sync.Lock = lock_class "Lock"

--- The same, with a promise: the order of arrival is part of what it is.
---@class trio.StrictFIFOLock
sync.StrictFIFOLock = lock_class "StrictFIFOLock"

---@class trio.Semaphore: anyio.Semaphore
sync.Semaphore = class.new("Semaphore", Semaphore)

--- Takes one unit, or waits for one.
---@return trio.Semaphore self a to-be-closed value that releases the unit
---Checkpoint: always.
---Raises: Cancelled.
---@usage local _ <close> = slots:acquire()
function sync.Semaphore:acquire()
  needs_trio "Semaphore.acquire"
  return Semaphore.acquire(self)
end

---@class trio.Condition: anyio.Condition
sync.Condition = class.new("Condition", Condition)
sync.Condition._Lock = sync.Lock

---@class trio.CapacityLimiter: anyio.CapacityLimiter
sync.CapacityLimiter = class.new("CapacityLimiter", Limiter)
sync.CapacityLimiter.__index = Limiter.__index

--- What it is like now.
---@return table `borrowed_tokens`, `total_tokens`, `borrowers` (a list),
---  `tasks_waiting`
---Checkpoint: never.
---@usage print(limiter:statistics().borrowed_tokens)
function sync.CapacityLimiter:statistics()
  local result = Limiter.statistics(self)
  for i, borrower in ipairs(result.borrowers) do
    if type(borrower) == "userdata" then
      result.borrowers[i] = tasks.of(borrower)
    end
  end
  return result
end

return sync
