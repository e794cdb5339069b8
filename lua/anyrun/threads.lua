--- Functions in worker threads, as every face has them.

local CapacityLimiter = require "anyrun.sync.limiter"
local door = require "anyrun.door"
local errors = require "anyrun.errors"
local native_errors = require "_anyrun.errors"
local native_run = require "_anyrun.run"
local options = require "anyrun.options"
local task_lib = require "_anyrun.task"
local thread = require "_anyrun.thread"

local active, vars = native_run.active, native_run.vars
local context_vars = task_lib.context
local checkpoint_if_cancelled = task_lib.checkpoint_if_cancelled
local error, require, type = error, require, type
local getmetatable, setmetatable = getmetatable, setmetatable
local acquire, submit = CapacityLimiter.acquire, thread.submit

---@class anyrun.threads
local threads = {}

local DEFAULT_TOKENS <const> = 40
local KEY = {} -- of the run's limiter among its variables

--- The limiter of calls that name none: 40 tokens, one for each run.
---@return anyio.CapacityLimiter
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage anyio.to_thread.current_default_thread_limiter().total_tokens = 8
function threads.current_default_thread_limiter()
  task_lib.current() -- begins the script's run
  local variables = vars()
  local limiter = variables[KEY]
  if not limiter then
    limiter = CapacityLimiter(DEFAULT_TOKENS)
    variables[KEY] = limiter
  end
  return limiter
end

--- Raises what came of a call that did not return; its traceback goes on below
--- the one from the thread.
---@param cancelled boolean the call's caller was cancelled meanwhile
---@param status any
---@param err any
---@param traceback? string
---@param where string
---Checkpoint: where it was cancelled.
---@usage threads.fail(false, call:results())
function threads.fail(cancelled, status, err, traceback, where)
  if status == "refused" then
    error(errors.RunFinishedError "the run has ended", 0)
  elseif status == "broken" and type(err) == "string" then
    err = errors.RuntimeError(err)
  end
  -- The thread looked whether it should end: it is this task's cancellation.
  if cancelled and errors.kind(err) & 2 ~= 0 then checkpoint_if_cancelled() end
  native_errors.raise_from(err, traceback, where)
end

--- What a call brought: its results, or its error is raised.
---@param call userdata
---@param where string who waited, in the traceback: "in a worker thread"
---@param status any
---@param ... any
---@return any ...
---Checkpoint: never, but where the call was cancelled.
---@usage return threads.outcome(call, "in a thread", call:results())
function threads.outcome(call, where, status, ...)
  if status == true then
    call:close()
    return ...
  end
  local cancelled = call:cancelled()
  call:close()
  local err, traceback = ...
  threads.fail(cancelled, status, err, traceback, where)
end

local outcome, serve = threads.outcome, door.serve

--- Waits until a call is over, and serves what it asks meanwhile.
---@param call userdata
---@param may_leave boolean a cancellation ends the wait, not only the call
---Checkpoint: where it has to wait.
---@usage threads.wait(call, false)
function threads.wait(call, may_leave)
  local ask = call:wait(may_leave)
  while ask do
    serve(ask)
    ask = call:wait(may_leave)
  end
end

local wait = threads.wait

local Held = { __close = function(self) self[1]:release() end }

-- A token of a limiter that is none of ours.
local function hold(limiter)
  limiter:acquire()
  return setmetatable({ limiter }, Held)
end

-- Asyncio: the token is the calling task's, and given back when it leaves.
local function run_on_asyncio(kind, limiter, may_leave, variables, name, f, ...)
  local _ <close> = getmetatable(limiter) == CapacityLimiter
    and acquire(limiter) or hold(limiter)
  local call = submit(kind, variables, name, f, ...)
  if may_leave then call:desert() end
  wait(call, may_leave)
  return outcome(call, "in a worker thread", call:results())
end

local function give_back(limiter, borrower)
  limiter:release_on_behalf_of(borrower)
end

-- How many threads of the run are at work, and who waits for them to be done.
local ACTIVE = {}

