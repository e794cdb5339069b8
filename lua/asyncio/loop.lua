--- The event loop as asyncio shows it: callbacks, making tasks, debug mode.
-- It is the face of a run. One made by `new_event_loop` opens its run when it
-- first runs (asyncio.running), and keeps what it is given before that; the
-- run of another library's `run` gets one when it is first asked for.

local base = require "asyncio.base"
local class = require "anyrun.class"
local elsewhere = require "asyncio.elsewhere"
local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local handles = require "asyncio.handles"
local options = require "anyrun.options"
local reports = require "asyncio.reports"
local run_lib = require "_anyrun.run"
local tasks = require "asyncio.tasks"
local monotonic = require("_anyrun.time").monotonic

local error, getmetatable, ipairs = error, getmetatable, ipairs
local rawget, require = rawget, require
local setmetatable, tostring = setmetatable, tostring
local active, vars = run_lib.active, run_lib.vars

local loops = {}

---@class asyncio.Loop
---@field slow_callback_duration number seconds a callback may take in debug mode
---@field package _idle boolean it does not run now: what comes is kept
---@field package _kept table what to start when it runs
---@field package _unseen integer failed futures nobody looked at
local Loop = class.new("Loop")
Loop.slow_callback_duration = 0.1
Loop._uvloop, Loop._debug, Loop._closed = false, false, false
Loop._idle, Loop._closing, Loop._abandoned = false, false, false

loops.Loop = Loop

-- Other threads get what they may use of it.
function Loop:__copies() return require("asyncio.threadsafe").remote(self) end

--- Makes a loop that does not run yet.
---@param cls table Loop or a class that extends it
---@return asyncio.Loop
---Checkpoint: never.
---@usage return loops.new(Loop)
function loops.new(cls)
  return setmetatable({
    _idle = true, _kept = {}, _hanging = {}, _unseen = 0,
  }, cls)
end

--- The face of the run this thread is in, which another library began.
---@param self? asyncio.Loop what a `loop_factory` made for it
---@return asyncio.Loop
---Checkpoint: never.
---@usage local loop = loops.adopt()
function loops.adopt(self)
  self = self
    or loops.new(vars().uvloop and require "asyncio.uv_loop" or Loop)
  loops.enter(self)
  if vars().debug then self:set_debug(true) end
  return self
end

--- The loop begins to run: whatever it was given before is started, in order.
---@param self asyncio.Loop
---Checkpoint: never.
---@usage loops.enter(loop)
function loops.enter(self)
  self._idle = false
  vars().loop = self
  run_lib.set_report(function(context) reports.call(self, context) end)
  local kept = self._kept
  self._kept = {}
  for _, entry in ipairs(kept) do entry.start(entry.what) end
end

-- Whether the run this thread is in is this loop's.
local function is_here(self)
  return active() == "asyncio" and vars().loop == self
end

-- A loop that another library's run brought ends with that run.
function Loop:_check_open()
  if self._closed or not self._idle and not is_here(self) then
    error(errors.RuntimeError("Event loop is closed"), 3)
  end
end

