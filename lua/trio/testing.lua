--- What makes tests of concurrent code short, fast and repeatable.

local abc = require "trio.abc"
local class = require "anyrun.class"
local clock = require "trio.clock"
local errors = require "anyrun.errors"
local guard = require "trio.guard"
local options = require "anyrun.options"
local run_lib = require "_anyrun.run"
local runner = require "trio.runner"
local task_lib = require "_anyrun.task"

local error, require, select, setmetatable = error, require, select, setmetatable

---@class trio.testing
local testing = {}

testing.MockClock = clock.MockClock
testing.Sequencer = require "trio.sequencer"

--- Waits until every other task is blocked, and has been for a while.
---@param cushion? number how long, in real seconds; 0 when absent
---Checkpoint: always.
---Raises: Cancelled.
---@usage trio.testing.wait_all_tasks_blocked()
function testing.wait_all_tasks_blocked(cushion)
  options.arg("wait_all_tasks_blocked", 1, cushion, "number?")
  guard.needs_trio "testing.wait_all_tasks_blocked"
  run_lib.wait_idle(cushion or 0)
end

--- How many worker threads are at work for this run.
---@return integer
---Checkpoint: never.
---@usage assert(trio.testing.active_thread_count() == 0)
function testing.active_thread_count()
  guard.needs_trio "testing.active_thread_count"
  return require("anyrun.threads").active_count()
end

--- Waits until no worker thread is at work for this run, abandoned ones
--- included.
---Checkpoint: where there is one.
---Raises: Cancelled.
---@usage trio.testing.wait_all_threads_completed()
function testing.wait_all_threads_completed()
  guard.needs_trio "testing.wait_all_threads_completed"
  require("anyrun.threads").wait_all()
end

local function points()
  guard.needs_trio "testing.assert_checkpoints"
  return task_lib.points(task_lib.current())
end

local function assertion(text) error(errors.AssertionError(text), 0) end

local function verify(cancel_before, schedule_before, ...)
  local cancel, schedule = points()
  if cancel == cancel_before or schedule == schedule_before then
    assertion "assert_checkpoints block did not yield!"
  end
  return ...
end

--- Runs `body`, which must be a full checkpoint: a cancel point and a schedule
--- point. A body that raises is not judged.
---@param body fun(): ...
---@return any what `body` returned
---Checkpoint: as `body`.
---Raises: AssertionError.
---@usage trio.testing.assert_checkpoints(function() trio.sleep(0) end)
function testing.assert_checkpoints(body)
  options.arg("assert_checkpoints", 1, body, "callable")
  local cancel, schedule = points()
  return verify(cancel, schedule, body())
end

local function verify_none(cancel_before, schedule_before, ok, ...)
  local cancel, schedule = points()
  if cancel ~= cancel_before or schedule ~= schedule_before then
    assertion "assert_no_checkpoints block yielded!"
  end
  if not ok then error((...), 0) end
  return ...
end

--- Runs `body`, which must be neither a cancel point nor a schedule point.
---@param body fun(): ...
---@return any what `body` returned
---Checkpoint: never.
---Raises: AssertionError.
---@usage trio.testing.assert_no_checkpoints(function() scope:cancel() end)
function testing.assert_no_checkpoints(body)
  options.arg("assert_no_checkpoints", 1, body, "callable")
  local cancel, schedule = points()
  -- a body that raises is judged too
  return verify_none(cancel, schedule, errors.try(body))
end

local function pick(...)
  local found, instruments = nil, {}
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    if class.is(value, abc.Clock) then
      if found then error(errors.ValueError "too many clocks spoil the broth!", 0) end
      found = value
    elseif class.is(value, abc.Instrument) then
      instruments[#instruments + 1] = value
    end
  end
  return { clock = found, instruments = instruments }
end

--- A function that runs `f` in a run of its own. A clock and instruments among
--- its arguments, if made from `trio.abc`'s classes, are the run's.
---@param f function
---@return function
---Checkpoint: never; the new function blocks the thread.
---Raises: the new function: ValueError for two clocks, and what `f` raises.
---@usage local test = trio.testing.trio_test(function(clock) end)
function testing.trio_test(f)
  options.arg("trio_test", 1, f, "callable")
  return function(...) return runner.run(f, pick(...), ...) end
end

-- Streams for tests are loaded when one of their names is first looked at.
local LAZY <const> = {
  MemoryReceiveStream = "memory_streams", MemorySendStream = "memory_streams",
  check_half_closeable_stream = "check_two_way",
  check_one_way_stream = "check_one_way", check_two_way_stream = "check_two_way",
  lockstep_stream_one_way_pair = "lockstep_streams",
  lockstep_stream_pair = "lockstep_streams",
  memory_stream_one_way_pair = "memory_streams",
  memory_stream_pair = "memory_streams", memory_stream_pump = "memory_streams",
  open_stream_to_socket_listener = "socket_testing",
}

return setmetatable(testing, {
  __index = function(self, key)
    local value = LAZY[key] and require("trio." .. LAZY[key])[key]
    self[key] = value
    return value
  end,
})
