--- ParkingLot: a fair queue of waiting tasks, and the tasks that break it.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local guard = require "trio.guard"
local lot_lib = require "_anyrun.lot"
local options = require "anyrun.options"
local task_lib = require "_anyrun.task"
local tasks = require "trio.tasks"

local error, ipairs, math_type = error, ipairs, math.type
local setmetatable, table_remove = setmetatable, table.remove
local huge = math.huge

---@class trio.parking_lot
local parking_lot = {}

---@class trio.lowlevel.ParkingLot
---@field broken_by trio.lowlevel.Task[] who broke it, in order
local ParkingLot = class.new("ParkingLot")
parking_lot.ParkingLot = ParkingLot

local COUNT = { count = "number" }

-- The lots that break when a task ends, by the task.
local lots_of = setmetatable({}, { __mode = "k" })

function ParkingLot:_init()
  self._lot = lot_lib.new "parking lot"
  self.broken_by = {}
end

function ParkingLot:__len() return #self._lot end

function ParkingLot:__tostring()
  return ("<ParkingLot at %p, %d parked>"):format(self, #self._lot)
end

local function count_of(name, opts, position)
  local count = options.check(name, opts, COUNT, position, 4).count or 1
  if count == huge then return count end
  if math_type(count) ~= "integer" or count < 0 then
    error(errors.ValueError(("'%s' needs a whole number of tasks"):format(
      name)), 0)
  end
  return count
end

--- Parks the current task at the end of the queue until it is unparked.
---Checkpoint: always.
---Raises: BrokenResourceError when the lot is broken or breaks; Cancelled.
---@usage while #queue == 0 do lot:park() end
function ParkingLot:park()
  guard.needs_trio "lowlevel.ParkingLot.park"
  local breaker = self.broken_by[1]
  if breaker then
    error(errors.BrokenResourceError(
      ("Attempted to park in parking lot broken by %s"):format(breaker)), 0)
  end
  self._lot:park()
end

--- Wakes the tasks that have been parked the longest.
---@param opts? table `count`: how many, 1 when absent, `math.huge` for all
---@return trio.lowlevel.Task[] those woken, oldest first
---Checkpoint: never.
---Raises: ValueError when `count` is no whole number.
---@usage lot:unpark { count = 2 }
function ParkingLot:unpark(opts)
  local count = count_of("unpark", opts, 1)
  return tasks.map(self._lot:unpark(count))
end

--- Wakes all parked tasks.
---@return trio.lowlevel.Task[] those woken, oldest first
---Checkpoint: never.
---@usage lot:unpark_all()
function ParkingLot:unpark_all() return tasks.map(self._lot:unpark(huge)) end

local function check_lot(new_lot)
  if not class.is(new_lot, ParkingLot) then
    error(errors.TypeError "new_lot must be a ParkingLot", 0)
  end
  return new_lot._lot
end

--- Moves the tasks that have been parked the longest to another lot's end.
---@param new_lot trio.lowlevel.ParkingLot
---@param opts? table `count`: how many, 1 when absent, `math.huge` for all
---Checkpoint: never.
---Raises: TypeError when `new_lot` is no ParkingLot; ValueError when `count`
---  is no whole number.
---@usage waiting:repark(lock_queue, { count = 3 })
function ParkingLot:repark(new_lot, opts)
  local target, count = check_lot(new_lot), count_of("repark", opts, 2)
  self._lot:repark(target, count)
end

--- Moves all parked tasks to another lot's end.
---@param new_lot trio.lowlevel.ParkingLot
---Checkpoint: never.
---Raises: TypeError when `new_lot` is no ParkingLot.
---@usage waiting:repark_all(lock_queue)
function ParkingLot:repark_all(new_lot)
  self._lot:repark(check_lot(new_lot), huge)
end

local function break_lot(self, native)
  local task = tasks.of(native)
  local broken_by = self.broken_by
  broken_by[#broken_by + 1] = task
  if #broken_by == 1 then self._lot:break_lot(native) end
end

--- Breaks the lot: whoever is parked in it, or parks later, gets an error.
---@param task? trio.lowlevel.Task who broke it; the current task when absent
---Checkpoint: never.
---@usage lot:break_lot()
function ParkingLot:break_lot(task)
  local native
  if task ~= nil then
    native = tasks.check(task, 1, "break_lot")
  else
    guard.needs_trio "lowlevel.ParkingLot.break_lot"
    native = task_lib.current()
  end
  break_lot(self, native)
end

--- How many tasks are parked.
---@return table `tasks_waiting`
---Checkpoint: never.
---@usage print(lot:statistics().tasks_waiting)
function ParkingLot:statistics() return { tasks_waiting = #self._lot } end

local function break_all(native)
  local lots = lots_of[native]
  lots_of[native] = nil
  for _, lot in ipairs(lots or {}) do break_lot(lot, native) end
end

--- Makes a lot break when a task ends.
---@param task trio.lowlevel.Task
---@param lot trio.lowlevel.ParkingLot
---Checkpoint: never.
---Raises: BrokenResourceError when the task has ended already.
---@usage trio.lowlevel.add_parking_lot_breaker(owner, lock_queue)
function parking_lot.add_parking_lot_breaker(task, lot)
  local native = tasks.check(task, 1, "add_parking_lot_breaker")
  check_lot(lot)
  if task_lib.state(native) == "done" then
    error(errors.BrokenResourceError(
      "Attempted to add already exited task as lot breaker."), 0)
  end
  local lots = lots_of[native]
  if not lots then
    lots = {}
    task_lib.on_done(native, break_all)
    lots_of[native] = lots
  end
  lots[#lots + 1] = lot
end

--- Takes back one `add_parking_lot_breaker`.
---@param task trio.lowlevel.Task
---@param lot trio.lowlevel.ParkingLot
---Checkpoint: never.
---Raises: RuntimeError when the task is no breaker of the lot.
---@usage trio.lowlevel.remove_parking_lot_breaker(owner, lock_queue)
function parking_lot.remove_parking_lot_breaker(task, lot)
  local native = tasks.check(task, 1, "remove_parking_lot_breaker")
  local lots = lots_of[native] or {}
  for i = 1, #lots do
    if lots[i] == lot then
      table_remove(lots, i)
      return
    end
  end
  error(errors.RuntimeError("Attempted to remove task as breaker for a lot it "
    .. "is not registered for"), 0)
end

return parking_lot
