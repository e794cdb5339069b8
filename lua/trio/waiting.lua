--- Waiting until another task says so: what every primitive is made of.
-- The outcome of a wait has the shape of `pcall`'s results: `true` and the
-- values, or `false` and an error.

local errors = require "anyrun.errors"
local guard = require "trio.guard"
local options = require "anyrun.options"
local spec = require "anyrun.spec"
local task_lib = require "_anyrun.task"
local tasks = require "trio.tasks"

local current, wait, wake = task_lib.current, task_lib.wait, task_lib.wake
local error, rawset, tostring = error, rawset, tostring

---@class trio.waiting
local waiting = {}

--- What an abort function answers: whether the wait has been undone.
---@enum trio.lowlevel.Abort
waiting.Abort = { SUCCEEDED = "SUCCEEDED", FAILED = "FAILED" }

--- The current task.
---@return trio.lowlevel.Task
---Checkpoint: never.
---Raises: NoEventLoopError outside a task.
---@usage local me = trio.lowlevel.current_task()
function waiting.current_task()
  guard.needs_trio "lowlevel.current_task"
  return tasks.of(current())
end

--- The task at the root of the run, `<init>`.
---@return table
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage print(#trio.lowlevel.current_root_task().child_nurseries)
function waiting.current_root_task()
  guard.needs_trio "lowlevel.current_root_task"
  return tasks.root()
end

local function forget_sleep_data(native)
  local face = task_lib.face(native)
  if face then rawset(face, "custom_sleep_data", nil) end
end

-- Asks the user's function whether the wait could be undone. An error it
-- raises, a wrong answer too, ends the run as a TrioInternalError.
local function answer_abort(abort_fn, native, make)
  local function raise_cancel()
    error(make and make() or errors.new_cancelled("trio", "unknown"), 0)
  end
  local answer = abort_fn(raise_cancel)
  if answer == "SUCCEEDED" then
    forget_sleep_data(native)
    return true
  elseif answer == "FAILED" then
    return false
  end
  error(errors.TypeError("an abort function must return Abort.SUCCEEDED or "
    .. "Abort.FAILED, not " .. tostring(answer)), 0)
end

--- Blocks the current task until `reschedule` is called for it. When a
--- cancellation wants in, `abort_fn(raise_cancel)` is called, once: it undoes
--- the wait and returns `Abort.SUCCEEDED`, or it returns `Abort.FAILED` and
--- somebody reschedules the task later, perhaps with `pcall(raise_cancel)`.
---@param abort_fn fun(raise_cancel: fun()): string
---@return any what `reschedule` was given
---Checkpoint: always.
---Raises: what `reschedule` was given; Cancelled.
---@usage local item = trio.lowlevel.wait_task_rescheduled(abort)
function waiting.wait_task_rescheduled(abort_fn)
  options.arg("wait_task_rescheduled", 1, abort_fn, "callable")
  guard.needs_trio "lowlevel.wait_task_rescheduled"
  return wait("wait_task_rescheduled", function(native, make)
    return answer_abort(abort_fn, native, make)
  end)
end

--- Lets a task go on that waits in `wait_task_rescheduled`. Without an outcome
--- the wait returns nothing.
---@param task trio.lowlevel.Task
---@param ok? boolean `true`: the wait returns the rest, `false`: it raises it
---@param ... any
---Checkpoint: never.
---Raises: RuntimeError when the task does not wait there.
---@usage trio.lowlevel.reschedule(task, true, item)
function waiting.reschedule(task, ok, ...)
  local native = tasks.check(task, 1, "reschedule")
  options.arg("reschedule", 2, ok, "boolean?")
  rawset(task, "custom_sleep_data", nil)
  wake(native, ok ~= false, ...)
end

--- Starts a task that belongs to the run rather than to a nursery: it is
--- cancelled when the main task has ended, and its errors end the run.
---@param f function|table the function, or `{f, name =, context =}`
---@param ... any its arguments
---@return trio.lowlevel.Task
---Checkpoint: never.
---Raises: RuntimeError when the run is closing.
---@usage trio.lowlevel.spawn_system_task({ poll, name = "poller" }, device)
function waiting.spawn_system_task(f, ...)
  guard.needs_trio "lowlevel.spawn_system_task"
  local fn, name, context = spec.parse("spawn_system_task", 1, f)
  return tasks.spawn_system({ name = name, context = context }, fn, ...)
end

return waiting
