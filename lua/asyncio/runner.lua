--- `run`, and `Runner`: several runs on one loop and in one context.

local base = require "asyncio.base"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local options = require "anyrun.options"
local running = require "asyncio.running"
local spec = require "anyrun.spec"
local task_lib = require "_anyrun.task"
local tasks = require "asyncio.tasks"

local error, os, setmetatable, type = error, os, setmetatable, type

local runner = {}

local OPTIONS <const> = { debug = "boolean?", loop_factory = "callable?" }

---@class asyncio.Runner
---@field package _loop? asyncio.Loop made when it is first needed
---@field package _context? table the one context of all its runs
local Runner = class.new("Runner")

runner.Runner = Runner

local function debug_by_environment()
  local value = os.getenv "ANYRUN_ASYNCIO_DEBUG"
  return value ~= nil and value ~= "" and value ~= "0"
end

--- Makes a runner; its loop is made when it is first needed.
---@param opts? table `debug`, `loop_factory`
---Checkpoint: never.
---@usage local runner <close> = asyncio.Runner({ debug = true })
function Runner:_init(opts)
  self._opts = options.check("Runner", opts, OPTIONS, 1, 4)
end

local function make_loop(opts)
  local factory = opts.loop_factory
  local loop = (factory or running.new_event_loop)()
  if type(loop) ~= "table" or not loop._start then
    error(errors.TypeError("loop_factory returned no event loop but "
      .. base.repr(loop)), 0)
  end
  if not factory then running.set_event_loop(loop) end
  return loop
end

local function prepare(self)
  if self._closed then
    error(errors.RuntimeError("Runner is closed"), 3)
  end
  if self._loop then return end
  local opts = self._opts
  local loop = make_loop(opts)
  local debug = opts.debug
  if debug == nil and not loop._debug then debug = debug_by_environment() end
  if debug ~= nil then loop:set_debug(debug) end
  self._loop = loop
end

--- Its loop.
---@return asyncio.Loop
---Checkpoint: never.
---Raises: RuntimeError when the runner is closed.
---@usage runner:get_loop():set_debug(true)
function Runner:get_loop()
  prepare(self)
  return self._loop
end

local function has_await(value)
  local kind = type(value)
  return (kind == "table" or kind == "userdata") and type(value.await) == "function"
end

local function await_it(awaitable) return awaitable:await() end

-- The function to run, its name and context.
local function parse(fname, main)
  if futures.isfuture(main) then return await_it, nil, nil, main end
  if options.callable(main) or type(main) == "table" and main[1] ~= nil then
    return spec.parse(fname, 1, main, nil, 5)
  end
  if has_await(main) then return await_it, nil, nil, main end
  error(errors.TypeError("an awaitable is required: a task function, a spec or "
    .. "a future, got " .. base.repr(main)), 4)
end

-- The main task begins: it is asyncio's like any other.
local function first_step(loop, f, name)
  local native = running.enter(loop)
  task_lib.set_name(native, name or tasks.next_name())
  loop._main = tasks.current_task()
  loop._main._f = f
end

local function in_main(loop, f, name, context, ...)
  first_step(loop, f, name)
  return context:run(f, ...)
end

-- A loop that was stopped under its main task has cancelled it.
local function after(loop, ok, ...)
  local was_stopped = loop._was_stopped
  loop._main, loop._was_stopped = nil, nil
  if ok then return ... end
  local err = (...)
  if was_stopped and base.is_cancelled(err) then
    err = errors.RuntimeError("Event loop stopped before Future completed.")
  end
  error(err, 0)
end

local function run(self, fname, main, ...)
  prepare(self)
  local f, name, context, awaitable = parse(fname, main)
  if not context then
    self._context = self._context or require("contextvars").copy_context()
    context = self._context
  end
  local loop = self._loop
  if f == await_it then
    return after(loop, base.try(running.run, loop, in_main, f, name, context,
      awaitable))
  end
  return after(loop, base.try(running.run, loop, in_main, f, name, context, ...))
end

--- Runs a task function on the loop, in the runner's context, to its end.
---@param main function|table task function, spec, or anything with `await`
---@param ... any its arguments
---@return any ... what it returned
---Checkpoint: never; it blocks the thread.
---Raises: what it raised; KeyboardInterrupt after control-C; RuntimeError when
---the runner is closed or a run is going on in this thread; TypeError.
---@usage local value = runner:run(main, 1, 2)
function Runner:run(main, ...) return run(self, "run", main, ...) end

--- Ends it: tasks that are left are cancelled and awaited, the loop closed.
---Checkpoint: never; it blocks the thread.
---@usage runner:close()
function Runner:close()
  self._closed = true
  local loop = self._loop
  if not loop then return end
  if loop:is_running() then
    self._closed = nil
    error(errors.RuntimeError("Cannot close a running event loop"), 2)
  end
  self._loop = nil
  if not self._opts.loop_factory then running.set_event_loop(nil) end
  running.close(loop, "_closing")
end

function Runner:__close() self:close() end

function Runner:__enter()
  prepare(self)
  return self
end

function Runner:__exit() self:close() end

--- Runs `main` as the main task of a loop of its own. What is left when it
--- ends is cancelled and awaited.
---@param main function|table task function, spec, or anything with `await`
---@param opts? table `debug`, `loop_factory`
---@param ... any arguments of `main`
---@return any ... what `main` returned
---Checkpoint: never; it blocks the thread.
---Raises: what `main` raised; KeyboardInterrupt after control-C; RuntimeError
---when a run is going on in this thread; TypeError.
---@usage asyncio.run(main, { debug = true }, "first argument")
function runner.run(main, opts, ...)
  opts = options.check("run", opts, OPTIONS)
  local one <close> = setmetatable({ _opts = opts }, Runner)
  return run(one, "run", main, ...)
end

return runner
