--- Who waits for a future: tasks and callbacks in one list, served in the order
-- they came. A waiting task stands there as its native task, a callback as a
-- table {f, context}.

local base = require "asyncio.base"
local errors = require "anyrun.errors"
local handles = require "asyncio.handles"
local reports = require "asyncio.reports"
local task_lib = require "_anyrun.task"

local wait, wake = task_lib.wait, task_lib.wake
local error, table, tostring, type = error, table, tostring, type

local waiters = {}

local face_of -- set by asyncio.tasks: native task -> Task

--- Tells this file how to find the Task of a native task.
---@param f fun(native: userdata): asyncio.Task
---Checkpoint: never.
---@usage waiters.connect(face_of)
function waiters.connect(f) face_of = f end

-- A handle-like thing: wakes one native task once its loop runs again.
local function wake_later(item) wake(item.native, true) end

--- Queues one of those who wait for a future that is done.
---@param self asyncio.Future
---@param entry userdata|table
---Checkpoint: never.
---@usage waiters.serve(self, entry)
function waiters.serve(self, entry)
  local loop = self._loop
  if type(entry) == "table" then
    loop:_check_open()
    handles.soon(loop, "add_done_callback",
      { entry[1], context = entry[2] }, self)
  elseif loop._idle then
    loop:_start({ native = entry }, wake_later)
  else
    wake(entry, true)
  end
end

--- It is done: everybody who waits is queued, in order.
---@param self asyncio.Future
---Checkpoint: never.
---@usage waiters.finish(self)
function waiters.finish(self)
  self._done = true
  local list = self._callbacks
  if not list then return end
  self._callbacks = nil
  for i = 1, #list do waiters.serve(self, list[i]) end
end

local function forget(self, native)
  local list = self._callbacks
  for i = 1, list and #list or 0 do
    if list[i] == native then
      table.remove(list, i)
      return
    end
  end
end

-- What the request says: `make` makes the error it would raise.
local function message_of(make)
  return make and make().message
end

-- A cancellation wants into a task that waits. The awaited thing goes first: a
-- plain future is cancelled on the spot, which wakes this task in its turn; a
-- task or a gather is asked, and answers later by being done. Either way the
-- request is spent. One that is not taken comes after the wake-up.
local function abort(native, make)
  local face = face_of(native)
  local message = message_of(make)
  if not face._awaiting:cancel(message) then face._refused = { message } end
  return false
end

local function check_mine(self, face)
  if self == face then
    error(errors.RuntimeError("Task cannot await on itself: " .. tostring(self)), 3)
  elseif face._loop ~= self._loop then
    error(errors.RuntimeError(("%s got %s attached to a different loop"):format(
      tostring(face), tostring(self))), 3)
  end
end

--- Waits until it is done; no result is looked at.
---@param self asyncio.Future
---Checkpoint: unless it is done.
---Raises: RuntimeError when a task waits for itself or across loops.
---@usage waiters.park(self)
function waiters.park(self)
  local native = task_lib.current()
  local face = face_of(native)
  check_mine(self, face)
  -- no checkpoint from here to `wait`: the list and the park belong together
  local list = self._callbacks
  if list then list[#list + 1] = native else self._callbacks = { native } end
  face._awaiting = self
  local ok, err = base.try(wait, self._blame, abort, self)
  face._awaiting = nil
  if not ok then -- a cancellation that came when it was woken already
    forget(self, native)
    reports.seen(self) -- an error it was woken by is not nobody's
    error(err, 0)
  end
  local refused = face._refused
  if not refused then return end
  face._refused = nil
  reports.seen(self)
  error(errors.CancelledError(refused[1]), 0)
end

return waiters
