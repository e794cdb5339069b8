--- asyncio's Barrier: tasks wait for each other, round after round.

local base = require "asyncio.base"
local checkpoint_if_cancelled = require("_anyrun.time").checkpoint_if_cancelled
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local new_lot = require("_anyrun.lot").new
local options = require "anyrun.options"

local error, getmetatable, rawget = error, getmetatable, rawget
local huge = math.huge

---@class asyncio.Barrier
---@field parties integer how many tasks it takes
---@field n_waiting integer how many of them are there
---@field broken boolean whether it was aborted
local Barrier = class.new "Barrier"

local computed = {
  n_waiting = function(self)
    return rawget(self, "_state") == "filling" and self._count or 0
  end,
  broken = function(self) return rawget(self, "_state") == "broken" end,
}

function Barrier:__index(key)
  local get = computed[key]
  if get then return get(self) end
  return getmetatable(self)[key]
end

--- Makes a barrier; also outside a run.
---@param parties integer at least 1
---@return asyncio.Barrier
---Checkpoint: never.
---Raises: ValueError when `parties` is less than 1.
---@usage local barrier = asyncio.Barrier(3)
function Barrier:_init(parties)
  options.arg("Barrier", 1, parties, "integer", 4)
  if parties < 1 then error(errors.ValueError "parties must be > 0", 0) end
  self.parties, self._count, self._state = parties, 0, "filling"
  self._lot, self._gate = new_lot "barrier", new_lot "next round of a barrier"
end

local function wake(self)
  self._lot:wake(huge)
  self._gate:wake(huge)
end

local function leave(self)
  self._count = self._count - 1
  if self._count > 0 then return end
  if self._state == "draining" or self._state == "resetting" then
    self._state = "filling"
  end
  self._gate:wake(huge)
end

local function check_whole(self)
  if self._state == "broken" then
    error(errors.BrokenBarrierError "Barrier aborted", 0)
  end
end

-- Fills the last place, or waits until somebody does.
local function fill(self)
  if self._count == self.parties then
    self._state = "draining"
    wake(self)
    return
  end
  local err = self._lot:wait()
  if err == nil and self._state == "resetting" then
    err = errors.BrokenBarrierError "Barrier has been reset"
  elseif err == nil and self._state == "broken" then
    err = errors.BrokenBarrierError "Barrier aborted"
  end
  if err == nil then return end
  leave(self)
  error(err, 0)
end

--- Waits until as many tasks wait as it takes.
---@return integer index 0 to parties - 1, another for each task of the round
---Checkpoint: unless this task is the last of its round.
---Raises: BrokenBarrierError when it is broken, or reset meanwhile;
---  CancelledError.
---@usage local index = barrier:wait()
function Barrier:wait()
  base.needs_asyncio "Barrier.wait"
  while self._state == "draining" or self._state == "resetting" do
    self._gate:park()
  end
  check_whole(self)
  if self._count + 1 < self.parties then
    checkpoint_if_cancelled() -- or it is refused, and not counted
  end
  local index = self._count
  self._count = index + 1
  fill(self)
  leave(self)
  return index
end

function Barrier:__enter() return self:wait() end

function Barrier:__exit() end

--- Makes it new: tasks that wait get BrokenBarrierError.
---Checkpoint: never.
---@usage barrier:reset()
function Barrier:reset()
  if self._count > 0 then
    self._state = "resetting"
    self._lot:wake(huge)
  else
    self._state = "filling"
    self._gate:wake(huge)
  end
end

--- Breaks it: who waits, or will wait, gets BrokenBarrierError until it is
--- reset.
---Checkpoint: never.
---@usage barrier:abort()
function Barrier:abort()
  self._state = "broken"
  wake(self)
end

--- What it is like now.
---@return table `tasks_waiting`
---Checkpoint: never.
---@usage print(barrier:statistics().tasks_waiting)
function Barrier:statistics() return { tasks_waiting = self.n_waiting } end

function Barrier:__tostring()
  return ("<Barrier: %s, %d of %d>"):format(self._state, self._count,
    self.parties)
end

return Barrier
