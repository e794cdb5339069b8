--- ParkingLot: a queue of waiting tasks, and what breaks it.
local anyio = require "anyio"
local t = require "harness"
local trio = require "trio"
local lowlevel = trio.lowlevel
local ParkingLot = lowlevel.ParkingLot
local blocked = trio.testing.wait_all_tasks_blocked

-- Starts tasks 1 to n that park in `lot`, in that order; each logs its number.
local function park(nursery, lot, n, log)
  local parked = {}
  for i = 1, n do
    nursery:start_soon(function()
      parked[i] = lowlevel.current_task()
      lot:park()
      log(i)
    end)
    blocked()
  end
  return parked
end

t.test("[TR-PL-01] unpark wakes one, or as many as asked for, or all", function()
  local lot, log = ParkingLot(), t.log()
  trio.open_nursery(function(nursery)
    t.eq(lot:unpark(), {})
    park(nursery, lot, 8, log)
    t.eq(#lot, 8)
    t.eq(lot:statistics(), {tasks_waiting = 8})
    lot:unpark()
    blocked()
    t.eq(log.items, {1})
    lot:unpark{count = 3}
    blocked()
    t.eq(#log.items, 4)
    lot:unpark{count = math.huge}
    blocked()
    t.eq(#log.items, 8)
    park(nursery, lot, 2, log)
    t.eq(#lot:unpark_all(), 2)
  end)
  t.match(tostring(lot), "ParkingLot")
end)

t.test("[TR-PL-01] a count is a whole number or math.huge", function()
  local lot = ParkingLot()
  t.raises(anyio.ValueError, lot.unpark, lot, {count = 1.5})
  t.raises(anyio.ValueError, lot.unpark, lot, {count = -1})
  t.raises(anyio.TypeError, lot.unpark, lot, {n = 1})
  t.raises("number expected", lot.unpark, lot, {count = "1"})
end)

t.test("[TR-PL-02] first in, first out; unpark returns who was woken", function()
  local lot, log = ParkingLot(), t.log()
  trio.open_nursery(function(nursery)
    local parked = park(nursery, lot, 3, log)
    local woken = lot:unpark{count = 2}
    t.eq(#woken, 2)
    t.ok(woken[1] == parked[1] and woken[2] == parked[2])
    blocked()
    lot:unpark()
  end)
  t.eq(log.items[3], 3)
end)

t.test("[TR-PL-02] a cancelled task is not in the lot any more", function()
  local lot, log = ParkingLot(), t.log()
  trio.open_nursery(function(nursery)
    local scope
    nursery:start_soon(function()
      trio.CancelScope(function(s)
        scope = s
        lot:park()
      end)
      log "cancelled"
    end)
    blocked()
    park(nursery, lot, 1, log)
    scope:cancel()
    blocked()
    t.eq(log.items, {"cancelled"})
    t.eq(#lot, 1)
    lot:unpark()
  end)
  t.eq(log.items, {"cancelled", 1})
end)

t.test("[TR-PL-03] repark moves tasks to another lot's end", function()
  local lot, other, log = ParkingLot(), ParkingLot(), t.log()
  trio.open_nursery(function(nursery)
    park(nursery, lot, 5, log)
    lot:repark(other)
    t.eq({#lot, #other}, {4, 1})
    lot:repark(other, {count = 2})
    t.eq({#lot, #other}, {2, 3})
    lot:repark_all(other)
    t.eq({#lot, #other}, {0, 5})
    for _ = 1, 5 do
      other:unpark()
      blocked()
    end
  end)
  t.eq(log.items, {1, 2, 3, 4, 5})
  t.raises(anyio.TypeError, lot.repark, lot, {})
  t.raises(anyio.TypeError, lot.repark_all, lot)
end)

t.test("[TR-PL-03] a task that was moved and is cancelled leaves its new lot", function()
  local lot, other = ParkingLot(), ParkingLot()
  trio.open_nursery(function(nursery)
    nursery:start_soon(lot.park, lot)
    blocked()
    lot:repark(other)
    nursery.cancel_scope:cancel()
  end)
  t.eq({#lot, #other}, {0, 0})
end)

t.test("[TR-PL-04] a broken lot raises for those in it and those who come", function()
  local lot = ParkingLot()
  local me = lowlevel.current_task()
  local errors = 0
  trio.open_nursery(function(nursery)
    for _ = 1, 2 do
      nursery:start_soon(function()
        t.raises(trio.BrokenResourceError, lot.park, lot)
        errors = errors + 1
      end)
    end
    blocked()
    t.eq(lot.broken_by, {})
    lot:break_lot()
    t.ok(lot.broken_by[1] == me)
    t.eq(#lot, 0)
  end)
  t.eq(errors, 2)
  local err = t.raises(trio.BrokenResourceError, lot.park, lot)
  t.ok(tostring(err):find(me.name, 1, true), "names who broke it")
  lot:break_lot(me)
  t.eq(#lot.broken_by, 2)
  t.ok(lot.broken_by[2] == me)
  t.eq(lot:unpark(), {})
end)

t.test("[TR-PL-05] a lot breaks when its breaker's task ends", function()
  local lot = ParkingLot()
  local task
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      task = lowlevel.current_task()
      lowlevel.add_parking_lot_breaker(task, lot)
      blocked()
    end)
    t.raises(trio.BrokenResourceError, lot.park, lot)
  end)
  t.ok(lot.broken_by[1] == task)
  t.raises(trio.BrokenResourceError, lowlevel.add_parking_lot_breaker, task, ParkingLot())
  t.raises("Task expected", lowlevel.add_parking_lot_breaker, {}, lot)
  t.raises(anyio.TypeError, lowlevel.add_parking_lot_breaker, lowlevel.current_task(), {})
end)

t.test("[TR-PL-05] a breaker that was taken back does not break the lot", function()
  local lot, twice = ParkingLot(), ParkingLot()
  local add, remove = lowlevel.add_parking_lot_breaker, lowlevel.remove_parking_lot_breaker
  trio.open_nursery(function(nursery)
    nursery:start_soon(function()
      local me = lowlevel.current_task()
      t.raises(anyio.RuntimeError, remove, me, lot)
      add(me, lot)
      remove(me, lot)
      t.raises(anyio.RuntimeError, remove, me, lot)
      add(me, twice)
      add(me, twice)
      remove(me, twice)
    end)
  end)
  t.eq(#lot.broken_by, 0)
  t.eq(#twice.broken_by, 1)
end)