local function active_of_run()
  local variables = vars()
  local entry = variables[ACTIVE]
  if not entry then
    entry = { n = 0, lot = require("_anyrun.lot").new "threads" }
    variables[ACTIVE] = entry
  end
  return entry
end

local function ended(entry)
  entry.n = entry.n - 1
  if entry.n == 0 then entry.lot:unpark_all() end
end

--- How many threads are at work for the run.
---@return integer
---Checkpoint: never.
---@usage print(threads.active_count())
function threads.active_count() return active_of_run().n end

--- Waits until none is.
---Checkpoint: where there is one.
---@usage threads.wait_all()
function threads.wait_all()
  local entry = active_of_run()
  while entry.n > 0 do entry.lot:park() end
end

-- A limiter that fails hides no error of the function.
local function give_back_after(call, limiter, borrower)
  local ok, err = errors.try(give_back, limiter, borrower)
  if ok then return end
  local returned, cause = errors.try(outcome, call, "in a worker thread",
    call:results())
  errors.rethrow(returned and err or errors.chain(err, cause))
end

-- Trio: the token is the thread's, and given back when that is through.
local function run_on_trio(kind, limiter, may_leave, variables, name, f, ...)
  local borrower, entry = {}, active_of_run()
  limiter:acquire_on_behalf_of(borrower)
  local ok, call = errors.try(submit, kind, variables, name, f, ...)
  if not ok then
    give_back(limiter, borrower)
    errors.rethrow(call)
  end
  if may_leave then call:desert() end
  entry.n = entry.n + 1
  local err
  ok, err = errors.try(wait, call, may_leave)
  if not ok then
    call:at_end(function()
      ended(entry)
      give_back(limiter, borrower)
    end)
    errors.rethrow(err)
  end
  ended(entry)
  give_back_after(call, limiter, borrower)
  return outcome(call, "in a worker thread", call:results())
end

--- Has a thread call a function; the arguments were checked.
---@param kind "thread"|"interpreter"
---@param limiter any
---@param may_leave boolean
---@param variables? table of the context
---@param name? string of the thread
---@param f function
---@param ... any
---@return any ...
---Checkpoint: always.
---@usage return threads.call("thread", limiter, false, nil, nil, f, ...)
function threads.call(kind, limiter, may_leave, variables, name, f, ...)
  door.current()
  if active() == "trio" then
    return run_on_trio(kind, limiter, may_leave, variables, name, f, ...)
  end
  return run_on_asyncio(kind, limiter, may_leave, variables, name, f, ...)
end

--- Has a worker thread call a function that nothing was said of.
---@param f function
---@param ... any
---@return any ...
---Checkpoint: always.
---@usage return threads.call_plain(f, ...)
function threads.call_plain(f, ...)
  local limiter = threads.current_default_thread_limiter()
  return threads.call("thread", limiter, false, context_vars(), nil, f, ...)
end

local LIMITER_METHODS <const> = {
  asyncio = { "acquire", "release" },
  trio = { "acquire_on_behalf_of", "release_on_behalf_of" },
}

--- Checks an option `limiter`.
---@param fname string
---@param limiter any
---@return any limiter the default one for nil
---Checkpoint: never.
---@usage limiter = threads.check_limiter("run_sync", rest.limiter)
function threads.check_limiter(fname, limiter)
  if limiter == nil then return threads.current_default_thread_limiter() end
  local kind = type(limiter)
  local methods = LIMITER_METHODS[active()]
  if (kind == "table" or kind == "userdata")
    and options.callable(limiter[methods[1]])
    and options.callable(limiter[methods[2]]) then
    return limiter
  end
  error(("bad argument #1 to '%s' (option 'limiter': CapacityLimiter expected, "
    .. "got %s)"):format(fname, kind), 3)
end

--- The context that a call takes along: the one of its spec, or the current.
---@param ctx? contextvars.Context
---@return table? variables
---Checkpoint: never.
---@usage local variables = threads.variables(ctx)
function threads.variables(ctx)
  if ctx then return ctx.vars end
  return context_vars()
end

return threads
