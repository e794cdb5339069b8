--- Where control-C may strike: the protection of running code.
-- Unprotected code is interrupted on the spot; a control-C that finds
-- protected code, or none, waits for the main task's next checkpoint.

local options = require "anyrun.options"
local run_lib = require "_anyrun.run"

local setmetatable = setmetatable

---@class trio.interrupt
local interrupt = {}

-- Sets the state of the running code when given one; returns the old state.
local protection = run_lib.ki_protection

local Restore = {}
function Restore:__close() protection(self.state) end

local RESTORE <const> = {
  [true] = setmetatable({ state = true }, Restore),
  [false] = setmetatable({ state = false }, Restore),
}

local function wrapper(name, f, state)
  options.arg(name, 1, f, "callable", 4)
  return function(...)
    local _ <close> = RESTORE[protection(state)]
    return f(...)
  end
end

--- A function that does what `f` does, and is not interrupted by control-C.
---@param f function
---@return function
---Checkpoint: never; the new function as `f`.
---@usage release = trio.lowlevel.enable_ki_protection(release)
function interrupt.enable_ki_protection(f)
  return wrapper("enable_ki_protection", f, true)
end

--- A function that does what `f` does, and may be interrupted by control-C.
---@param f function
---@return function
---Checkpoint: never; the new function as `f`.
---@usage local task = trio.lowlevel.disable_ki_protection(compute)
function interrupt.disable_ki_protection(f)
  return wrapper("disable_ki_protection", f, false)
end

--- Whether control-C would not strike the code that asks. Outside a run it is
--- true.
---@return boolean
---Checkpoint: never.
---@usage assert(not trio.lowlevel.currently_ki_protected())
function interrupt.currently_ki_protected() return protection() end

return interrupt
