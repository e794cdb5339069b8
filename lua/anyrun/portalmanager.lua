--- Context managers of a portal's run, entered and left by another thread.
-- One task of the run enters the manager, waits, and leaves it: what must be
-- left by the task that entered it (a task group) works, too.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local with = require "anyrun.with"

---@class anyrun.portalmanager
local manager = {}

-- In the portal's state: number -> {event =, err =, failed =}
local open, count = {}, 0

-- In the portal's run: the task that has the manager.
local function hold(cm, task_status)
  local swallowed = true
  count = count + 1
  local number, entry = count, { event = require "anyrun.sync.event"() }
  open[number] = entry
  local function body(value)
    task_status:started({ number = number, value = value })
    entry.event:wait()
    if entry.failed then errors.rethrow(entry.err) end
    swallowed = false
  end
  local ok, err = errors.try(with, cm, body)
  open[number] = nil
  if ok then return swallowed end
  -- the block's own error goes on in its thread: it is none of the portal's
  if entry.failed and rawequal(err, entry.err) then return false end
  errors.rethrow(err)
end

-- In the portal's run: the block of the other thread is over.
local function let_go(number, failed, err)
  local entry = open[number]
  entry.failed, entry.err = failed, err
  entry.event:set()
end

manager.hold, manager.let_go = hold, let_go

---@class anyrun.PortalManager
local Wrapped = class.new("BlockingContextManager")

function Wrapped:__enter()
  local future, started = self.portal:start_task(hold, self.cm)
  self.future, self.number = future, started.number
  return started.value
end

function Wrapped:__exit(err)
  self.portal:call(let_go, self.number, err ~= nil, err)
  return self.future:result() and err ~= nil
end

--- A manager for `with` in this thread.
---@param portal anyio.from_thread.BlockingPortal
---@param cm any
---@return table
---Checkpoint: never.
---@usage return manager.new(portal, cm)
function manager.new(portal, cm)
  local self = Wrapped()
  self.portal, self.cm = portal, cm
  return self
end

return manager
