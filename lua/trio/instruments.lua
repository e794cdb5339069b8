--- Instruments: what looks on while the scheduler works.
-- The scheduler is given a copy of an instrument's hooks as they are when it
-- is added; the copy hands on Tasks in place of the scheduler's own.

local errors = require "anyrun.errors"
local guard = require "trio.guard"
local run_lib = require "_anyrun.run"
local tasks = require "trio.tasks"

local error, ipairs, pairs, setmetatable = error, ipairs, pairs, setmetatable

---@class trio.instruments
local instruments = {}

-- Each hook, and whether its argument is a task.
local HOOKS <const> = {
  before_run = false,
  after_run = false,
  task_spawned = true,
  task_scheduled = true,
  before_task_step = true,
  after_task_step = true,
  task_exited = true,
  before_io_wait = false,
  after_io_wait = false,
}

-- The copy that stands for an instrument, and the variables of the run that
-- it was added to: `false` while it came with the options of `run`.
local copy_of = setmetatable({}, { __mode = "k" })
local run_of = setmetatable({}, { __mode = "k" })

local function hook(instrument, f, wants_task)
  if wants_task then
    return function(_, native) f(instrument, tasks.of(native)) end
  end
  return function(_, ...) f(instrument, ...) end
end

local function copy(instrument)
  local hooks = {}
  for name, wants_task in pairs(HOOKS) do
    local f = instrument[name]
    if f then hooks[name] = hook(instrument, f, wants_task) end
  end
  return hooks
end

--- The scheduler's copies of the instruments that a run begins with.
---@param list table[]
---@return table[]
---Checkpoint: never.
---Raises: what reading an instrument's hooks raises.
---@usage native.instruments = instruments.copies(opts.instruments)
function instruments.copies(list)
  local copies = {}
  for i, instrument in ipairs(list) do copies[i] = copy(instrument) end
  for i, instrument in ipairs(list) do
    copy_of[instrument], run_of[instrument] = copies[i], false
  end
  return copies
end

--- Forgets the instruments that a run began with; called when it has ended.
---@param list table[]
---Checkpoint: never.
---@usage instruments.forget(opts.instruments)
function instruments.forget(list)
  for _, instrument in ipairs(list) do
    copy_of[instrument], run_of[instrument] = nil, nil
  end
end

local function is_active(instrument, vars)
  local run = run_of[instrument]
  return run == false or run == vars
end

--- Adds an instrument to the run that is going on; a second time does nothing.
---@param instrument table
---Checkpoint: never.
---Raises: what reading the hooks raises; then nothing has been added.
---@usage trio.lowlevel.add_instrument(tracer)
function instruments.add_instrument(instrument)
  guard.needs_trio "lowlevel.add_instrument"
  local vars = run_lib.vars()
  if is_active(instrument, vars) then return end
  local hooks = copy(instrument)
  run_lib.add_instrument(hooks)
  copy_of[instrument], run_of[instrument] = hooks, vars
end

--- Takes an instrument out of the run that is going on.
---@param instrument table
---Checkpoint: never.
---Raises: LookupError when it has not been added.
---@usage trio.lowlevel.remove_instrument(tracer)
function instruments.remove_instrument(instrument)
  guard.needs_trio "lowlevel.remove_instrument"
  if not is_active(instrument, run_lib.vars()) then
    error(errors.LookupError("this instrument is not part of the run"), 0)
  end
  local hooks = copy_of[instrument]
  instruments.forget { instrument }
  run_lib.remove_instrument(hooks)
end

return instruments
