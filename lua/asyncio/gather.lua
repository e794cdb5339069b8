--- `gather`: several awaitables at once; `shield`: one that is not cancelled.

local base = require "asyncio.base"
local class = require "anyrun.class"
local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local options = require "anyrun.options"
local reports = require "asyncio.reports"
local tasks = require "asyncio.tasks"

local getmetatable, ipairs, select, type = getmetatable, ipairs, select, type

local gather = {}

local OPTIONS <const> = { return_exceptions = "boolean" }

---@class asyncio.GatheringFuture : asyncio.Future
---@field package _children asyncio.Future[] in the order of the arguments
---@field package _requested boolean it was cancelled: its children were asked
local GatheringFuture = class.new("_GatheringFuture", futures.Future)

--- Cancels the children that have not ended; it is cancelled when they are.
---@param message? string
---@return boolean taken false when all had ended
---Checkpoint: never.
---@usage outer:cancel()
function GatheringFuture:cancel(message)
  if self._done then return false end
  local taken = false
  for _, child in ipairs(self._children) do
    if child:cancel(message) then taken = true end
  end
  if taken then self._requested = true end
  return taken
end

-- The cancellation a cancelled child ended with.
local function cancellation_of(child)
  local _, err = base.try(child.result, child)
  return err
end

local function results_of(outer)
  local results = {}
  for i, child in ipairs(outer._children) do
    if child._cancelled then
      results[i] = cancellation_of(child)
    elseif child._failed then
      results[i] = child:exception()
    else
      results[i] = child:result()
    end
  end
  return results
end

local function child_done(outer, child)
  outer._left = outer._left - 1
  if outer._done then
    reports.seen(child) -- dropped: the first error has been raised
  elseif not outer._keep and child._cancelled then
    outer:set_exception(cancellation_of(child))
  elseif not outer._keep and child._failed then
    outer:set_exception(child:exception())
  elseif outer._left == 0 then
    local results = results_of(outer)
    if outer._requested then
      outer:set_exception(child._cancelled and cancellation_of(child)
        or errors.CancelledError())
    else
      outer:set_result(results)
    end
  end
end

-- The last argument is the options table where it is neither a spec nor a
-- future: it has no [1].
local function read_options(list)
  local last = list[list.n]
  if type(last) ~= "table" or getmetatable(last) or last[1] ~= nil then
    return false
  end
  list.n = list.n - 1
  return options.check("gather", last, OPTIONS, list.n + 1, 4).return_exceptions
end

-- One future for each argument; the same future given twice is one child.
local function make_children(loop, list)
  local children, unique, seen = {}, {}, {}
  for i = 1, list.n do
    local child = tasks.ensure_future(list[i], loop)
    children[i] = child
    if not seen[child] then
      seen[child] = true
      unique[#unique + 1] = child
    end
  end
  return children, unique
end

--- A future of the list of all results. The first error is raised at once
--- while the others run on; with `return_exceptions` errors become results.
---@param ... any task functions, specs, tasks, futures; last the options
---@return asyncio.Future
---Checkpoint: never; awaiting it is one.
---Raises: RuntimeError where no asyncio loop runs; TypeError.
---@usage local results = asyncio.gather(f, g, { return_exceptions = true }):await()
function gather.gather(...)
  local loop = base.loop "gather"
  local list = { n = select("#", ...), ... }
  local keep = read_options(list)
  if list.n == 0 then
    local outer = futures.new(loop)
    outer:set_result({})
    return outer
  end
  local outer = futures.new(loop, GatheringFuture)
  local children, unique = make_children(loop, list)
  outer._keep, outer._children, outer._left = keep, children, #unique
  local function on_done(child) child_done(outer, child) end
  local pending = {}
  for _, child in ipairs(unique) do
    if child._done then child_done(outer, child) else pending[#pending + 1] = child end
  end
  for _, child in ipairs(pending) do child:add_done_callback(on_done) end
  return outer
end

local function pass_on(outer, inner)
  if inner._cancelled then
    outer:cancel(cancellation_of(inner).message)
  elseif inner._failed then
    outer:set_exception(inner:exception())
  else
    outer:set_result((inner:result()))
  end
end

-- The inner one failed when nobody waited any more.
local function report_lost(inner)
  if inner._cancelled or not inner._failed then return end
  reports.call(inner._loop, {
    message = ("%s exception in shielded future"):format(errors.is_error(inner._error)
      and inner._error.name or "error"),
    exception = inner:exception(),
    future = inner,
  })
end

--- A future with the result of another one; cancelling it, or who awaits it,
--- leaves the other one alone.
---@param value any task function, spec, task or future
---@return asyncio.Future a done one as it is
---Checkpoint: never; awaiting it is one.
---Raises: RuntimeError where no asyncio loop runs; TypeError.
---@usage local value = asyncio.shield(task):await()
function gather.shield(value)
  local inner = tasks.ensure_future(value)
  if inner._done then return inner end
  local outer = futures.new(inner._loop)
  local function inner_done()
    if not outer._done then pass_on(outer, inner) end
  end
  inner:add_done_callback(inner_done)
  outer:add_done_callback(function()
    if inner._done then return end
    inner:remove_done_callback(inner_done)
    inner:remove_done_callback(report_lost) -- once, however many shields
    inner:add_done_callback(report_lost)
  end)
  return outer
end

return gather
