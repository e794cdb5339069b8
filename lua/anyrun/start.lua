--- `group:start(f, ...)`: spawn a task and wait until it says it has started.
-- Where the child lives until then is where the backends differ. On trio it
-- is in a group of the caller's, hence under the caller's scopes, and moves
-- to the target when it calls started(). On asyncio it is in the target from
-- the beginning; a cancellation of the caller is handed on to it.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local group = require "_anyrun.group"
local native_run = require "_anyrun.run"
local scope = require "_anyrun.scope"
local spec = require "anyrun.spec"
local task = require "_anyrun.task"
local TaskStatus = require "anyrun.taskstatus"

local error, type = error, type
local pack, setmetatable, unpack = table.pack, setmetatable, table.unpack

local function new_status(target)
  return setmetatable({ _target = target }, TaskStatus)
end

local function check_started(status)
  if not status._values then
    error(errors.RuntimeError(
      "Child exited without calling task_status.started()"), 3)
  end
end

-- ---- trio

local function begin_on_trio(self)
  -- A child that is being cancelled stays where its Cancelled is expected.
  if group.is_cancelled(self._old) then return end
  task.set_pending_group(self._task, nil)
  group.started(self._target, self._task)
end

-- The error of the only member, which start() raises bare.
local function unwrap(err)
  if errors.kind(err) & 4 == 0 or #err.exceptions ~= 1 then return err end
  return err.exceptions[1]
end

local function start_on_trio(target, f, args)
  local status = new_status(target)
  status._begin = begin_on_trio
  args[args.n + 1] = status
  local function body(old)
    status._old = old
    status._task = group.spawn_starting(old, false, f, unpack(args, 1, args.n + 1))
    task.set_pending_group(status._task, target)
  end
  -- Nothing that can fail until pcall: the group would wait for ever.
  group.starting(target, 1)
  -- Not through xpcall: what start() raises keeps its own story.
  local ok, err = pcall(group.open_nursery, body)
  group.starting(target, -1)
  if not ok then error(unwrap(err), 0) end
  check_started(status)
  return status
end

-- ---- asyncio

local function begin_on_asyncio(self)
  group.started(self._target, self._task)
  if self._waiter then
    local waiter = self._waiter
    self._waiter = nil
    task.wake(waiter, true)
  end
end

-- Wait for started() or for the child's end, whichever comes first.
local function wait_for_start(status)
  status._waiter = task.current()
  task.wait("start of a task", function()
    status._waiter = nil
    return true
  end)
end

local function start_on_asyncio(target, f, args)
  local status = new_status(target)
  status._begin = begin_on_asyncio
  args[args.n + 1] = status
  local child = group.spawn_starting(target, true, f, unpack(args, 1, args.n + 1))
  status._task = child
  task.on_done(child, function()
    local waiter = status._waiter
    status._waiter = nil
    if waiter then task.wake(waiter, true) end
  end)
  -- A bare pcall: the cancellation is handed to the child, then goes on.
  local ok, err = pcall(wait_for_start, status)
  if not ok then
    status._ignored, status._waiter = true, nil
    child:cancel()
    scope.CancelScope({ shield = true }, function() child:wait() end)
    error(err, 0)
  end
  if not status._values then
    local how, failure = task.outcome(child)
    if how == "failed" or how == "cancelled" then error(failure, 0) end
  end
  check_started(status)
  return status
end

--- Spawns a task and waits until it calls `task_status:started(...)`.
---@param target userdata the group or nursery
---@param fn function|table task function or spec; gets `task_status` last
---@param ... any its arguments
---@return any ... what started() was given; then (AnyIO's groups) the handle
---Checkpoint: always.
---Raises: what the child raised before it called started(); RuntimeError when
---it ended without calling it, or the group is not active.
---@usage local port = tg:start(serve, "localhost")
return function(target, fn, ...)
  if fn == nil and type(target) ~= "userdata" then
    class.colon({ __name = "TaskGroup" }, "start", target)
  end
  local f, name, context = spec.parse("start", 1, fn)
  task.check()
  local given = name ~= nil or context ~= nil
  local body = given and { f, name = name, context = context } or f
  local args = pack(...)
  local on_trio = native_run.active() == "trio"
  local status = (on_trio and start_on_trio or start_on_asyncio)(target, body, args)
  local values = status._values
  local handle = status._task
  task.set_start_values(handle, values)
  if group.is_nursery(target) then return unpack(values, 1, values.n) end
  -- started() without a value: nil stands where the start value belongs.
  local n = values.n > 0 and values.n or 1
  values[n + 1] = handle
  return unpack(values, 1, n + 1)
end
