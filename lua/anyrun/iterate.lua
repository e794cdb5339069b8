--- What a `for` loop can be given, as one function.
-- A source is a list, which ends before its first nil, or whatever can be
-- called for its next item and gives nil at the end: an iterator, a stream.

local checkpoint = require("_anyrun.time").checkpoint
local options = require "anyrun.options"

local error, type = error, type

---@class anyrun.iterate
local iterate = {}

--- Makes a function of a source.
---@param source any
---@return function? step nil when `source` is none
---Checkpoint: never; calling it: as the source.
---@usage local step = iterate.step_of { 1, 2, 3 }
function iterate.step_of(source)
  if options.callable(source) then return source end
  if type(source) ~= "table" then return nil end
  local i = 0
  return function()
    i = i + 1
    return source[i]
  end
end

local function wrong(value)
  if options.callable(value) or type(value) == "table" then return nil end
  return "list or iterator expected"
end

--- Makes a function of an argument that is a source. Each call is a checkpoint
--- first, before anything is taken from the source, and the end stays the end.
---@param fname string the function whose argument it is
---@param n integer which one
---@param source any
---@return fun(): any ...
---Checkpoint: never; calling it: always.
---@usage local pull = iterate.puller("chain", 1, source)
function iterate.puller(fname, n, source)
  options.arg(fname, n, source, wrong, 4)
  local step, ended = iterate.step_of(source), false
  local function pass(...)
    ended = (...) == nil
    return ...
  end
  return function()
    checkpoint()
    if ended then return nil end
    return pass(step())
  end
end

--- A checkpoint that finds that there is nothing more.
---@return nil
---Checkpoint: always.
---Raises: Cancelled.
---@usage if over then return iterate.nothing() end
function iterate.nothing()
  checkpoint()
  return nil
end

--- Refuses nil, which would end the loop, as what a function made of an item.
---@param fname string who called the function
---@param value any
---@param ... any
---@return any value, ...
---Checkpoint: never.
---Raises: ValueError when it is nil.
---@usage return iterate.some("starmap", f(item))
function iterate.some(fname, value, ...)
  if value ~= nil then return value, ... end
  error(require("anyrun.errors").ValueError(
    fname .. "(): the function returned nil"), 0)
end

--- Puts what is left of a source into a list. May be called again when it
--- raised: it goes on where it was.
---@param pull fun(): any
---@param list any[] gets the items
---Checkpoint: always.
---Raises: as `pull`.
---@usage iterate.collect(pull, pool)
function iterate.collect(pull, list)
  if list.complete then return end
  for item in pull do list[#list + 1] = item end
  list.complete = true
end

--- Checks a count.
---@param fname string the function whose argument it is
---@param n integer which one
---@param value any
---@param what string its name in the message
---@param least integer
---Checkpoint: never.
---Raises: ValueError when it is less.
---@usage iterate.check_count("batched", 2, n, "n", 1)
function iterate.check_count(fname, n, value, what, least)
  options.arg(fname, n, value, "integer", 4)
  if value < least then
    error(require("anyrun.errors").ValueError(
      ("%s must be at least %d, got %d"):format(what, least, value)), 3)
  end
end

return iterate
