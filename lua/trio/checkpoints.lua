--- Checkpoints and the questions where the code is: in a run, in a task.

local guard = require "trio.guard"
local run_lib = require "_anyrun.run"
local task_lib = require "_anyrun.task"

local active, running = run_lib.active, task_lib.running
local native_checkpoint = task_lib.checkpoint
local native_if_cancelled = task_lib.checkpoint_if_cancelled
local native_shielded = task_lib.cancel_shielded_checkpoint
local needs_trio = guard.needs_trio

---@class trio.checkpoints
local checkpoints = {}

--- Lets other tasks run, then raises a cancellation that is due.
---Checkpoint: always.
---Raises: Cancelled.
---@usage while busy() do trio.lowlevel.checkpoint() end
function checkpoints.checkpoint()
  needs_trio "lowlevel.checkpoint"
  native_checkpoint()
end

--- Raises a cancellation that is due; otherwise does nothing at all.
---Checkpoint: only a cancel point.
---Raises: Cancelled.
---@usage trio.lowlevel.checkpoint_if_cancelled()
function checkpoints.checkpoint_if_cancelled()
  needs_trio "lowlevel.checkpoint_if_cancelled"
  native_if_cancelled()
end

--- Lets other tasks run, and never raises a cancellation.
---Checkpoint: only a schedule point.
---@usage trio.lowlevel.cancel_shielded_checkpoint()
function checkpoints.cancel_shielded_checkpoint()
  needs_trio "lowlevel.cancel_shielded_checkpoint"
  native_shielded()
end

--- Whether a trio run is going on in this thread.
---@return boolean
---Checkpoint: never.
---@usage if trio.lowlevel.in_trio_run() then trio.current_time() end
function checkpoints.in_trio_run() return active() == "trio" end

--- Whether the code that asks is part of a task of a trio run.
---@return boolean
---Checkpoint: never.
---@usage if trio.lowlevel.in_trio_task() then trio.sleep(0) end
function checkpoints.in_trio_task()
  return active() == "trio" and running() ~= nil
end

return checkpoints
