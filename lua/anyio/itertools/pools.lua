--- Choices from a source, whose items are all taken first.

local checkpoint = require("_anyrun.time").checkpoint
local iterate = require "anyrun.iterate"
local options = require "anyrun.options"

---@class anyio.itertools.pools
local pools = {}

local function chosen(pool, indices, r)
  local items = {}
  for i = 1, r do items[i] = pool[indices[i]] end
  return items
end

-- An iterator over choices of `r` items: `first(n)` makes the first list of
-- indices, or nil; `advance(indices, n)` makes it the next one, or says false.
local function choices(pull, r, first, advance)
  local pool, indices, begun = {}, nil, false
  return function()
    iterate.collect(pull, pool)
    checkpoint()
    if not begun then
      begun, indices = true, first(#pool)
    elseif indices and not advance(indices, #pool) then
      indices = nil
    end
    if indices then return chosen(pool, indices, r or #pool) end
  end
end

local function ascending(r)
  local indices = {}
  for i = 1, r do indices[i] = i end
  return indices
end

--- All choices of `r` items, each place of the source at most once, in order.
---@param source any[]|fun(): any
---@param r integer
---@return fun(): any[]
---Checkpoint: never; a step: always.
---Raises: ValueError when `r` is negative. A step: as the source.
---@usage for pair in itertools.combinations({ 1, 2, 3 }, 2) do print(pair[1]) end
function pools.combinations(source, r)
  local pull = iterate.puller("combinations", 1, source)
  iterate.check_count("combinations", 2, r, "r", 0)
  return choices(pull, r, function(n)
    return r <= n and ascending(r) or nil
  end, function(indices, n)
    for i = r, 1, -1 do
      if indices[i] < n - r + i then
        indices[i] = indices[i] + 1
        for k = i + 1, r do indices[k] = indices[k - 1] + 1 end
        return true
      end
    end
    return false
  end)
end

--- All choices of `r` items, each place of the source any number of times, in
--- order.
---@param source any[]|fun(): any
---@param r integer
---@return fun(): any[]
---Checkpoint: never; a step: always.
---Raises: ValueError when `r` is negative. A step: as the source.
---@usage for pair in itertools.combinations_with_replacement(dice, 2) do end
function pools.combinations_with_replacement(source, r)
  local pull = iterate.puller("combinations_with_replacement", 1, source)
  iterate.check_count("combinations_with_replacement", 2, r, "r", 0)
  return choices(pull, r, function(n)
    if n == 0 and r > 0 then return nil end
    local indices = {}
    for i = 1, r do indices[i] = 1 end
    return indices
  end, function(indices, n)
    for i = r, 1, -1 do
      if indices[i] < n then
        local index = indices[i] + 1
        for k = i, r do indices[k] = index end
        return true
      end
    end
    return false
  end)
end

-- The smallest index above `from` that none of the first `upto` places has.
local function next_free(indices, upto, from, n)
  for index = from + 1, n do
    local taken = false
    for k = 1, upto do taken = taken or indices[k] == index end
    if not taken then return index end
  end
end

--- All arrangements of `r` items, each place of the source at most once.
---@param source any[]|fun(): any
---@param r? integer all of them when absent
---@return fun(): any[]
---Checkpoint: never; a step: always.
---Raises: ValueError when `r` is negative. A step: as the source.
---@usage for order in itertools.permutations(stops) do measure(order) end
function pools.permutations(source, r)
  local pull = iterate.puller("permutations", 1, source)
  if r ~= nil then iterate.check_count("permutations", 2, r, "r", 0) end
  return choices(pull, r, function(n)
    local length = r or n
    return length <= n and ascending(length) or nil
  end, function(indices, n)
    local length = #indices
    for i = length, 1, -1 do
      local index = next_free(indices, i - 1, indices[i], n)
      if index then
        indices[i] = index
        for k = i + 1, length do indices[k] = next_free(indices, k - 1, 0, n) end
        return true
      end
    end
    return false
  end)
end

local PRODUCT <const> = { repeat_ = "integer" }

-- The next list of indices into several pools; false after the last.
local function turn(indices, all, length)
  for i = length, 1, -1 do
    if indices[i] < #all[(i - 1) % #all + 1] then
      indices[i] = indices[i] + 1
      return true
    end
    indices[i] = 1
  end
  return false
end

local function first_turn(all, length)
  local indices = {}
  for i = 1, length do
    if #all[(i - 1) % #all + 1] == 0 then return nil end
    indices[i] = 1
  end
  return indices
end

--- All lists of one item of each source, in order.
---@param ... any[]|fun(): any sources; then a table of options: `repeat_`, how
---  often all of them count, 1 when absent
---@return fun(): any[]
---Checkpoint: never; a step: always.
---Raises: ValueError when `repeat_` is negative. A step: as the sources.
---@usage for pair in itertools.product(ranks, suits) do print(pair[1], pair[2]) end
function pools.product(...)
  local sources, n, opts = options.split("product", PRODUCT, ...)
  local times = opts.repeat_ or 1
  iterate.check_count("product", n + 1, times, "repeat_", 0)
  local pulls, all, indices, begun = {}, {}, nil, false
  for i = 1, n do
    pulls[i], all[i] = iterate.puller("product", i, sources[i]), {}
  end
  local length = n * times
  return function()
    for i = 1, n do iterate.collect(pulls[i], all[i]) end
    checkpoint()
    if not begun then
      begun, indices = true, first_turn(all, length)
    elseif indices and not turn(indices, all, length) then
      indices = nil
    end
    if not indices then return nil end
    local items = {}
    for i = 1, length do items[i] = all[(i - 1) % n + 1][indices[i]] end
    return items
  end
end

return pools
