--- Lock: one task at a time. Released, it belongs to who has waited longest.
-- Acquiring and releasing are C: see src/bind/locklib.c.

local TaskInfo = require "anyrun.taskinfo"
local class = require "anyrun.class"
local native = require "_anyrun.lock"
local options = require "anyrun.options"

local name, setmetatable = require("_anyrun.task").name, setmetatable

local KNOWN <const> = { fast_acquire = "boolean?" }

---@class anyio.Lock
local Lock = native.methods { __name = "Lock", name = "Lock" }
Lock.__index, Lock.class = Lock, Lock

--- Makes a lock nobody holds; also outside a run.
---@param opts? table `fast_acquire`: taking it while it is free lets no other
---  task run in between
---@return anyio.Lock
---Checkpoint: never.
---@usage local lock = anyio.Lock()
local function new(cls, opts)
  opts = options.check("Lock", opts, KNOWN, 1, 4)
  return native.new(cls, opts.fast_acquire)
end

--- Waits until the lock is this task's.
---@function Lock:acquire
---@return anyio.Lock self a to-be-closed value that releases it
---Checkpoint: always; with `fast_acquire` only cancellation is looked for
---  where the lock is free. Once it is taken, no cancellation is raised.
---Raises: RuntimeError when this task holds it; BrokenResourceError when its
---  owner ended with it; Cancelled.
---@usage local _ <close> = lock:acquire()

--- Takes the lock if it is free.
---@function Lock:acquire_nowait
---@return anyio.Lock self
---Checkpoint: never.
---Raises: WouldBlock when another task holds it; RuntimeError when this one
---  does; BrokenResourceError when its owner ended with it.
---@usage local _ <close> = lock:acquire_nowait()

--- Gives the lock to the task that has waited longest, if one waits.
---@function Lock:release
---Checkpoint: never.
---Raises: RuntimeError when this task does not hold it.
---@usage lock:release()

--- Whether somebody holds it.
---@function Lock:locked
---@return boolean
---Checkpoint: never.
---@usage if lock:locked() then print "busy" end

--- What it is like now.
---@return table `locked`, `owner` (a TaskInfo or nil), `tasks_waiting`
---Checkpoint: never.
---@usage print(lock:statistics().owner.name)
function Lock:statistics()
  if not self then class.colon(Lock, "statistics") end
  local owner = self:_owner()
  return {
    locked = self:locked(),
    owner = owner and TaskInfo(owner),
    tasks_waiting = self:_waiting(),
  }
end

function Lock:__tostring()
  local owner = self:_owner()
  return ("<%s: %s, %d waiting%s>"):format(self.name,
    self:locked() and "locked" or "unlocked", self:_waiting(),
    owner and ", held by '" .. name(owner) .. "'" or "")
end

return setmetatable(Lock, { __call = new })
