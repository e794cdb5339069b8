--- Making tasks, finding them, and sleeping.

local base = require "asyncio.base"
local class = require "asyncio.task"
local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local options = require "anyrun.options"
local run_lib = require "_anyrun.run"
local spec = require "anyrun.spec"
local task_lib = require "_anyrun.task"
local time_lib = require "_anyrun.time"

local error, ipairs, select, setmetatable = error, ipairs, select, setmetatable
local table, type = table, type

local tasks = { Task = class.Task, next_name = class.next_name }

local SPEC <const> = { eager_start = "boolean" }

local function launch(self)
  local args = self._args
  self._args = nil
  local native = task_lib.spawn(self._opts, self._f, table.unpack(args, 1, args.n))
  self._opts = nil
  class.attach(self, native)
  for _ = 1, self._early or 0 do task_lib.cancel(native, self._early_message) end
end

local function parse(fname, eager, target)
  local f, name, context, rest = spec.parse(fname, 1, target, SPEC, 5)
  if rest and rest.eager_start ~= nil then eager = rest.eager_start end
  return f, {
    name = name or class.next_name(),
    context = context,
    eager = eager or nil,
  }
end

-- An eager task runs inside `spawn`: its face must be there before its body.
local function spawn(self, opts, f, ...)
  if opts.eager then
    local body = f
    function f(...)
      if not self._native then class.attach(self, task_lib.running()) end
      return body(...)
    end
  end
  local native = task_lib.spawn(opts, f, ...)
  if not self._native then class.attach(self, native) end
end

--- Makes a task without asking the loop's task factory.
---@param loop asyncio.Loop
---@param fname string the function's name as the caller knows it
---@param eager boolean it runs at once, up to where it first waits
---@param target function|table
---@param ... any
---@return asyncio.Task
---Checkpoint: never.
---Raises: RuntimeError when the loop is closed.
---@usage return tasks.make(loop, "create_task", false, f, ...)
function tasks.make(loop, fname, eager, target, ...)
  local f, opts = parse(fname, eager, target)
  loop:_check_open()
  -- all fields are named, so that it does not grow field by field
  local self = setmetatable({
    _loop = loop, _f = f, _context = opts.context, _native = nil, _done = nil,
    _cancelled = nil, _failed = nil, _callbacks = nil,
  }, class.Task)
  if loop._debug then self._created = base.site() end
  if loop._idle then
    opts.eager = nil
    self._opts, self._args = opts, { n = select("#", ...), ... }
    loop:_start(self, launch)
  else
    spawn(self, opts, f, ...)
  end
  return self
end

--- Makes a task, as the loop's factory makes them.
---@param loop asyncio.Loop
---@param fname string
---@param target function|table
---@param ... any
---@return asyncio.Task
---Checkpoint: never.
---@usage return tasks.create(self, "create_task", f, ...)
function tasks.create(loop, fname, target, ...)
  local factory = loop._factory
  if factory then return factory(loop, target, ...) end
  return tasks.make(loop, fname, false, target, ...)
end

--- Begins a task that nobody owns: it lives until it ends or the run does.
--- It first runs in the loop's next turn.
---@param target function|table task function or spec (`name`, `context`, `eager_start`)
---@param ... any its arguments
---@return asyncio.Task
---Checkpoint: never.
---Raises: RuntimeError where no asyncio loop runs.
---@usage local task = asyncio.create_task({ fetch, name = "fetcher" }, url)
function tasks.create_task(target, ...)
  return tasks.create(base.loop "create_task", "create_task", target, ...)
end

local function await_it(awaitable) return awaitable:await() end

-- Whether `value` is a task function or a spec of one.
local function is_target(value)
  return options.callable(value)
    or type(value) == "table" and options.callable(value[1])
end

local function has_await(value)
  local kind = type(value)
  return (kind == "table" or kind == "userdata")
    and type(value.await) == "function"
end

--- A future or task as it is; a task for a task function, a spec, or anything
--- with an `await` method.
---@param value any
---@param loop? asyncio.Loop the running one when absent
---@return asyncio.Future
---Checkpoint: never.
---Raises: TypeError for anything else; ValueError for another loop's future.
---@usage local future = asyncio.ensure_future(f)
function tasks.ensure_future(value, loop)
  if futures.isfuture(value) then
    if loop and value._loop ~= loop then
      error(errors.ValueError("The future belongs to a different loop than "
        .. "the one specified as the loop argument"), 2)
    end
    return value
  end
  loop = loop or base.loop "ensure_future"
  if is_target(value) then return tasks.create(loop, "ensure_future", value) end
  if has_await(value) then
    return tasks.create(loop, "ensure_future", await_it, value)
  end
  error(errors.TypeError("An asyncio.Future, a task function or an awaitable "
    .. "is required"), 2)
end

--- The Task that runs, nil in a callback.
---@return asyncio.Task?
---Checkpoint: never.
---Raises: RuntimeError where no asyncio loop runs.
---@usage print(asyncio.current_task():get_name())
function tasks.current_task()
  local loop = base.loop "current_task"
  local native = task_lib.running()
  if not native or native == loop._driver then return nil end
  return class.face_of(native)
end

--- The tasks of the running loop that have not ended, oldest first.
---@return asyncio.Task[]
---Checkpoint: never.
---Raises: RuntimeError where no asyncio loop runs.
---@usage for _, task in ipairs(asyncio.all_tasks()) do print(task) end
function tasks.all_tasks()
  local loop, list = base.loop "all_tasks", {}
  local hidden = run_lib.vars().executor_keeper
  for _, native in ipairs(task_lib.living()) do
    if native ~= loop._driver and native ~= hidden then list[#list + 1] = class.face_of(native) end
  end
  return list
end

--- Waits; a delay of zero or less lets the others run once.
---@param delay number seconds
---@param result? any
---@return any result
---Checkpoint: always.
---Raises: ValueError when `delay` is not a number to a mathematician.
---@usage asyncio.sleep(0.5)
function tasks.sleep(delay, result)
  options.arg("sleep", 1, delay, "number")
  base.needs_asyncio "sleep"
  if delay ~= delay then
    error(errors.ValueError("Invalid delay: NaN (not a number)"), 2)
  end
  time_lib.sleep(delay)
  return result
end

return tasks
