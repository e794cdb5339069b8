--- Several sources in a row.

local checkpoint = require("_anyrun.time").checkpoint
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local iterate = require "anyrun.iterate"
local scope = require "_anyrun.scope"

local error, select, setmetatable, type = error, select, setmetatable, type

---@class anyio.itertools.chains
local chains = {}

--- An iterator over sources that come from another one.
---@class anyio.itertools.Chain
local Chain = class.new "Chain"

local function close_outer(self)
  local outer = self._outer
  self._outer, self._inner, self._ended = nil, nil, true
  if self._closes then
    scope.CancelScope({ shield = true }, function() outer:aclose() end)
  end
end

local function can_be_closed(outer)
  local kind = type(outer)
  return (kind == "table" or kind == "userdata") and outer.aclose ~= nil
end

--- Ends it; where the outer source has an `aclose`, that is called in a shielded
--- scope. Then it happens by itself, too, at the end and when a step raises.
---Checkpoint: as the outer source's `aclose`.
---@usage local items <close> = itertools.chain.from_iterable(streams)
function Chain:aclose()
  if not self._ended then close_outer(self) end
end

function Chain:__close() self:aclose() end

-- Goes on with the next source of the outer one; nil when there is none.
local function next_inner(self)
  local source = self._pull()
  if source == nil then return nil end
  self._inner = iterate.step_of(source)
  if not self._inner then
    error(errors.TypeError("cannot iterate over a " .. type(source)), 0)
  end
  return self._inner
end

-- Takes an item; an inner source that ended is followed by the next one.
local take

local function pass(self, ...)
  if (...) ~= nil then return ... end
  self._inner = nil
  return take(self)
end

function take(self)
  local inner = self._inner or next_inner(self)
  if not inner then return nil end
  checkpoint()
  return pass(self, inner())
end

local function finish(self, ok, ...)
  if ok and (...) ~= nil then return ... end
  if ok or self._closes then close_outer(self) end
  if not ok then errors.rethrow((...)) end
end

function Chain:__call()
  if self._ended then
    checkpoint()
    return nil
  end
  return finish(self, errors.try(take, self))
end

local function new(outer, pull)
  local self = Chain()
  self._outer, self._pull, self._closes = outer, pull, can_be_closed(outer)
  return self
end

local chain = {}

--- All items of each source that a source gives.
---@param outer any[]|fun(): any a source of sources
---@return anyio.itertools.Chain
---Checkpoint: never; a step: always.
---Raises: a step: as the sources; TypeError for what is no source.
---@usage for item in itertools.chain.from_iterable(streams) do print(item) end
function chain.from_iterable(outer)
  return new(outer, iterate.puller("from_iterable", 1, outer))
end

--- All items of each source in a row. `chain.from_iterable(outer)` gets the
--- sources from another source.
---@function chains.chain
---@param ... any[]|fun(): any sources
---@return anyio.itertools.Chain
---Checkpoint: never; a step: always.
---Raises: a step: as the sources.
---@usage for item in itertools.chain({ 1, 2 }, receive) do print(item) end

chains.chain = setmetatable(chain, {
  __name = "chain",
  __call = function(_, ...)
    local sources = { ... }
    for i = 1, select("#", ...) do iterate.puller("chain", i, sources[i]) end
    return new(nil, iterate.puller("chain", 1, sources))
  end,
})

return chains
