--- Executors of a loop: functions in worker threads.
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
local native_run = require "_anyrun.run"
local scope_lib = require "_anyrun.scope"
local spec = require "anyrun.spec"
local task_lib = require "_anyrun.task"
local thread = require "_anyrun.thread"
local threads = require "anyrun.threads"
local ThreadPoolExecutor = require "asyncio.pool"
local time = require "_anyrun.time"

local error, io, math, table = error, io, math, table

---@class asyncio.executor
local executor = { ThreadPoolExecutor = ThreadPoolExecutor }

local PATIENCE <const> = 300 -- seconds that the end of a run waits
local WORK <const>, DEFAULT <const> = {}, {} -- keys among the run's variables

-- What goes on in executors of the run: how many threads are at work, and what
-- is to be told when none is any more.
local function work_of_run()
  local variables = native_run.vars()
  local work = variables[WORK]
  if not work then
    work = { running = 0 }
    variables[WORK] = work
  end
  return work
end

-- What goes on in one of them: the same, and the jobs that have to wait, from
-- the `first` to the `last`.
local function state_of(pool)
  local variables = native_run.vars()
  local state = variables[pool]
  if not state then
    state = { running = 0, queue = {}, first = 1, last = 0 }
    variables[pool] = state
  end
  return state
end

local function default_pool()
  local variables = native_run.vars()
  local pool = variables[DEFAULT]
  if not pool then
    pool = ThreadPoolExecutor({ thread_name_prefix = "asyncio" })
    variables[DEFAULT] = pool
  end
  return pool
end

local function warn_of(work, seconds)
  io.stderr:write(("RuntimeWarning: the executor did not finish joining its "
    .. "threads within %g seconds (%d at work)\n"):format(seconds, work.running))
end

-- Waits until nothing is at work; false when the time is over.
local function wait(work, deadline)
  while work.running > 0 do
    work.idle = work.idle or Event()
    local scope = scope_lib.move_on_at(deadline, function()
      work.idle:wait()
    end)
    if scope.cancelled_caught then return work.running == 0 end
  end
  return true
end

-- The hidden task. A cancellation tells it that the run ends.
local function keep(work)
  local ends
  while work.running > 0 do
    local ok, in_time = errors.try(wait, work, ends or math.huge)
    if not ok and not ends then
      ends = time.now() + PATIENCE
    elseif ok and not in_time then
      warn_of(work, PATIENCE)
      break
    end
  end
  work.keeper, native_run.vars().executor_keeper = nil, nil
end

local function count(work, by)
  work.running = work.running + by
  if work.running == 0 and work.idle then
    work.idle:set()
    work.idle = nil
  end
end

local start

local function enqueue(state, job)
  state.last = state.last + 1
  state.queue[state.last] = job
end

local function dequeue(state)
  local first = state.first
  local job = state.queue[first]
  if job then state.queue[first], state.first = nil, first + 1 end
  return job
end

-- What had to wait is copied only now: it may turn out that it cannot be. Nobody
-- wants it any more where its future was cancelled.
local function start_next(pool, state)
  for job in dequeue, state do
    if not job.future:done() then
      local ok, err = errors.try(start, pool, job)
      if ok then return end
      job.settle(nil, err)
    end
  end
end

-- A thread is through.
local function finish(pool, call, settle)
  local state = state_of(pool)
  start_next(pool, state)
  count(state, -1)
  count(work_of_run(), -1)
  door.current():expect(-1)
  settle(call)
end

-- job: future, settle, variables, f, n and the arguments
function start(pool, job)
  local call = thread.submit("thread", job.variables, job.name, job.f,
    table.unpack(job, 1, job.n))
  local work = work_of_run()
  count(state_of(pool), 1)
  count(work, 1)
  door.current():expect(1)
  if not work.keeper then
    -- the run may end before its first step
    work.keeper = thread.must_begin(task_lib.spawn({ name = "executor" }, keep,
      work))
    native_run.vars().executor_keeper = work.keeper -- not among all_tasks()
  end
  call:desert()
  call:at_end(function() finish(pool, call, job.settle) end)
end

local function submit(pool, future, settle, variables, f, ...)
  if not pool and work_of_run().shut then
    error(errors.RuntimeError "Executor shutdown has been called", 0)
  end
  pool = pool or default_pool()
  if pool._shut then
    error(errors.RuntimeError "cannot schedule new futures after shutdown", 0)
  end
  local state, job = state_of(pool), table.pack(...)
  job.future, job.settle, job.variables, job.f = future, settle, variables, f
  job.name = ("%s_%d"):format(pool._prefix, state.running
    + state.last - state.first + 1)
  if state.running < pool._most then
    start(pool, job)
  else
    enqueue(state, job)
  end
end

-- The outcome of a call as a list, or as the error it raises.
local function outcome_of(call)
  return errors.try(function()
    return table.pack(threads.outcome(call, "in a worker thread", call:results()))
  end)
end

local function future_of(loop, pool, take, variables, f, ...)
  local future = futures.new(loop)
  submit(pool, future, function(call, err)
    local ok, value = false, err
    if call then ok, value = outcome_of(call) end
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

local function check_pool(pool)
  if class.is(pool, ThreadPoolExecutor) then return end
  error(errors.TypeError "executor must be ThreadPoolExecutor instance", 3)
end

--- Calls a function in a worker thread of an executor. Function, arguments and
--- result are copied.
---@param pool? asyncio.ThreadPoolExecutor nil: the default one, of at most
---min(32, processors + 4) threads
---@param f function
---@param ... any its arguments
---@return asyncio.Future of its first result
---Checkpoint: never.
---Raises: TypeError for another executor; RuntimeError after its shutdown.
---@usage local size = loop:run_in_executor(nil, measure, path):await()
function Loop:run_in_executor(pool, f, ...)
  if pool ~= nil then check_pool(pool) end
  options.arg("run_in_executor", 2, f, "callable")
  self:_check_open()
  return future_of(self, pool, first_of, nil, f, ...)
end

--- Has this executor take what names none.
---@param pool asyncio.ThreadPoolExecutor
---Checkpoint: never.
---Raises: TypeError for another kind of executor.
---@usage loop:set_default_executor(asyncio.ThreadPoolExecutor{ max_workers = 2 })
function Loop:set_default_executor(pool)
  check_pool(pool)
  self:_check_open()
  native_run.vars()[DEFAULT] = pool
end

--- Takes no more calls, and waits for those it has taken.
---@param wait_for_it? boolean false: it does not wait
---Checkpoint: where a thread is at work.
---@usage pool:shutdown()
function ThreadPoolExecutor:shutdown(wait_for_it)
  options.arg("shutdown", 1, wait_for_it, "boolean?")
  self._shut = true
  if wait_for_it ~= false and native_run.active() then
    wait(state_of(self), math.huge)
  end
end

function ThreadPoolExecutor:__close() self:shutdown() end

--- Waits for the threads of the default executor, which takes no more calls.
---@param timeout? number seconds; then it warns and waits no more
---Checkpoint: where a thread is at work.
---@usage loop:shutdown_default_executor(5)
function Loop:shutdown_default_executor(timeout) -- luacheck: ignore self
  options.arg("shutdown_default_executor", 1, timeout, "number?")
  work_of_run().shut = true
  local state = state_of(default_pool())
  local deadline = timeout and time.now() + timeout or math.huge
  if not wait(state, deadline) then warn_of(state, timeout) end
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
  local list = future_of(loop, nil, all_of, variables, fn, ...):await()
  return table.unpack(list, 1, list.n)
end

return executor
