--- What a script may implement for trio: clocks and instruments.
-- Being made from these classes is not required: whatever has the functions
-- will do. `trio.testing.trio_test` recognises its arguments by them.

local class = require "anyrun.class"
local errors = require "anyrun.errors"

local error, require, setmetatable = error, require, setmetatable

---@class trio.abc
local abc = {}

--- The clock of a run: give it to `trio.run` as the option `clock`.
---@class trio.abc.Clock
local Clock = class.new("Clock")
abc.Clock = Clock

local function missing(self, name)
  error(errors.NotImplementedError(("%s has no '%s'"):format(
    self.name, name)), 0)
end

--- Called once, when a run that uses the clock begins.
---Checkpoint: never.
---@usage function MyClock:start_clock() self.base = os.time() end
function Clock:start_clock() missing(self, "start_clock") end

--- The clock's time in seconds.
---@return number
---Checkpoint: never.
---@usage function MyClock:current_time() return os.time() - self.base end
function Clock:current_time() missing(self, "current_time") end

--- How many real seconds from now the clock will show `deadline`.
---@param deadline number
---@return number
---Checkpoint: never.
---@usage function MyClock:deadline_to_sleep_time(t) return t - self:current_time() end
function Clock:deadline_to_sleep_time(deadline) -- luacheck: ignore 212
  missing(self, "deadline_to_sleep_time")
end

--- Hooks into the scheduler. All are optional: `before_run`, `after_run`,
--- `task_spawned(task)`, `task_scheduled(task)`, `before_task_step(task)`,
--- `after_task_step(task)`, `task_exited(task)`, `before_io_wait(timeout)`,
--- `after_io_wait(timeout)`.
---@class trio.abc.Instrument
abc.Instrument = class.new("Instrument")

-- The contracts of streams are loaded when one of them is first looked at.
return setmetatable(abc, {
  __index = function(self, key)
    local value = require("trio.contracts")[key]
    self[key] = value
    return value
  end,
})
