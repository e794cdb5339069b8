--- Event: something that happens once; whoever waits for it is woken.

local class = require "anyrun.class"
local colon = class.colon
local new_lot = require("_anyrun.lot").new
local checkpoint = require("_anyrun.time").checkpoint

---@class anyio.Event
local Event = class.new "Event"

--- Makes an event that has not happened; also outside a run.
---@return anyio.Event
---Checkpoint: never.
---@usage local ready = anyio.Event()
function Event:_init()
  self._set, self._lot = false, new_lot "event"
end

--- Lets it happen: wakes all who wait, on asyncio in the order they came, on
--- trio in any order. Nothing happens when it is set already.
---Checkpoint: never.
---@usage ready:set()
function Event:set()
  if not self then colon(Event, "set") end
  if self._set then return end
  self._set = true
  self._lot:wake_event()
end

--- Whether it was set.
---@return boolean
---Checkpoint: never.
---@usage if not ready:is_set() then print "not yet" end
function Event:is_set()
  if not self then colon(Event, "is_set") end
  return self._set
end

--- Waits until it is set.
---Checkpoint: always.
---Raises: Cancelled, also where it is set already.
---@usage ready:wait()
function Event:wait()
  if not self then colon(Event, "wait") end
  if self._set then return checkpoint() end
  self._lot:park()
end

--- What it is like now.
---@return table `tasks_waiting`
---Checkpoint: never.
---@usage print(ready:statistics().tasks_waiting)
function Event:statistics()
  if not self then colon(Event, "statistics") end
  return { tasks_waiting = #self._lot }
end

function Event:__tostring()
  return ("<Event: %s, %d waiting>"):format(self._set and "set" or "not set",
    #self._lot)
end

return Event
