--- Some of the items of a source.

local errors = require "anyrun.errors"
local iterate = require "anyrun.iterate"
local options = require "anyrun.options"

local error, math_type, select = error, math.type, select

---@class anyio.itertools.filters
local filters = {}

--- The items whose selector is true; it ends with the shorter of the two.
---@param data any[]|fun(): any
---@param selectors any[]|fun(): any
---@return fun(): any ...
---Checkpoint: never; a step: always.
---Raises: a step: as the sources.
---@usage for item in itertools.compress(items, { true, false, true }) do end
function filters.compress(data, selectors)
  local pull = iterate.puller("compress", 1, data)
  local select_next = iterate.puller("compress", 2, selectors)
  local waiting -- an item whose selector did not come
  local take
  local function choose(...)
    if (...) == nil then return nil end
    waiting = table.pack(...)
    local selected = select_next()
    waiting = nil
    if selected == nil then return nil end
    if selected then return ... end
    return take()
  end
  function take()
    if waiting then return choose(table.unpack(waiting, 1, waiting.n)) end
    return choose(pull())
  end
  return take
end

--- All items from the first on for which the predicate is false.
---@param predicate fun(...: any): any may wait
---@param source any[]|fun(): any
---@return fun(): any ...
---Checkpoint: never; a step: always.
---Raises: a step: as the source and the predicate.
---@usage for n in itertools.dropwhile(is_small, numbers) do print(n) end
function filters.dropwhile(predicate, source)
  options.arg("dropwhile", 1, predicate, "callable")
  local pull = iterate.puller("dropwhile", 2, source)
  local dropping = true
  local function pass(...)
    if not dropping or (...) == nil then return ... end
    if predicate(...) then return pass(pull()) end
    dropping = false
    return ...
  end
  return function() return pass(pull()) end
end

--- The items for which the predicate is false.
---@param predicate? fun(...: any): any may wait; the item itself when nil
---@param source any[]|fun(): any
---@return fun(): any ...
---Checkpoint: never; a step: always.
---Raises: a step: as the source and the predicate.
---@usage for n in itertools.filterfalse(is_even, numbers) do print(n) end
function filters.filterfalse(predicate, source)
  options.arg("filterfalse", 1, predicate, "callable?")
  local pull = iterate.puller("filterfalse", 2, source)
  local function pass(...)
    local item = (...)
    if item == nil then return nil end
    local drop = item
    if predicate then drop = predicate(...) end
    if drop then return pass(pull()) end
    return ...
  end
  return function() return pass(pull()) end
end

--- The items up to the first for which the predicate is false, which is taken
--- from the source as well.
---@param predicate fun(...: any): any may wait
---@param source any[]|fun(): any
---@return fun(): any ...
---Checkpoint: never; a step: always.
---Raises: a step: as the source and the predicate.
---@usage for line in itertools.takewhile(is_header, lines) do print(line) end
function filters.takewhile(predicate, source)
  options.arg("takewhile", 1, predicate, "callable")
  local pull = iterate.puller("takewhile", 2, source)
  local over = false
  local function pass(...)
    if (...) == nil then return nil end
    over = not predicate(...)
    if not over then return ... end
  end
  return function()
    if over then return iterate.nothing() end
    return pass(pull())
  end
end

local function check_index(value, text, least)
  if value == nil or math_type(value) == "integer" and value >= least then
    return value
  end
  error(errors.ValueError(text), 4)
end

-- islice(source, stop) or (source, start, stop[, step])
local function read_bounds(n, first, second, third)
  if n < 1 or n > 3 then
    error(errors.TypeError(
      ("islice() takes 2 to 4 arguments, got %d"):format(n + 1)), 3)
  elseif n == 1 then
    return 0, check_index(first,
      "the stop argument of islice() must be nil or an integer >= 0", 0), 1
  end
  local text = "the indices of islice() must be nil or integers >= 0"
  return check_index(first, text, 0) or 0, check_index(second, text, 0),
    check_index(third,
      "the step of islice() must be nil or an integer >= 1", 1) or 1
end

--- A stretch of a source, counted from 0: `islice(source, stop)` or
--- `islice(source, start, stop, step)`. It takes nothing beyond the stop.
---@param source any[]|fun(): any
---@param ... integer? stop; or start, stop, step
---@return fun(): any ...
---Checkpoint: never; a step: always.
---Raises: ValueError for what is no index; TypeError for too few or too many
---  arguments. A step: as the source.
---@usage for item in itertools.islice(receive, 10) do print(item) end
function filters.islice(source, ...)
  local pull = iterate.puller("islice", 1, source)
  local next_one, stop, step = read_bounds(select("#", ...), ...)
  local at = 0 -- items that were taken
  local function pass(...)
    at = at + 1
    if (...) == nil then
      stop = 0
      return nil
    end
    next_one = next_one + step
    if stop and next_one > stop then next_one = stop end
    return ...
  end
  return function()
    while at < next_one and not (stop and at >= stop) do
      if pull() == nil then stop = 0 else at = at + 1 end
    end
    if stop and at >= stop then return iterate.nothing() end
    return pass(pull())
  end
end

return filters
