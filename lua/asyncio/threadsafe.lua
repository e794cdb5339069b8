--- A loop as other threads have it: what they may do with it.

local base = require "asyncio.base"
local calls = require "anyrun.portalcalls"
local class = require "anyrun.class"
local context = require "anyrun.context"
local context_vars = require("_anyrun.task").context
local door = require "anyrun.door"
local errors = require "anyrun.errors"
local Future = require "anyrun.threadfuture"
local loops = require "asyncio.loop"
local native_run = require "_anyrun.run"
local options = require "anyrun.options"
local spec = require "anyrun.spec"
local task_lib = require "_anyrun.task"
local thread = require "_anyrun.thread"
local time_lib = require "_anyrun.time"

local error, getmetatable, require, type = error, getmetatable, require, type

---@class asyncio.threadsafe
local threadsafe = {}

---@class asyncio.RemoteLoop
local RemoteLoop = class.new("Loop")
RemoteLoop.__copies = "value"

threadsafe.RemoteLoop = RemoteLoop

--- What stands for a loop in other threads. From then on its run is never taken
--- for stuck: somebody may come.
---@param loop asyncio.Loop
---@return asyncio.RemoteLoop
---Checkpoint: never.
---Raises: RuntimeError when the loop does not run in this thread.
---@usage return threadsafe.remote(loop)
function threadsafe.remote(loop)
  if not loop:is_running() then
    error(errors.RuntimeError(
      "only a loop that runs can be given to another thread"), 0)
  end
  local here = door.current()
  local remote = loop._remote
  if not remote or remote._door ~= here then
    remote = RemoteLoop()
    remote._door = here
    here:expect(1)
    loop._remote = remote
  end
  return remote
end

-- In the loop: outside any task, in the order of arrival, unless it was
-- cancelled meanwhile. An error is a callback's.
function door.handlers.call_soon(ask, _, variables, f, ...)
  if ask:cancelled() then return ask:withdraw() end
  ask:reply(true)
  context.of(variables):run(f, ...)
end

-- As the loop's factory makes them; where it fails the future says so, and the
-- error is a callback's as well.
local function make_task(loop, opts, ask, ...)
  local ok, err = errors.try(loop.create_task, loop, { calls.perform,
    name = opts.name, context = opts.context }, ask, ...)
  if ok then return end
  door.reply(ask, false, err)
  errors.rethrow(err)
end

function door.handlers.task(ask, name, variables, f, ...)
  local opts = door.spawn_options(variables)
  opts.name = name or require("asyncio.tasks").next_name()
  if native_run.is_deserted() then return ask:refuse() end
  local loop = base.loop "run_coroutine_threadsafe"
  calls.expect(ask:id())
  if loop:get_task_factory() then return make_task(loop, opts, ask, nil, f, ...) end
  thread.must_begin(task_lib.spawn(opts, calls.perform, ask, nil, f, ...))
end

---@class asyncio.RemoteHandle
local Handle = class.new("Handle")

--- Makes sure that the callback is not called, if it has not been.
---Checkpoint: never.
---@usage handle:cancel()
function Handle:cancel() self._call:withdraw() end

--- Whether it was cancelled in time.
---@return boolean
---Checkpoint: never.
---@usage if handle:cancelled() then return end
function Handle:cancelled() return self._call:state() == "withdrawn" end

local function ask(self, kind, info, variables, f, ...)
  local call = thread.ask(self._door, kind, info, variables, f, ...)
  if call:state() == "refused" then
    error(errors.RuntimeError "Event loop is closed", 3)
  end
  return call
end

--- Has the loop call a function soon, from another thread.
---@param f function|table the function, or `{f, context = context}`: copied
---@param ... any its arguments
---@return asyncio.RemoteHandle
---Checkpoint: never.
---Raises: RuntimeError when the loop is closed.
---@usage loop:call_soon_threadsafe(future.set_result, future, 1)
function RemoteLoop:call_soon_threadsafe(f, ...)
  local fn, _, ctx = spec.parse("call_soon_threadsafe", 1, f)
  local handle = Handle()
  handle._call = ask(self, "call_soon", nil, ctx and ctx.vars or context_vars(),
    fn, ...)
  return handle
end

--- The monotonic clock, in seconds: one and the same in all threads.
---@return number
---Checkpoint: never.
---@usage local start = loop:time()
function RemoteLoop:time() return time_lib.monotonic() end -- luacheck: ignore self

--- Whether it was closed: whoever calls it then comes too late.
---@return boolean
---Checkpoint: never.
---@usage if not loop:is_closed() then loop:call_soon_threadsafe(loop.stop, loop) end
function RemoteLoop:is_closed() return not self._door:is_open() end

-- The rest is for the loop's own thread: where the loop itself calls
-- `loop.stop`, because another thread asked it to, the loop is meant.
local function forward(key)
  return function(self, ...)
    if not self._door:is_here() then
      error(errors.RuntimeError("Non-thread-safe operation invoked on an event "
        .. "loop other than the current one"), 2)
    end
    local loop = base.loop(key)
    return loop[key](loop, ...)
  end
end

getmetatable(RemoteLoop).__index = function(cls, key)
  require "asyncio.running" -- adds some methods
  if type(key) ~= "string" or key:find "^_" or not loops.Loop[key] then
    return nil
  end
  local method = forward(key)
  cls[key] = method
  return method
end

-- Home again, it is equal to the loop itself.
function RemoteLoop.__eq(a, b)
  local one = class.is(a, RemoteLoop) and a or a._remote
  local other = class.is(b, RemoteLoop) and b or b._remote
  return one ~= nil and other ~= nil and one._door == other._door
end

function RemoteLoop:__tostring() return "<Loop of another thread>" end

--- Starts a task on a loop from another thread.
---@param f function|table the function, or `{f, name = name}`: copied
---@param loop asyncio.Loop
---@param ... any its arguments
---@return anyio.from_thread.Future whose `cancel` cancels the task
---Checkpoint: never.
---Raises: RuntimeError when the loop is closed.
---@usage asyncio.run_coroutine_threadsafe(fetch, loop, url):result(5)
function threadsafe.run_coroutine_threadsafe(f, loop, ...)
  local fn, name, ctx = spec.parse("run_coroutine_threadsafe", 1, f)
  if class.is(loop, loops.Loop) then loop = threadsafe.remote(loop) end
  options.arg("run_coroutine_threadsafe", 2, loop, function(value)
    if not class.is(value, RemoteLoop) then return "event loop expected" end
  end)
  return Future.of(ask(loop, "task", name, ctx and ctx.vars or context_vars(),
    fn, ...), loop._door)
end

return threadsafe
