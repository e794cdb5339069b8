--- CapacityLimiter: a number of tokens, each lent to one borrower.
-- A token that comes free while tasks wait is lent to the first of them at
-- once, before it runs.

local class = require "anyrun.class"
local colon = class.colon
local errors = require "anyrun.errors"
local new_lot = require("_anyrun.lot").new
local options = require "anyrun.options"
local task_lib = require "_anyrun.task"
local time = require "_anyrun.time"

local checkpoint_if_cancelled, yield = time.checkpoint_if_cancelled, time.yield
local current = task_lib.current
local error, getmetatable, math_type = error, getmetatable, math.type
local concat, next, rawset, tostring = table.concat, next, rawset, tostring
local huge = math.huge

---@class anyio.CapacityLimiter
---@field total_tokens integer|number may be set: more tokens wake waiters, with
---  fewer holders keep theirs
---@field borrowed_tokens integer read-only
---@field available_tokens integer|number read-only; negative when `total_tokens`
---  was set below what is borrowed
local CapacityLimiter = class.new "CapacityLimiter"

local function whole(value)
  if math_type(value) == "integer" or value == huge then return nil end
  return "integer or math.huge expected"
end

local function check_not_negative(value)
  if value < 0 then
    error(errors.ValueError "total_tokens must be >= 0", 0)
  end
end

-- Lends tokens to those who wait, while there are any.
local function serve(self)
  local lot, wants = self._lot, self._wants
  while self._borrowed < self._total do
    local task = lot:wake_one()
    if not task then return end
    local borrower = wants[task]
    wants[task], self._waiting[borrower] = nil, nil
    self._borrowers[borrower] = true
    self._borrowed = self._borrowed + 1
  end
end

local computed = {
  total_tokens = function(self) return self._total end,
  borrowed_tokens = function(self) return self._borrowed end,
  available_tokens = function(self) return self._total - self._borrowed end,
}

function CapacityLimiter:__index(key)
  local get = computed[key]
  if get then return get(self) end
  return getmetatable(self)[key]
end

function CapacityLimiter:__newindex(key, value)
  if key == "total_tokens" then
    local wrong = whole(value)
    if wrong then
      error(("bad value of 'total_tokens' (%s)"):format(wrong), 2)
    end
    check_not_negative(value)
    self._total = value
    serve(self)
  elseif computed[key] then
    error(errors.RuntimeError("'" .. key .. "' is read-only"), 0)
  else
    rawset(self, key, value)
  end
end

--- Makes a limiter; also outside a run.
---@param total_tokens integer|number not negative; math.huge: no limit
---@return anyio.CapacityLimiter
---Checkpoint: never.
---Raises: ValueError when it is negative.
---@usage local limiter = anyio.CapacityLimiter(4)
function CapacityLimiter:_init(total_tokens)
  options.arg("CapacityLimiter", 1, total_tokens, whole, 4)
  check_not_negative(total_tokens)
  self._total, self._borrowed = total_tokens, 0
  self._borrowers, self._wants, self._waiting = {}, {}, {}
  self._lot = new_lot "capacity limiter"
end

local function give_back(self, borrower)
  self._borrowers[borrower] = nil
  self._borrowed = self._borrowed - 1
  serve(self)
end

local function check_new(self, borrower)
  if self._borrowers[borrower] then
    error(errors.RuntimeError("this borrower is already holding one of this "
      .. "CapacityLimiter's tokens"), 0)
  end
  if self._waiting[borrower] then
    error(errors.RuntimeError("this borrower is already waiting for one of "
      .. "this CapacityLimiter's tokens"), 0)
  end
end

local function lend(self, borrower)
  self._borrowers[borrower] = true
  self._borrowed = self._borrowed + 1
end

local function wait(self, borrower)
  local me, wants = current(), self._wants
  wants[me], self._waiting[borrower] = borrower, true
  local err, woken = self._lot:wait()
  if err ~= nil and not woken then
    wants[me], self._waiting[borrower] = nil, nil
  end
  return err, woken
end

local function acquire(self, borrower)
  local err, woken
  check_new(self, borrower)
  checkpoint_if_cancelled() -- or it is refused, with nothing lent or noted
  if self._borrowed < self._total then
    lend(self, borrower)
    err, woken = yield(), true
  else
    err, woken = wait(self, borrower)
  end
  if err == nil then return self end
  if woken then give_back(self, borrower) end
  error(err, 0)
end

local function acquire_nowait(self, borrower)
  check_new(self, borrower)
  if self._borrowed >= self._total then
    error(errors.WouldBlock "no token is free", 0)
  end
  lend(self, borrower)
  return self
