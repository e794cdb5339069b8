--- Futures: a value that will be there later, and who waits for it.

local base = require "asyncio.base"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local reports = require "asyncio.reports"
local task_lib = require "_anyrun.task"
local waiters = require "asyncio.waiters"

local CancelledError = errors.CancelledError
local error, getmetatable, ipairs = error, getmetatable, ipairs
local rawget = rawget
local setmetatable, table, tostring, type = setmetatable, table, tostring, type

local futures = {}

---@class asyncio.Future
---@field package _loop asyncio.Loop
---@field package _done boolean
---@field package _cancelled boolean
---@field package _callbacks? table native tasks that wait, and callbacks
local Future = class.new("Future")
Future._done, Future._cancelled = false, false
Future._blame = "future"

futures.Future = Future

--- A new future of a loop.
---@param loop asyncio.Loop
---@param cls? table a class that extends Future
---@return asyncio.Future
---Checkpoint: never.
---@usage local outer = futures.new(loop)
function futures.new(loop, cls)
  local self = setmetatable({ _loop = loop }, cls or Future)
  if loop._debug then self._created = base.site() end
  return self
end

--- A future of the running loop.
---Checkpoint: never.
---Raises: RuntimeError where no asyncio loop runs.
---@usage local future = asyncio.Future()
function Future:_init()
  self._loop = base.loop "Future"
  if self._loop._debug then self._created = base.site() end
end

--- Whether `value` is a future or a task.
---@param value any
---@return boolean
---Checkpoint: never.
---@usage if asyncio.isfuture(x) then x:cancel() end
function futures.isfuture(value)
  local mt = getmetatable(value)
  return type(value) == "table" and type(mt) == "table" and mt._blame ~= nil
end

--- Waits until it is done and returns the result or raises the error. One
--- that is done does not suspend and looks at no cancellation.
---@return any ... the result
---Checkpoint: unless it is done.
---Raises: the future's error; CancelledError when it was cancelled.
---@usage local value = future:await()
function Future:await()
  if self._done then return self:result() end
  waiters.park(self)
  local hit = self._cancelled or self._failed and base.is_cancelled(self._error)
  if hit and task_lib.has_pending_cancellation(task_lib.current()) then
    reports.seen(self)
    task_lib.checkpoint_if_cancelled() -- a scope's own error says more
  end
  return self:result()
end

-- State -------------------------------------------------------------------

--- Whether it has a result or an error or was cancelled.
---@return boolean
---Checkpoint: never.
---@usage while not future:done() do asyncio.sleep(0) end
function Future:done() return self._done end

--- Whether it was cancelled.
---@return boolean
---Checkpoint: never.
---@usage if future:cancelled() then return end
function Future:cancelled() return self._cancelled end

--- The loop it belongs to.
---@return asyncio.Loop
---Checkpoint: never.
---@usage future:get_loop():stop()
function Future:get_loop() return self._loop end

--- Cancels it at once; callbacks and waiters are queued.
---@param message? string
---@return boolean taken false when it was done already
---Checkpoint: never.
---@usage future:cancel("not needed any more")
function Future:cancel(message)
  reports.seen(self)
  if self._done then return false end
  self._cancelled, self._cancel_message = true, message
  waiters.finish(self)
  return true
end

local function not_pending(self)
  error(errors.InvalidStateError("invalid state: " .. tostring(self)), 3)
end

--- Gives it its result.
---@param value any
---Checkpoint: never.
---Raises: InvalidStateError when it is done.
---@usage future:set_result(42)
function Future:set_result(value)
  if self._done then not_pending(self) end
  self._value = value
  waiters.finish(self)
end

--- Makes it fail. A class is called to make the error.
---@param err any
---Checkpoint: never.
---Raises: InvalidStateError when it is done.
---@usage future:set_exception(asyncio.TimeoutError("too late"))
function Future:set_exception(err)
  if self._done then not_pending(self) end
  if class.extends(err, errors.BaseException) then
    err = err()
  elseif err == nil then
    error(errors.TypeError("set_exception: the error must not be nil"), 2)
  end
  self._failed, self._error = true, err
  reports.arm(self, err)
  waiters.finish(self)
