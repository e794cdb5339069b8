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

local function milliseconds() return monotonic() * 1000 // 1 end

--- The monotonic clock, in seconds, whole milliseconds of it.
---@return number
---Checkpoint: never.
---@usage local start = loop:time()
function UvLoop:time() return milliseconds() / 1000 end

-- Whole milliseconds from `now`, which are counted in whole numbers, so that
-- two ways to the same one meet; less than half of one is none: a place in the
-- queue.
local function after(loop, fname, now, delay, ...)
  local ms = (math.max(0, math.min(delay, LONGEST)) * 1000 + 0.5) // 1
  return handles.at(loop, fname, (now + ms) / 1000, ms == 0, ...)
end

function UvLoop:_later(fname, delay, ...)
  return after(self, fname, milliseconds(), delay, ...)
end

-- The clock is read once: it may go on between two readings.
function UvLoop:_at(fname, when, ...)
  local now = milliseconds()
  return after(self, fname, now, when - now / 1000, ...)
end

return UvLoop