end

local function release(self, borrower)
  if not self._borrowers[borrower] then
    error(errors.RuntimeError("this borrower isn't holding any of this "
      .. "CapacityLimiter's tokens"), 0)
  end
  give_back(self, borrower)
end

--- Borrows a token for the current task, or waits for one.
---@return anyio.CapacityLimiter self a to-be-closed value that gives it back
---Checkpoint: always. Once it is lent, no cancellation is raised.
---Raises: RuntimeError when the task has one already; Cancelled.
---@usage local _ <close> = limiter:acquire()
function CapacityLimiter:acquire()
  if not self then colon(CapacityLimiter, "acquire") end
  return acquire(self, current())
end

--- Borrows a token for the current task if one is free.
---@return anyio.CapacityLimiter self
---Checkpoint: never.
---Raises: WouldBlock when none is free; RuntimeError when the task has one.
---@usage limiter:acquire_nowait()
function CapacityLimiter:acquire_nowait()
  if not self then colon(CapacityLimiter, "acquire_nowait") end
  return acquire_nowait(self, current())
end

--- Borrows a token for an object of the caller's choice, or waits for one.
--- It is given back by `release_on_behalf_of`.
---@param borrower any not nil
---@return anyio.CapacityLimiter self
---Checkpoint: always. Once it is lent, no cancellation is raised.
---Raises: RuntimeError when the object has one already; Cancelled.
---@usage limiter:acquire_on_behalf_of(request)
function CapacityLimiter:acquire_on_behalf_of(borrower)
  if not self then colon(CapacityLimiter, "acquire_on_behalf_of") end
  if borrower == nil then options.arg("acquire_on_behalf_of", 1, nil, "borrower") end
  return acquire(self, borrower)
end

--- Borrows a token for an object if one is free.
---@param borrower any not nil
---@return anyio.CapacityLimiter self
---Checkpoint: never.
---Raises: WouldBlock when none is free; RuntimeError when the object has one.
---@usage limiter:acquire_on_behalf_of_nowait(request)
function CapacityLimiter:acquire_on_behalf_of_nowait(borrower)
  if not self then colon(CapacityLimiter, "acquire_on_behalf_of_nowait") end
  if borrower == nil then
    options.arg("acquire_on_behalf_of_nowait", 1, nil, "borrower")
  end
  return acquire_nowait(self, borrower)
end

--- Gives the current task's token back: to who has waited longest, if any.
---Checkpoint: never.
---Raises: RuntimeError when the task has none.
---@usage limiter:release()
function CapacityLimiter:release()
  if not self then colon(CapacityLimiter, "release") end
  release(self, current())
end

--- Gives an object's token back.
---@param borrower any
---Checkpoint: never.
---Raises: RuntimeError when the object has none.
---@usage limiter:release_on_behalf_of(request)
function CapacityLimiter:release_on_behalf_of(borrower)
  if not self then colon(CapacityLimiter, "release_on_behalf_of") end
  if borrower == nil then options.arg("release_on_behalf_of", 1, nil, "borrower") end
  release(self, borrower)
end

function CapacityLimiter:__enter() return self:acquire() end

function CapacityLimiter:__exit() self:release() end

function CapacityLimiter:__close() self:release() end

--- What it is like now.
---@return table `borrowed_tokens`, `total_tokens`, `borrowers` (a list; a task
---  stands for itself), `tasks_waiting`
---Checkpoint: never.
---@usage print(limiter:statistics().borrowed_tokens)
function CapacityLimiter:statistics()
  if not self then colon(CapacityLimiter, "statistics") end
  local borrowers = {}
  for borrower in next, self._borrowers do
    borrowers[#borrowers + 1] = borrower
  end
  return {
    borrowed_tokens = self._borrowed,
    total_tokens = self._total,
    borrowers = borrowers,
    tasks_waiting = #self._lot,
  }
end

-- Some of those who have a token; a task by its name.
local function some_borrowers(self)
  local names = {}
  for borrower in next, self._borrowers do
    if #names == 3 then
      names[4] = "..."
      break
    end
    local ok, name = errors.pcall(task_lib.name, borrower)
    names[#names + 1] = ok and "'" .. name .. "'" or tostring(borrower)
  end
  return concat(names, ", ")
end

function CapacityLimiter:__tostring()
  return ("<CapacityLimiter: %d of %s borrowed%s, %d waiting>"):format(
    self._borrowed, self._total,
    self._borrowed > 0 and " by " .. some_borrowers(self) or "", #self._lot)
end

return CapacityLimiter
