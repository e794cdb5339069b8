--- BlockingPortal: the way from any thread into a run, as long as its body
--- runs.
-- A portal is the run's door and a number; what it consists of at home stands
-- in a table of the home state, under that number. So a portal can be copied
-- to any thread, and is one and the same.

local class = require "anyrun.class"
local context = require "anyrun.context"
local context_vars = require("_anyrun.task").context
local door_lib = require "anyrun.door"
local errors = require "anyrun.errors"
local Future = require "anyrun.threadfuture"
local group = require "_anyrun.group"
local running = require "anyrun.portalcalls"
local spec = require "anyrun.spec"
local thread = require "_anyrun.thread"
local threads = require "anyrun.threads"

local error = error

---@class anyio.from_thread.BlockingPortal
local BlockingPortal = class.new("BlockingPortal")
BlockingPortal.__copies = "value"

local homes, count = {}, 0

local function home_of(self, what)
  local home = self._door and self._door:is_here() and homes[self._number]
  if home then return home end
  error(errors.RuntimeError(("'%s' is for the portal's own event loop: call it "
    .. "by portal:call(portal.%s, portal)"):format(what, what)), 3)
end

-- The portal's body is over: others come in vain.
local function close(self, home, failed)
  self:stop(failed)
  home.tg = nil
end

local function finish(self, home, ok, ...)
  close(self, home, not ok)
  if not ok then errors.rethrow((...)) end
  return ...
end

local function leave(self, ...)
  homes[self._number] = nil
  self._door:expect(-1)
  return ...
end

local function give_up(self, ok, ...)
  leave(self)
  if not ok then errors.rethrow((...)) end
  return ...
end

--- Opens a portal to the run for the duration of the body.
---@param body? fun(portal: anyio.from_thread.BlockingPortal): ...
---@return any ... what the body returned; without a body the portal, which
---is called with one later
---Checkpoint: always, at the end: it waits for what was started through it.
---Raises: what the body or a task raises, in a group.
---@usage BlockingPortal(function(portal) portal:sleep_until_stopped() end)
function BlockingPortal:__call(body)
  count = count + 1
  self._door, self._number = door_lib.current(), count
  local home = { stopped = require "anyrun.sync.event"() }
  homes[count] = home
  self._door:expect(1)
  return give_up(self, errors.try(group.create_task_group, function(tg)
    home.tg = tg
    return finish(self, home, errors.try(body, self))
  end))
end

-- A copy is the portal that it is a copy of.
function BlockingPortal:__eq(other)
  return self._number ~= nil and self._number == other._number
    and self._door == other._door
end

getmetatable(BlockingPortal).__call = function(cls, body)
  local self = setmetatable({}, cls)
  if body == nil then return self end
  if type(body) ~= "function" then
    error(("bad argument #1 to 'BlockingPortal' (function expected, got %s)")
      :format(type(body)), 2)
  end
  return self(body)
end

--- Waits until somebody stops the portal.
---Checkpoint: always.
---@usage portal:sleep_until_stopped()
function BlockingPortal:sleep_until_stopped()
  home_of(self, "sleep_until_stopped").stopped:wait()
end

--- No new calls come in from now on, and `sleep_until_stopped` returns.
---@param cancel_remaining? boolean also cancel what is going on
---Checkpoint: never.
---@usage portal:call(portal.stop, portal)
function BlockingPortal:stop(cancel_remaining)
  local home = home_of(self, "stop")
  home.is_stopped = true
  home.stopped:set()
  if cancel_remaining and home.tg then
    home.tg.cancel_scope:cancel "the blocking portal is shutting down"
  end
end

-- In the portal's loop: a call arrived.
local function start(ask, info, variables, f, ...)
  local home = homes[info.number]
  if not home or home.is_stopped or not home.tg then
    return ask:refuse()
  end
  local body = info.promise and running.perform_starting or running.perform
  running.expect((info.promise or ask):id())
  thread.must_begin(home.tg:start_soon({ body, name = info.name or require "anyrun.names"(f),
    context = context.of(variables) }, ask, info.promise, f, ...))
  ask:begin()
end

door_lib.handlers.portal = start

local function not_running(level)
  error(errors.RuntimeError "This portal is not running", level + 1)
end

-- Asks the portal's loop to start a function.
local function ask_for(self, what, promise, target, ...)
  local f, name, ctx = spec.parse(what, 1, target, nil, 4)
  if not self._door then
    not_running(3)
  elseif self._door:is_here() then
    error(errors.RuntimeError(
      "This method cannot be called from the event loop thread"), 3)
  end
  return thread.ask(self._door, "portal",
    { number = self._number, name = name, promise = promise },
    ctx and ctx.vars or context_vars(), f, ...)
end

-- Waits; interrupted by control-C it cancels the future, which nobody else has.
local function join(call, future)
  local ok, err = errors.try(call.join, call, nil, future._door)
  if not ok then
    future:cancel()
    errors.rethrow(err)
  elseif call:state() == "refused" then
    not_running(3)
  end
end

--- Calls a function in the portal's run and waits for it; blocks the thread.
---@param f function|table the function, or `{f, name = name}`: it is copied
---@param ... any its arguments
---@return any ... its results
---Checkpoint: never.
---Raises: what `f` raises; RuntimeError in the portal's own thread or when the
---portal is stopped; FutureCancelled when it is cancelled; DeadlockError when the
---portal's loop has likewise called the one that runs in this thread, and waits.
---KeyboardInterrupt ends the wait, and cancels `f`.
---@usage print(portal:call(fetch, url))
function BlockingPortal:call(f, ...)
  local call = ask_for(self, "call", nil, f, ...)
  local future = Future.of(call, self._door)
  join(call, future)
  return future:result()
end

--- Starts a function in the portal's run.
---@param f function|table
---@param ... any
---@return anyio.from_thread.Future
---Checkpoint: never.
---Raises: RuntimeError in the portal's own thread or when the portal is stopped.
---@usage local future = portal:start_task_soon({ fetch, name = "fetch" }, url)
function BlockingPortal:start_task_soon(f, ...)
  local call = ask_for(self, "start_task_soon", nil, f, ...)
  call:join_begun(self._door) -- the portal may be left then: it waits for the task
  if call:state() == "refused" then not_running(2) end
  return Future.of(call, self._door)
end

--- Starts a function in the portal's run and waits until it says that it has
--- started: it gets a `task_status` as its last argument.
---@param f function|table
---@param ... any
---@return anyio.from_thread.Future future
---@return any value what `task_status:started(value)` was given
---Checkpoint: never.
---Raises: what `f` raises before; RuntimeError when it ends without a word, in the
---portal's own thread or when the portal is stopped.
---@usage local future, port = portal:start_task(serve)
function BlockingPortal:start_task(f, ...)
  local promise = thread.promise()
  local call = ask_for(self, "start_task", promise, f, ...)
  local future = Future.of(promise, self._door)
  join(call, future)
  return future, threads.outcome(call, "in the thread of the run", call:results())
end

--- Makes of a context manager of the portal's run one for this thread.
---@param cm any the manager, or a reference to it
---@return table cm for `anyio.with`
---Checkpoint: never.
---@usage anyio.with(portal:wrap_async_context_manager(cm), function(value) end)
function BlockingPortal:wrap_async_context_manager(cm)
  return require("anyrun.portalmanager").new(self, cm)
end

function BlockingPortal:__tostring()
  return ("<BlockingPortal %s>"):format(self._number or "(closed)")
end

return BlockingPortal
