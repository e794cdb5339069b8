--- `trio.run`: a whole run, and the figures of the one that is going on.

local errors = require "anyrun.errors"
local guard = require "trio.guard"
local options = require "anyrun.options"
local run_lib = require "_anyrun.run"
local spec = require "anyrun.spec"
local token = require "trio.token"

local type, warn = type, warn

---@class trio.runner
local runner = {}

local INIT_TASKS <const> = 2 -- `<init>` and the task of run_sync_soon

-- What is wrong with a clock, or nil.
local function expect_clock(clock)
  local kind = type(clock)
  if kind == "table" or kind == "userdata" then
    if clock.start_clock and clock.current_time
        and clock.deadline_to_sleep_time then
      return nil
    end
  end
  return "object with start_clock, current_time and deadline_to_sleep_time "
    .. "expected"
end

local OPTIONS = {
  clock = expect_clock,
  instruments = "table",
  restrict_keyboard_interrupt_to_checkpoints = "boolean",
  strict_exception_groups = "boolean",
}

--- Runs `main` as the main task of a run of its own, and returns what it
--- returned when every task of the run has ended.
---@param main function|table the function, or `{f, name =, context =}`
---@param opts? table `clock`, `instruments`,
---  `restrict_keyboard_interrupt_to_checkpoints`, `strict_exception_groups`
---@param ... any the arguments of `main`
---@return any what `main` returned
---Checkpoint: never; it blocks the thread.
---Raises: what `main` raised; RuntimeError inside a run; TrioInternalError
---  when a system task, a callback or the clock failed.
---@usage trio.run(main, { clock = trio.testing.MockClock() }, "argument")
function runner.run(main, opts, ...)
  local f, name, context = spec.parse("run", 1, main)
  opts = options.check("run", opts, OPTIONS)
  if opts.strict_exception_groups == false then
    warn "TrioDeprecationWarning: strict_exception_groups = false is deprecated"
  end
  local native = {
    backend = "trio",
    name = name,
    context = context,
    clock = opts.clock,
    restrict_keyboard_interrupt_to_checkpoints =
      opts.restrict_keyboard_interrupt_to_checkpoints,
    strict_exception_groups = opts.strict_exception_groups,
    instruments = opts.instruments,
  }
  return run_lib.run(native, f, ...)
end

--- The clock of the run that is going on: the option `clock`, or one that
--- reads the system's.
---@return table with `current_time()` and `deadline_to_sleep_time(deadline)`
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage local clock = trio.lowlevel.current_clock()
function runner.current_clock()
  guard.needs_trio "lowlevel.current_clock"
  return run_lib.vars().clock or require("trio.clock").system()
end

--- Figures of the run that is going on.
---@return table `tasks_living`, `tasks_runnable`, `seconds_to_next_deadline`,
---  `run_sync_soon_queue_size`, `io_statistics`
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage print(trio.lowlevel.current_statistics().tasks_living)
function runner.current_statistics()
  guard.needs_trio "lowlevel.current_statistics"
  local figures = run_lib.statistics()
  return {
    tasks_living = figures.tasks_living + INIT_TASKS,
    tasks_runnable = figures.tasks_runnable,
    seconds_to_next_deadline = figures.seconds_to_next_deadline,
    run_sync_soon_queue_size = token.queue_size(),
    io_statistics = figures.io_statistics or { backend = "libuv" },
  }
end

--- The class of the warning about what will go away.
runner.TrioDeprecationWarning = errors.exception("TrioDeprecationWarning")

return runner
