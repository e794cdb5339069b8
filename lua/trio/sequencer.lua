--- Sequencer: stretches of code in several tasks that run in a given order.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local guard = require "trio.guard"
local lot_lib = require "_anyrun.lot"
local options = require "anyrun.options"
local task_lib = require "_anyrun.task"

local error, pairs, setmetatable = error, pairs, setmetatable
local isinstance = errors.isinstance

---@class trio.testing.Sequencer
local Sequencer = class.new("Sequencer")

function Sequencer:_init()
  self._lots, self._claimed, self._open = {}, {}, { [0] = true }
  self._broken = false
end

local function fail(text) error(errors.RuntimeError(text), 0) end

local function break_all(self)
  self._broken = true
  for _, lot in pairs(self._lots) do lot:unpark_all() end
end

local function wait_turn(self, position)
  if self._open[position] then
    task_lib.checkpoint()
    return
  end
  local lot = self._lots[position] or lot_lib.new "sequencer"
  self._lots[position] = lot
  lot:park()
end

-- From 1 on a block is entered when the one before it has been left.
local function enter(self, position)
  if self._claimed[position] then
    fail(("Attempted to reuse sequence point %d"):format(position))
  elseif self._broken then
    fail "sequence broken!"
  end
  self._claimed[position] = true
  if position == 0 then return end
  local ok, err = errors.try(wait_turn, self, position)
  if not ok and isinstance(err, errors.Cancelled) then
    break_all(self)
    fail "Sequencer wait cancelled -- sequence broken"
  elseif not ok then
    error(err, 0)
  elseif self._broken then
    fail "sequence broken!"
  end
end

local Opener = {}

function Opener:__close()
  local sequencer, position = self.sequencer, self.position
  sequencer._open[position] = true
  local lot = sequencer._lots[position]
  if lot then lot:unpark_all() end
end

--- Runs `body` when the block of the number before has been left; 0 begins.
---@param position integer each number is good for one block
---@param body fun(): ...
---@return any what `body` returned
---Checkpoint: always, apart from position 0.
---Raises: RuntimeError when the number is used again, or when a wait of this
---  sequencer has been cancelled.
---@usage seq(1, function() log "second" end)
function Sequencer:__call(position, body)
  options.arg("Sequencer", 1, position, "integer")
  options.arg("Sequencer", 2, body, "callable")
  guard.needs_trio "testing.Sequencer"
  enter(self, position)
  local _ <close> = setmetatable(
    { sequencer = self, position = position + 1 }, Opener)
  return body()
end

return Sequencer
