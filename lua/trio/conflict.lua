--- Refuses a second task what one task at a time may do.

local class = require "anyrun.class"
local errors = require "anyrun.errors"

local base_try = errors.try
local error = error

---@class trio.conflict.ConflictDetector
---@field package _text string what a second task is told
local ConflictDetector = class.new("ConflictDetector")

--- Makes a detector.
---@param text string what a second task is told
---Checkpoint: never.
---@usage local sending = ConflictDetector "another task is already sending data"
function ConflictDetector:_init(text) self._text, self._held = text, false end

local function leave(self, ok, ...)
  self._held = false
  if not ok then errors.rethrow((...)) end
  return ...
end

--- Calls `f(...)` unless another task is inside.
---@param f function
---@param ... any
---@return any ... what it returned
---Checkpoint: as `f`.
---Raises: BusyResourceError when another task is inside; as `f`.
---@usage return self._sending:run(send, self, data)
function ConflictDetector:run(f, ...)
  if self._held then error(errors.BusyResourceError(self._text), 0) end
  self._held = true
  return leave(self, base_try(f, ...))
end

return ConflictDetector
