--- The loop's default executor: functions in worker threads.
-- A task of the loop's own, which nobody sees, lives while a thread is at work:
-- it is what lets the end of a run wait for its threads.

local class = require "anyrun.class"
local context_vars = require("_anyrun.task").context
local door = require "anyrun.door"
local errors = require "anyrun.errors"
local Event = require "anyrun.sync.event"
local futures = require "asyncio.futures"
local Loop = require("asyncio.loop").Loop
local options = require "anyrun.options"
local peer = require "_anyrun.peer"
local native_run = require "_anyrun.run"
local scope_lib = require "_anyrun.scope"
local spec = require "anyrun.spec"
local task_lib = require "_anyrun.task"
local thread = require "_anyrun.thread"
local threads = require "anyrun.threads"
local time = require "_anyrun.time"

local error, io, math, table = error, io, math, table

---@class asyncio.executor
local executor = {}

local PATIENCE <const> = 300 -- seconds that the end of a run waits
local KEY = {} -- of the run's executor among its variables

local Executor = class.new("Executor")

local function of_run()
  local variables = native_run.vars()
  local self = variables[KEY]
  if not self then
    self = Executor()
    self.most = math.min(32, (peer.cpus() or 1) + 4)
    self.running, self.queue = 0, {}
    variables[KEY] = self
  end
  return self
end

local function warn_of(self, seconds)
  io.stderr:write(("RuntimeWarning: the executor did not finish joining its "
    .. "threads within %g seconds (%d at work)\n"):format(seconds, self.running))
end

-- Waits until nothing is at work; false when the time is over.
local function wait(self, deadline)
  while self.running > 0 do
    self.idle = self.idle or Event()
    local scope = scope_lib.move_on_at(deadline, function()
      self.idle:wait()
    end)
    if scope.cancelled_caught then return self.running == 0 end
  end
  return true
end

-- The hidden task. A cancellation tells it that the run ends.
local function keep(self)
  local ends
  while self.running > 0 do
    local ok, in_time = errors.try(wait, self, ends or math.huge)
    if not ok and not ends then
      ends = time.now() + PATIENCE
    elseif ok and not in_time then
      warn_of(self, PATIENCE)
      break
    end
  end
  self.keeper, native_run.vars().executor_keeper = nil, nil
end

local start

-- A thread is through.
local function finish(self, call, settle)
  self.running = self.running - 1
  door.current():expect(-1)
  local next_job = table.remove(self.queue, 1)
  if next_job then start(self, next_job) end
  if self.running == 0 and self.idle then
    self.idle:set()
    self.idle = nil
  end
  settle(call)
end

-- job: settle, variables, f, n and the arguments
function start(self, job)
  local call = thread.submit("thread", job.variables, job.name, job.f,
    table.unpack(job, 1, job.n))
  self.running = self.running + 1
  door.current():expect(1)
  if not self.keeper then
    -- the run may end before its first step
    self.keeper = thread.must_begin(task_lib.spawn({ name = "executor" }, keep,
      self))
    native_run.vars().executor_keeper = self.keeper -- not among all_tasks()
  end
  call:desert()
  call:at_end(function() finish(self, call, job.settle) end)
end

local function submit(settle, variables, f, ...)
  local self = of_run()
  if self.shut then
    error(errors.RuntimeError "Executor shutdown has been called", 0)
  end
  local n = 0
  for _ in pairs(self.queue) do n = n + 1 end
  local job = table.pack(...)
  job.settle, job.variables, job.f = settle, variables, f
  job.name = "asyncio_" .. self.running + n
  if self.running < self.most then
    start(self, job)
  else
    self.queue[#self.queue + 1] = job
  end
end

-- The outcome of a call as a list, or as the error it raises.
local function outcome_of(call)
  return errors.try(function()
    return table.pack(threads.outcome(call, "in a worker thread", call:results()))
  end)
end

local function future_of(loop, take, variables, f, ...)
  local future = futures.new(loop)
  submit(function(call)
    local ok, value = outcome_of(call)
    if future:done() then return end
    if ok then
      future:set_result(take(value))
    else
      future:set_exception(value)
    end
  end, variables, f, ...)
  return future
end

local function first_of(list) return list[1] end
local function all_of(list) return list end

--- Calls a function in a worker thread: at most min(32, processors + 4) at a
--- time. Function, arguments and result are copied.
---@param pool nil the default executor: there is no other
---@param f function
---@param ... any its arguments
---@return asyncio.Future of its first result
---Checkpoint: never.
---Raises: TypeError for another executor; RuntimeError after its shutdown.
---@usage local size = loop:run_in_executor(nil, measure, path):await()
function Loop:run_in_executor(pool, f, ...)
  if pool ~= nil then
    error(errors.TypeError "executor must be nil: the default one", 2)
  end
  options.arg("run_in_executor", 2, f, "callable")
  self:_check_open()
  return future_of(self, first_of, nil, f, ...)
end

--- Refuses: threads with Lua states are the only executor there is.
---@param pool any
---Checkpoint: never.
---Raises: TypeError.
---@usage loop:set_default_executor(pool)
function Loop:set_default_executor(pool) -- luacheck: ignore
  error(errors.TypeError("executor must be ThreadPoolExecutor instance: there is "
    .. "only the loop's own"), 2)
end

--- Waits for the threads of the default executor, which takes no more calls.
---@param timeout? number seconds; then it warns and waits no more
---Checkpoint: where a thread is at work.
---@usage loop:shutdown_default_executor(5)
function Loop:shutdown_default_executor(timeout) -- luacheck: ignore self
  options.arg("shutdown_default_executor", 1, timeout, "number?")
  local self_executor = of_run()
  self_executor.shut = true
  local deadline = timeout and time.now() + timeout or math.huge
  if not wait(self_executor, deadline) then warn_of(self_executor, timeout) end
end

--- Calls a function in a worker thread of the default executor, with a copy of
--- the context, and waits for it. Cancelled, it leaves the thread to itself;
--- the end of the run waits for that.
---@param f function|table the function, or `{f, context = context}`
---@param ... any its arguments
---@return any ... its results
---Checkpoint: always.
---Raises: what `f` raises; CancelledError.
---@usage local text = asyncio.to_thread(read, path)
function executor.to_thread(f, ...)
  local loop = require("asyncio.base").loop "to_thread"
  local fn, _, ctx = spec.parse("to_thread", 1, f)
  local variables = context_vars()
  if ctx then variables = ctx.vars end
  local list = future_of(loop, all_of, variables, fn, ...):await()
  return table.unpack(list, 1, list.n)
end

return executor
