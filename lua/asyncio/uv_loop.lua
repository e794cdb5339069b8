--- The loop as uvloop has it.

local class = require "anyrun.class"
local handles = require "asyncio.handles"
local loops = require "asyncio.loop"
local monotonic = require("_anyrun.time").monotonic

local math = math

--- uvloop's loop: time in whole milliseconds.
---@class asyncio.UvLoop : asyncio.Loop
local UvLoop = class.new("UvLoop", loops.Loop)
UvLoop._uvloop = true

local LONGEST <const> = 3600 * 24 * 365 * 100

--- The monotonic clock, in seconds, whole milliseconds of it.
---@return number
---Checkpoint: never.
---@usage local start = loop:time()
function UvLoop:time() return monotonic() * 1000 // 1 / 1000 end

-- Whole milliseconds; less than half of one is none: a place in the queue.
function UvLoop:_later(fname, delay, ...)
  local ms = (math.max(0, math.min(delay, LONGEST)) * 1000 + 0.5) // 1
  return handles.at(self, fname, self:time() + ms / 1000, ms == 0, ...)
end

function UvLoop:_at(fname, when, ...)
  return self:_later(fname, when - self:time(), ...)
end

return UvLoop
