--- Running a loop: `run_until_complete`, `run_forever`, `stop`, `close`.
-- A loop runs under a driver: a main task that waits for the future it is to
-- run for, or to be stopped, and that nobody sees.

local base = require "asyncio.base"
local errors = require "anyrun.errors"
local loops = require "asyncio.loop"
local reports = require "asyncio.reports"
local run_lib = require "_anyrun.run"
local task_lib = require "_anyrun.task"
local tasks = require "asyncio.tasks"
local time_lib = require "_anyrun.time"

local Loop = loops.Loop
local error, ipairs, select, setmetatable = error, ipairs, select, setmetatable

local running = { adopt = loops.adopt }

--- The open run of a loop that was made by hand.
---@param self asyncio.Loop
---@return userdata
---Checkpoint: never.
---Raises: RuntimeError when it is closed, runs, or another run is going on
---(which the core finds out).
---@usage local run = running.open(loop)
function running.open(self)
  self:_check_open()
  if self:is_running() then
    error(errors.RuntimeError("This event loop is already running"), 3)
  end
  self._run = self._run or run_lib.open({
    backend = "asyncio", uvloop = self._uvloop,
    debug = self._debug, loop = self,
  })
  return self._run
end

-- Whatever happens, the loop does not run afterwards. A run that was refused
-- the first time is dropped: it cannot be closed inside another one.
local Left = {}

function Left:__close()
  local loop = self.loop
  if not loop._ran then loop._run = nil end
  loop._idle, loop._driver = true, nil
  loop._stopping, loop._waiting = false, false
end

--- Runs `main` as the main task of a loop.
---@param self asyncio.Loop
---@param main function called with the loop and `...`
---@param ... any
---@return any ... what `main` returned
---Checkpoint: never; it blocks the thread.
---Raises: what `main` raised.
---@usage return running.run(loop, drive, future)
function running.run(self, main, ...)
  local run = running.open(self)
  local _ <close> = setmetatable({ loop = self }, Left)
  return run:run(main, self, ...)
end

--- The first thing in a main task.
---@param self asyncio.Loop
---@return userdata native the main task
---Checkpoint: never.
---@usage running.enter(loop)
function running.enter(self)
  self._ran = true
  loops.enter(self)
  if self._debug then require("asyncio.debugging").switch(self, true) end
  return task_lib.current()
end

-- Control-C for the driver: the future it runs for is asked first.
local function abort_driver(native)
  local loop = task_lib.face(native)
  local target = loop._target
  return not (target and not target:done() and target:cancel())
end

local function wake_driver(future)
  local loop = future:get_loop()
  if loop._waiting then
    loop._waiting = false
    task_lib.wake(loop._driver, true)
  end
end

local function drive(self, target)
  local native = running.enter(self)
  self._driver = native
  task_lib.set_face(native, self)
  self._target = target
  if target then target:add_done_callback(wake_driver) end
  if self._stopping then
    time_lib.sleep(0) -- one turn for what was queued before
  elseif not (target and target:done()) then
    self._waiting = true
    task_lib.wait("event loop", abort_driver, self)
  end
  self._target = nil
  if not target then return end
  target:remove_done_callback(wake_driver)
  if not target:done() then
    error(errors.RuntimeError("Event loop stopped before Future completed."), 0)
  end
  return target:result()
end

--- Runs the loop until a future is done, or a task that is begun for it.
---@param target any a future, task, task function, spec or awaitable
---@param ... any arguments of a task function
---@return any ... the result
---Checkpoint: never; it blocks the thread.
---Raises: the future's error; RuntimeError when the loop stops before, is
---closed, or a run is going on in this thread.
---@usage local value = loop:run_until_complete(main)
function Loop:run_until_complete(target, ...)
  running.open(self)
  local future
  if select("#", ...) > 0 then
    future = self:create_task(target, ...)
  else
    future = tasks.ensure_future(target, self)
  end
  return running.run(self, drive, future)
end

--- Runs the loop until `stop`.
---Checkpoint: never; it blocks the thread.
---Raises: RuntimeError when it is closed or a run is going on in this thread.
---@usage loop:run_forever()
function Loop:run_forever() running.run(self, drive) end

--- Ends `run_forever` or `run_until_complete` after this turn; before them, it
--- lets them do one turn.
---Checkpoint: never.
---@usage loop:stop()
function Loop:stop()
  if self._stopping then return end
  self._stopping = true
  if self._main then
    self._was_stopped = true
    self._main:cancel()
  elseif self._waiting then
    self._waiting = false
    task_lib.wake(self._driver, true)
  end
end

local function report_hanging(self)
  for _, task in ipairs(self._hanging) do
    reports.call(self, {
      message = "unhandled exception during asyncio.run() shutdown",
      exception = task._error,
      task = task,
    })
  end
  self._hanging = {}
end

--- Ends a loop: what is left is cancelled and awaited.
---@param self asyncio.Loop
---@param how "_closing"|"_abandoned" the end of a run, or just `close`
---Checkpoint: never; it blocks the thread.
---Raises: KeyboardInterrupt and SystemExit from the tasks that were left.
---@usage running.close(loop, "_closing")
function running.close(self, how)
  if self._closed then return end
  if self:is_running() then
    error(errors.RuntimeError("Cannot close a running event loop"), 3)
  end
  self[how] = true
  local run = self._run
  local ok, err = true, nil
  if run then
    self._idle = false -- tasks that end now may call back
    ok, err = base.try(run.close, run)
  end
  self._run, self._idle, self._closed = nil, true, true
  report_hanging(self)
  reports.flush(self)
  if not ok then error(err, 0) end
end

--- Closes the loop. Tasks that have not ended are reported and cancelled.
---Checkpoint: never.
---Raises: RuntimeError while it runs.
---@usage loop:close()
function Loop:close() running.close(self, "_abandoned") end

--- A loop of asyncio's kind; it does not run yet.
---@return asyncio.Loop
---Checkpoint: never.
---@usage local loop = asyncio.new_event_loop()
function running.new_event_loop() return loops.new(Loop) end

local current -- what set_event_loop was given

--- The loop that runs in this thread.
---@return asyncio.Loop
---Checkpoint: never.
---Raises: RuntimeError where none runs.
---@usage local loop = asyncio.get_running_loop()
function running.get_running_loop() return base.loop "get_running_loop" end

--- The running loop, else the one `set_event_loop` was given.
---@return asyncio.Loop
---Checkpoint: never.
---Raises: RuntimeError when there is neither.
---@usage local loop = asyncio.get_event_loop()
function running.get_event_loop()
  local loop = base.running() or current
  if loop then return loop end
  return base.loop "get_event_loop"
end

--- Has `get_event_loop` return this loop where none runs.
---@param loop? asyncio.Loop
---Checkpoint: never.
---@usage asyncio.set_event_loop(loop)
function running.set_event_loop(loop) current = loop end

return running
