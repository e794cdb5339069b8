--- Items put together, or made of others.

local errors = require "anyrun.errors"
local iterate = require "anyrun.iterate"
local options = require "anyrun.options"

local error, select, type, unpack = error, select, type, table.unpack

---@class anyio.itertools.groups
local groups = {}

local function add(total, item) return total + item end

--- Running totals.
---@param source any[]|fun(): any
---@param f? fun(total: any, item: any): any may wait; `+` when absent
---@param opts? table `initial`: the first total, which comes first
---@return fun(): any
---Checkpoint: never; a step: always.
---Raises: a step: as the source and the function.
---@usage for sum in itertools.accumulate({ 1, 2, 3 }) do print(sum) end
function groups.accumulate(source, f, opts)
  local pull = iterate.puller("accumulate", 1, source)
  if opts == nil and type(f) == "table" and not options.callable(f) then
    f, opts = nil, f
  end
  options.arg("accumulate", 2, f, "callable?")
  opts = options.check("accumulate", opts, { initial = "any" }, 3)
  local combine, total, initial = f or add, nil, opts.initial
  return function()
    if initial ~= nil then
      iterate.nothing()
      total, initial = initial, nil
      return total
    end
    local item = pull()
    if item == nil then return nil end
    if total == nil then
      total = item
    else
      total = iterate.some("accumulate", combine(total, item))
    end
    return total
  end
end

--- Lists of `n` items each; the last may be shorter.
---@param source any[]|fun(): any
---@param n integer
---@param opts? table `strict`: a last one that is shorter is an error
---@return fun(): any[]
---Checkpoint: never; a step: always.
---Raises: ValueError when `n` is less than 1. A step: ValueError when strict; as
---  the source.
---@usage for rows in itertools.batched(receive, 100) do insert(rows) end
function groups.batched(source, n, opts)
  local pull = iterate.puller("batched", 1, source)
  iterate.check_count("batched", 2, n, "n", 1)
  opts = options.check("batched", opts, { strict = "boolean" }, 3)
  local batch = {} -- stays when a step raises
  return function()
    while #batch < n do
      local item = pull()
      if item == nil then break end
      batch[#batch + 1] = item
    end
    if #batch == 0 then return nil end
    local full = batch
    batch = {}
    if #full < n and opts.strict then
      error(errors.ValueError "batched(): incomplete batch", 2)
    end
    return full
  end
end

--- Runs of items with the same key: the key, and a list of them.
---@param source any[]|fun(): any
---@param key? fun(item: any): any may wait; the item itself when absent
---@return fun(): any, any[]
---Checkpoint: never; a step: always.
---Raises: a step: ValueError for a key that is nil; as the source and the
---  function.
---@usage for day, entries in itertools.groupby(log, day_of) do print(day) end
function groups.groupby(source, key)
  local pull = iterate.puller("groupby", 1, source)
  options.arg("groupby", 2, key, "callable?")
  local run_key, run -- the run so far; stays when a step raises
  local function key_of(item)
    if not key then return item end
    return (iterate.some("groupby", key(item)))
  end
  return function()
    for item in pull do
      local its_key = key_of(item)
      if run and its_key == run_key then
        run[#run + 1] = item
      else
        local old_key, old = run_key, run
        run_key, run = its_key, { item }
        if old then return old_key, old end
      end
    end
    local last = run
    run = nil
    if last then return run_key, last end
  end
end

--- Each item with the one before it.
---@param source any[]|fun(): any
---@return fun(): any, any
---Checkpoint: never; a step: always.
---Raises: a step: as the source.
---@usage for before, now in itertools.pairwise(numbers) do print(now - before) end
function groups.pairwise(source)
  local pull = iterate.puller("pairwise", 1, source)
  local before
  return function()
    if before == nil then before = pull() end
    if before == nil then return nil end
    local first, second = before, pull()
    if second == nil then return nil end
    before = second
    return first, second
  end
end

--- What a function returns for each list of arguments. A step of the source
--- that gives several values gives the arguments themselves.
---@param f fun(...: any): any ... may wait
---@param source any[]|fun(): any of lists, or of sources
---@return fun(): any ...
---Checkpoint: never; a step: always.
---Raises: a step: as the sources and the function.
---@usage for power in itertools.starmap(math.pow, { { 2, 5 } }) do print(power) end
function groups.starmap(f, source)
  options.arg("starmap", 1, f, "callable")
  local pull = iterate.puller("starmap", 2, source)
  local function call(...)
    local item = (...)
    if item == nil then return nil end
    if select("#", ...) > 1 then return iterate.some("starmap", f(...)) end
    local args = item
    if options.callable(item) then
      args = {}
      iterate.collect(iterate.puller("starmap", 2, item), args)
    elseif type(item) ~= "table" then
      error(errors.TypeError(
        "starmap(): list of arguments expected, got a " .. type(item)), 0)
    end
    return iterate.some("starmap", f(unpack(args, 1, args.n or #args)))
  end
  return function() return call(pull()) end
end

local ZIP <const> = { fillvalue = "any" }

--- Lists of one item of each source, until the longest has ended.
---@param ... any[]|fun(): any sources; then a table of options: `fillvalue`
---  stands where a source has ended, nil when absent
---@return fun(): any[] each with its length in the field `n`
---Checkpoint: never; a step: always.
---Raises: a step: as the sources.
---@usage for row in itertools.zip_longest(a, b) do print(row[1], row[2]) end
function groups.zip_longest(...)
  local sources, n, opts = options.split("zip_longest", ZIP, ...)
  local pulls, left = {}, n
  for i = 1, n do pulls[i] = iterate.puller("zip_longest", i, sources[i]) end
  local row, at = { n = n }, 0 -- stay when a step raises
  local function fill()
    for i = at + 1, n do
      local pull, item = pulls[i], nil
      if pull then
        item = pull()
        if item == nil then pulls[i], left = false, left - 1 end
      end
      if item == nil then item = opts.fillvalue end
      row[i], at = item, i
    end
  end
  return function()
    if left == 0 then return iterate.nothing() end
    fill()
    local full = row
    row, at = { n = n }, 0
    if left > 0 then return full end
  end
end

return groups
