--- Waiting for several things: `wait`, `wait_for`, `as_completed`.

local base = require "asyncio.base"
local errors = require "anyrun.errors"
local futures = require "asyncio.futures"
local options = require "anyrun.options"
local tasks = require "asyncio.tasks"
local timeouts = require "asyncio.timeouts"

local error, getmetatable, ipairs, setmetatable = error, getmetatable, ipairs, setmetatable
local table, type = table, type

local waiting = {
  ALL_COMPLETED = "ALL_COMPLETED",
  FIRST_COMPLETED = "FIRST_COMPLETED",
  FIRST_EXCEPTION = "FIRST_EXCEPTION",
}

local WAIT <const> = { timeout = "number?", return_when = "any" }
local TIMEOUT <const> = { timeout = "number?" }

local function type_error(text) error(errors.TypeError(text), 4) end

-- The distinct futures of a list; what `convert` cannot take is an error.
local function distinct(fname, list, convert)
  if futures.isfuture(list) or type(list) ~= "table" or getmetatable(list) then
    type_error(("%s expects a list of futures, got %s"):format(fname,
      base.repr(list)))
  end
  local unique, seen = {}, {}
  for _, value in ipairs(list) do
    local future = convert(value)
    if not seen[future] then
      seen[future] = true
      unique[#unique + 1] = future
    end
  end
  return unique
end

local function only_futures(value)
  if futures.isfuture(value) then return value end
  error(errors.TypeError("task functions are forbidden in wait: make tasks of them, "
    .. "got " .. base.repr(value)), 5)
end

-- Whether the wait is over, now that `future` is done.
local function is_enough(self, future)
  if self.left == 0 or self.mode == "FIRST_COMPLETED" then return true end
  return self.mode == "FIRST_EXCEPTION" and not future._cancelled
    and future._failed
end

local function give_up(waiter)
  if not waiter._done then waiter:set_result(nil) end
end

-- Waits for enough of the futures, or the time. Those that are done already
-- count when their callbacks come, so that it always lets others run.
local function wait_for_enough(list, mode, timeout)
  local loop = base.loop "wait"
  local waiter = futures.new(loop)
  local self = { left = #list, mode = mode }
  local function on_done(future)
    self.left = self.left - 1
    if is_enough(self, future) then give_up(waiter) end
  end
  for _, future in ipairs(list) do future:add_done_callback(on_done) end
  local timer = timeout and loop:call_later(timeout, give_up, waiter)
  local ok, err = base.try(waiter.await, waiter)
  if timer then timer:cancel() end
  for _, future in ipairs(list) do future:remove_done_callback(on_done) end
  if not ok then error(err, 0) end
end

local function split(list)
  local done, pending = {}, {}
  for _, future in ipairs(list) do
    table.insert(future._done and done or pending, future)
  end
  return done, pending
end

--- Waits for futures and tasks; it raises none of their errors and cancels
--- nothing.
---@param list asyncio.Future[]
---@param opts? table `timeout`; `return_when`: ALL_COMPLETED, FIRST_COMPLETED
---or FIRST_EXCEPTION
---@return asyncio.Future[] done in the order of `list`
---@return asyncio.Future[] pending
---Checkpoint: always.
---Raises: TypeError for anything but futures; ValueError for an empty list or
---another `return_when`.
---@usage local done, pending = asyncio.wait({ a, b }, { timeout = 1 })
function waiting.wait(list, opts)
  opts = options.check("wait", opts, WAIT)
  base.needs_asyncio "wait"
  local unique = distinct("wait", list, only_futures)
  if #unique == 0 then
    error(errors.ValueError("Set of Tasks/Futures is empty."), 2)
  end
  local mode = opts.return_when or "ALL_COMPLETED"
  if type(mode) ~= "string" or waiting[mode] ~= mode then
    error(errors.ValueError("Invalid return_when value: " .. base.repr(mode)), 2)
  end
  wait_for_enough(unique, mode, opts.timeout)
  return split(unique)
end

-- It must not start, and be really done when the TimeoutError is raised.
local function cancel_and_wait(future)
  if future._done then return future:result() end
  future:cancel()
  if not future._done then
    local waiter = futures.new(future._loop)
    local function release() give_up(waiter) end
    future:add_done_callback(release)
    local ok, err = base.try(waiter.await, waiter)
    future:remove_done_callback(release)
    if not ok then error(err, 0) end
  end
  if not future._cancelled then return future:result() end
  error(errors.TimeoutError(), 0)
end

local function await_it(awaitable) return awaitable:await() end

-- A function that runs in the calling task, and its argument.
local function in_place(value, ...)
  if options.callable(value) then return value, ... end
  if type(value) == "table" and not getmetatable(value) then
    return await_it, tasks.create_task(value, ...)
  end
  return await_it, tasks.ensure_future(value)
end

local function call_under(timeout, f, ...)
  if not timeout then return f(...) end
  local args = table.pack(...)
  return timeouts.timeout(timeout, function()
    return f(table.unpack(args, 1, args.n))
  end)
end

--- The result of a function, task or future, if it comes in time; else it is
--- cancelled, its end awaited, and TimeoutError raised. A function runs in the
--- calling task.
---@param value any task function, spec, task or future
---@param timeout? number seconds; nil: no limit
---@param ... any arguments of a task function
---@return any ... the result
---Checkpoint: as the function; always with a future that is not done.
---Raises: TimeoutError; what the awaited thing raised.
---@usage local reply = asyncio.wait_for(ask, 1.5, "how are you?")
function waiting.wait_for(value, timeout, ...)
  options.arg("wait_for", 2, timeout, "number?")
  base.needs_asyncio "wait_for"
  if timeout and timeout <= 0 then
    if options.callable(value) then value = tasks.create_task(value, ...) end
    return cancel_and_wait(tasks.ensure_future(value))
  end
  return call_under(timeout, in_place(value, ...))
end

---@class asyncio.Completions what a loop over `as_completed` steps through
local Completions = {}
Completions.__index = Completions

-- The next one that is done; nil at the end.
local function next_completed(self)
  if self.left == 0 then return nil end
  while #self.done < self.taken + 1 do
    if self.late then error(errors.TimeoutError(), 0) end
    self.waiter = futures.new(self.loop)
    self.waiter:await()
  end
  self.left = self.left - 1
  self.taken = self.taken + 1
  return self.done[self.taken]
end

local function wake_completions(self)
  local waiter = self.waiter
  if waiter then give_up(waiter) end
end

local function too_late(self)
  self.late = true
  wake_completions(self)
end

-- The loop over it was left: nothing of it stays behind.
function Completions:__close()
  if self.timer then self.timer:cancel() end
  for _, future in ipairs(self.all) do future:remove_done_callback(self.on_done) end
end

--- Iterates over futures in the order in which they are done: each step gives
--- the next one, done. Errors are raised when it is asked for its result.
---@param list any[] task functions, specs, tasks, futures
---@param opts? table `timeout`: a later step raises TimeoutError
---@return fun(): asyncio.Future? and what a generic `for` needs besides
---Checkpoint: each step, unless one is done already.
---Raises: RuntimeError where no asyncio loop runs; TypeError.
---@usage for task in asyncio.as_completed({ f, g }) do print(task:result()) end
function waiting.as_completed(list, opts)
  opts = options.check("as_completed", opts, TIMEOUT)
  local loop = base.loop "as_completed"
  local self = setmetatable({ loop = loop, done = {}, taken = 0 }, Completions)
  self.all = distinct("as_completed", list, tasks.ensure_future)
  self.left = #self.all
  function self.on_done(future)
    self.done[#self.done + 1] = future
    wake_completions(self)
  end
  for _, future in ipairs(self.all) do
    if future._done then
      self.done[#self.done + 1] = future
    else
      future:add_done_callback(self.on_done)
    end
  end
  if opts.timeout then
    self.timer = loop:call_later(opts.timeout, too_late, self)
  end
  return next_completed, self, nil, self
end

return waiting
