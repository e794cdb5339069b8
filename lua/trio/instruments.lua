--- Instruments: what looks on while the scheduler works.

local errors = require "anyrun.errors"
local guard = require "trio.guard"
local options = require "anyrun.options"
local run_lib = require "_anyrun.run"

local error = error

---@class trio.instruments
local instruments = {}

--- Adds an instrument to the run that is going on; a second time does nothing.
--- Its hooks are read now: what is changed later needs another adding.
---@param instrument table|userdata
---Checkpoint: never.
---Raises: what reading the hooks raises; then nothing has been added.
---@usage trio.lowlevel.add_instrument(tracer)
function instruments.add_instrument(instrument)
  options.arg("add_instrument", 1, instrument, "table|userdata")
  guard.needs_trio "lowlevel.add_instrument"
  run_lib.add_instrument(instrument)
end

--- Takes an instrument out of the run that is going on.
---@param instrument table|userdata
---Checkpoint: never.
---Raises: LookupError when it has not been added.
---@usage trio.lowlevel.remove_instrument(tracer)
function instruments.remove_instrument(instrument)
  options.arg("remove_instrument", 1, instrument, "table|userdata")
  guard.needs_trio "lowlevel.remove_instrument"
  if run_lib.remove_instrument(instrument) == false then
    error(errors.LookupError("this instrument is not part of the run"), 0)
  end
end

return instruments
