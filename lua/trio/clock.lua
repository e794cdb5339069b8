--- Clocks: the one for tests, which moves when told to, and the system's.

local abc = require "trio.abc"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local options = require "anyrun.options"
local run_lib = require "_anyrun.run"
local time_lib = require "_anyrun.time"

local error, rawset, setmetatable = error, rawset, setmetatable
local huge = math.huge

-- Seconds that pass by themselves; never those of a run's own clock.
local real_time = time_lib.monotonic

---@class trio.clock
local clock = {}

---@class trio.testing.MockClock : trio.abc.Clock
---@field rate number its seconds per real second; may be assigned
---@field autojump_threshold number after so many real seconds in which every
---  task was blocked it jumps to the next deadline; may be assigned
local MockClock = class.new("MockClock", abc.Clock)
clock.MockClock = MockClock

local OPTIONS = { rate = "number", autojump_threshold = "number" }

local function set_rate(self, rate)
  options.arg("MockClock", 1, rate, "number", 4)
  if rate < 0 or rate ~= rate then error(errors.ValueError "rate must be >= 0", 0) end
  local now = self._rate and self:current_time() or 0
  self._virtual_base, self._real_base = now, real_time()
  rawset(self, "_rate", rate)
end

function MockClock:_init(opts)
  opts = options.check("MockClock", opts, OPTIONS, 1, 5)
  set_rate(self, opts.rate or 0)
  rawset(self, "autojump_threshold", opts.autojump_threshold or huge)
end

function MockClock:__index(key)
  if key == "rate" then return self._rate end
  return MockClock[key]
end

function MockClock:__newindex(key, value)
  if key == "rate" then
    set_rate(self, value)
    if run_lib.active() then run_lib.clock_changed() end
  else
    rawset(self, key, value)
  end
end

function MockClock:__tostring()
  return ("<MockClock, time=%.7f, rate=%g>"):format(self:current_time(),
    self._rate)
end

--- Called when a run begins; the clock moves from its making on.
---Checkpoint: never.
---@usage clock:start_clock()
function MockClock:start_clock() end -- luacheck: ignore 212

--- The clock's time: 0 when it was made.
---@return number
---Checkpoint: never.
---@usage print(clock:current_time())
function MockClock:current_time()
  local rate = self._rate
  if rate == 0 then return self._virtual_base end
  return self._virtual_base + rate * (real_time() - self._real_base)
end

--- How many real seconds from now the clock will show `deadline`; forever when
--- it does not move by itself.
---@param deadline number
---@return number
---Checkpoint: never.
---@usage local seconds = clock:deadline_to_sleep_time(10)
function MockClock:deadline_to_sleep_time(deadline)
  local left = deadline - self:current_time()
  if left <= 0 then return 0 end
  if self._rate > 0 then return left / self._rate end
  return huge
end

--- Moves the clock forward.
---@param seconds number
---Checkpoint: never.
---Raises: ValueError when `seconds` is negative.
---@usage clock:jump(60)
function MockClock:jump(seconds)
  options.arg("jump", 1, seconds, "number")
  if seconds < 0 or seconds ~= seconds then
    error(errors.ValueError "time can't go backwards", 0)
  end
  self._virtual_base = self._virtual_base + seconds
  if run_lib.active() then run_lib.clock_changed() end
end

-- Called by the scheduler when every task has been blocked for as long as
-- `autojump_threshold` says, with the next deadline.
function MockClock:_autojump(deadline)
  local left = deadline - self:current_time()
  if left > 0 and left < huge then self:jump(left) end
end

-- The run's own clock when `run` was given none.
local SystemClock = class.new("SystemClock", abc.Clock)

function SystemClock:start_clock() end -- luacheck: ignore 212

function SystemClock:current_time() -- luacheck: ignore 212
  return time_lib.now()
end

function SystemClock:deadline_to_sleep_time(deadline) -- luacheck: ignore 212
  return deadline - time_lib.now()
end

local SYSTEM = setmetatable({}, SystemClock)

--- The clock of a run that was given none.
---@return trio.abc.Clock
---Checkpoint: never.
---@usage return clock.system()
function clock.system() return SYSTEM end

return clock
