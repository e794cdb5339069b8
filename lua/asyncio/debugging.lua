--- Debug mode's eye on tasks: a step that takes long is reported.

local run_lib = require "_anyrun.run"
local tasks = require "asyncio.task"
local time_lib = require "_anyrun.time"

local setmetatable, type = setmetatable, type

local debugging = {}

---@class asyncio.Watch an instrument that looks at the clock
local Watch = { __name = "asyncio.Watch" }
Watch.__index = Watch

--- A task's step begins.
---Checkpoint: never.
---@usage watch:before_task_step()
function Watch:before_task_step() self.since = time_lib.monotonic() end

--- A task's step has ended.
---@param task asyncio.Task|userdata as the core shows it: its face, if any
---Checkpoint: never.
---@usage watch:after_task_step(task)
function Watch:after_task_step(task)
  local since = self.since
  if not since or task == self.loop then return end
  self.since = nil
  local seconds = time_lib.monotonic() - since
  if seconds < self.loop.slow_callback_duration then return end
  if type(task) == "userdata" then task = tasks.face_of(task) end
  self.loop:_took(task, seconds)
end

--- Begins or ends to look, in the run this thread is in.
---@param loop asyncio.Loop
---@param on boolean
---Checkpoint: never.
---@usage debugging.switch(loop, true)
function debugging.switch(loop, on)
  if on and not loop._watch then
    loop._watch = setmetatable({ loop = loop }, Watch)
    run_lib.add_instrument(loop._watch)
  elseif not on and loop._watch then
    run_lib.remove_instrument(loop._watch)
    loop._watch = nil
  end
end

return debugging