end

-- The cancellation it ended with, as an error of whoever looks. That of a
-- scope inside a task means nothing to the scopes out here: a new one is made.
local function raise_cancelled(self)
  local err = self._error
  if err and not rawget(err, "scope_made") then error(err, 0) end
  error(CancelledError(err and err.message or self._cancel_message), 0)
end

local function not_set(what)
  error(errors.InvalidStateError(what .. " is not set."), 3)
end

--- The result.
---@return any
---Checkpoint: never.
---Raises: its error; CancelledError; InvalidStateError while it is not done.
---@usage local value = future:result()
function Future:result()
  if not self._done then not_set "Result" end
  if self._cancelled then raise_cancelled(self) end
  if self._failed then
    reports.seen(self)
    error(self._error, 0)
  end
  return self:_get()
end

function Future:_get() return self._value end

--- The error, nil when there is a result.
---@return any
---Checkpoint: never.
---Raises: CancelledError; InvalidStateError while it is not done.
---@usage local err = future:exception()
function Future:exception()
  if not self._done then not_set "Exception" end
  if self._cancelled then raise_cancelled(self) end
  reports.seen(self)
  if self._failed then return self._error end
end

-- Callbacks -----------------------------------------------------------------

--- Calls `f(self)` from the loop once it is done, or soon when it is.
---@param target function|table `f` or `{f, context = c}`
---Checkpoint: never.
---Raises: TypeError when `f` cannot be called.
---@usage task:add_done_callback(function(t) print(t) end)
function Future:add_done_callback(target)
  local f, context = target, nil
  if type(target) == "table" and not getmetatable(target) then
    f, context = target[1], target.context
  end
  base.callback("add_done_callback", f)
  local entry = { f, context == nil and task_lib.context() or context }
  if self._done then return waiters.serve(self, entry) end
  local list = self._callbacks
  if list then list[#list + 1] = entry else self._callbacks = { entry } end
end

--- Takes a callback away, as often as it was added.
---@param f function
---@return integer how many there were
---Checkpoint: never.
---@usage task:remove_done_callback(log)
function Future:remove_done_callback(f)
  local kept, removed = {}, 0
  for _, entry in ipairs(self._callbacks or kept) do
    if type(entry) == "table" and entry[1] == f then
      removed = removed + 1
    else
      kept[#kept + 1] = entry
    end
  end
  if removed > 0 then self._callbacks = kept end
  return removed
end

local function state_text(self)
  if self._cancelled then return "cancelled" end
  if not self._done then return "pending" end
  if self._failed then return "finished exception=" .. base.repr(self._error) end
  return "finished result=" .. base.repr(self._value)
end

--- The callbacks as `tostring` shows them.
---@param self asyncio.Future
---@return string
---Checkpoint: never.
---@usage text = text .. futures.callbacks_text(self)
function futures.callbacks_text(self)
  local list = {}
  for _, entry in ipairs(self._callbacks or list) do
    if type(entry) == "table" then list[#list + 1] = base.where(entry[1])
    else list[#list + 1] = ("wakeup of '%s'"):format(
        task_lib.face(entry):get_name()) end
  end
  if #list == 0 then return "" end
  return (" cb=[%s]"):format(table.concat(list, ", "))
end

function Future:__tostring()
  local site = self._created and " created at " .. self._created or ""
  return ("<%s %s%s%s>"):format(self.name, state_text(self),
    futures.callbacks_text(self), site)
end

--- Waits for a future of its own in a list, until whoever has the list settles it.
--- One that is cancelled is not left behind.
---@param list asyncio.Future[]
---@param loop asyncio.Loop
---Checkpoint: always.
---Raises: what the future is settled with.
---@usage futures.wait_in(self._waiters, self._loop)
function futures.wait_in(list, loop)
  local waiter = futures.new(loop)
  list[#list + 1] = waiter
  local ok, err = base.try(waiter.await, waiter)
  if ok then return end
  for i = 1, #list do
    if list[i] == waiter then
      table.remove(list, i)
      break
    end
  end
  errors.rethrow(err)
end

return futures