-- Starts a callback, task or wake-up now, or when the loop runs. It is open.
function Loop:_start(what, start)
  if not self._idle then return start(what) end
  self._kept[#self._kept + 1] = { what = what, start = start }
end

-- Debug mode: `what`, a handle or a task, held the loop for so long.
function Loop:_took(what, seconds)
  if seconds < self.slow_callback_duration then return end
  reports.call(self, { message = ("Executing %s took %.3f seconds"):format(
    tostring(what), seconds) })
end

--- The monotonic clock, in seconds.
---@return number
---Checkpoint: never.
---@usage local start = loop:time()
function Loop:time() return monotonic() end

--- Calls `f` in the loop's next turn, after what was queued before.
---@param target function|table `f` or `{f, context = c}`
---@param ... any its arguments
---@return asyncio.Handle
---Checkpoint: never.
---Raises: TypeError when `f` cannot be called; RuntimeError on a closed loop.
---@usage loop:call_soon(print, "soon")
function Loop:call_soon(target, ...)
  self:_check_open()
  return handles.soon(self, "call_soon", target, ...)
end

--- As `call_soon`; meant for other threads.
---@param target function|table
---@param ... any
---@return asyncio.Handle
---Checkpoint: never.
---Raises: as `call_soon`.
---@usage loop:call_soon_threadsafe(future.set_result, future, 1)
function Loop:call_soon_threadsafe(target, ...)
  self:_check_open()
  return handles.soon(self, "call_soon_threadsafe", target, ...)
end

--- Calls `f` after some seconds.
---@param delay number
---@param target function|table `f` or `{f, context = c}`
---@param ... any
---@return asyncio.TimerHandle
---Checkpoint: never.
---Raises: as `call_soon`.
---@usage local handle = loop:call_later(1, print, "a second later")
function Loop:call_later(delay, target, ...)
  options.arg("call_later", 1, delay, "number")
  self:_check_open()
  return self:_later("call_later", delay, target, ...)
end

--- Calls `f` at a time of the loop's clock.
---@param when number
---@param target function|table `f` or `{f, context = c}`
---@param ... any
---@return asyncio.TimerHandle
---Checkpoint: never.
---Raises: as `call_soon`.
---@usage loop:call_at(loop:time() + 1, print, "a second later")
function Loop:call_at(when, target, ...)
  options.arg("call_at", 1, when, "number")
  self:_check_open()
  return self:_at("call_at", when, target, ...)
end

-- The two a kind of loop may do its own way: uvloop counts milliseconds.
function Loop:_later(fname, delay, ...)
  return self:_at(fname, self:time() + delay, ...)
end

function Loop:_at(fname, when, ...)
  return handles.at(self, fname, when, false, ...)
end

--- A future of this loop.
---@return asyncio.Future
---Checkpoint: never.
---@usage local future = loop:create_future()
function Loop:create_future() return futures.new(self) end

--- Begins a task; on a loop that does not run, when it does.
---@param target function|table task function or spec (`name`, `context`, `eager_start`)
---@param ... any
---@return asyncio.Task
---Checkpoint: never.
---Raises: RuntimeError on a closed loop.
---@usage local task = loop:create_task(f)
function Loop:create_task(target, ...)
  self:_check_open()
  return tasks.create(self, "create_task", target, ...)
end

--- Has `factory(loop, target, ...)` make the tasks; nil: asyncio's own.
---@param factory? function
---Checkpoint: never.
---Raises: TypeError when it cannot be called.
---@usage loop:set_task_factory(asyncio.eager_task_factory)
function Loop:set_task_factory(factory)
  if factory ~= nil and not options.callable(factory) then
    error(errors.TypeError("task factory must be a callable or nil"), 2)
  end
  self._factory = factory
end

--- The task factory, nil when it is asyncio's own.
---@return function?
---Checkpoint: never.
---@usage local factory = loop:get_task_factory()
function Loop:get_task_factory() return self._factory end

--- Has `handler(loop, context)` hear of errors that reach nobody else.
---@param handler? function nil: they are written to standard error
---Checkpoint: never.
---Raises: TypeError when it cannot be called.
---@usage loop:set_exception_handler(function(_, c) log(c.message) end)
function Loop:set_exception_handler(handler)
  if handler ~= nil and not options.callable(handler) then
    error(errors.TypeError(
      "A callable object or nil is expected, got " .. base.repr(handler)), 2)
  end
  self._handler = handler
end

--- The exception handler, nil when there is none.
---@return function?
---Checkpoint: never.
---@usage local handler = loop:get_exception_handler()
function Loop:get_exception_handler() return self._handler end

--- Hands a report to the exception handler.
---@param context table `message`, perhaps `exception`, and more
---Checkpoint: never.
---@usage loop:call_exception_handler({ message = "odd", exception = err })
function Loop:call_exception_handler(context)
  options.arg("call_exception_handler", 1, context, "table")
  reports.call(self, context)
end

--- Writes a report to standard error.
---@param context table
---Checkpoint: never.
---@usage loop:default_exception_handler(context)
function Loop:default_exception_handler(context)
  options.arg("default_exception_handler", 1, context, "table")
  reports.default(context)
end

--- Switches debug mode: slow callbacks are reported, and reports say where
--- tasks, futures and handles were made.
---@param on boolean
---Checkpoint: never.
---@usage loop:set_debug(true)
function Loop:set_debug(on)
  on = not not on
  if on == self._debug then return end
  self._debug = on
  if not self._idle then require("asyncio.debugging").switch(self, on) end
end

--- Whether debug mode is on.
---@return boolean
---Checkpoint: never.
---@usage if loop:get_debug() then print(loop) end
function Loop:get_debug() return self._debug end

--- Whether it runs now.
---@return boolean
---Checkpoint: never.
---@usage if loop:is_running() then loop:stop() end
function Loop:is_running()
  return not self._idle and not self._closed and is_here(self)
end

--- Whether it was closed.
---@return boolean
---Checkpoint: never.
---@usage if not loop:is_closed() then loop:close() end
function Loop:is_closed()
  return self._closed or not self._idle and not is_here(self)
end

function Loop:__tostring()
  return ("<%s running=%s closed=%s debug=%s>"):format(self.name,
    tostring(self:is_running()), tostring(self._closed), tostring(self._debug))
end

-- What few loops need has files of its own, loaded when it is first used.
getmetatable(Loop).__index = function(cls, key)
  local file = elsewhere[key]
  if not file then return nil end
  require(file)
  return rawget(cls, key)
end

return loops
