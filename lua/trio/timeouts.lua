--- Sleeping, cancel scopes and the helpers that put a deadline on one.
-- A relative deadline starts to run when the scope is entered, not when it is
-- made: the difference to AnyIO's helpers of the same names.

local errors = require "anyrun.errors"
local guard = require "trio.guard"
local options = require "anyrun.options"
local scope_lib = require "_anyrun.scope"
local time_lib = require "_anyrun.time"

local native_scope, native_fails = scope_lib.CancelScope, scope_lib.fails
local native_now, native_sleep = time_lib.now, time_lib.sleep
local needs_trio, not_foreign = guard.needs_trio, guard.not_foreign
local error, type = error, type
local huge = math.huge

---@class trio.timeouts
local timeouts = {}

local SHIELD = { shield = "boolean" }
local SCOPE = { deadline = "number", relative_deadline = "number",
  shield = "boolean" }

local function value_error(text) error(errors.ValueError(text), 0) end

local function check_time(value, name)
  options.arg(name, 1, value, "number", 4)
  if value ~= value then
    value_error(("'%s' cannot be given NaN"):format(name))
  end
end

local function check_seconds(seconds, name)
  if type(seconds) == "number" and seconds >= 0 then return end
  options.arg(name, 1, seconds, "number", 4)
  value_error(("timeout of '%s' must be a non-negative number"):format(name))
end

-- `f(x, body)` and `f(x, options, body)` are the same call.
local function split(opts, body)
  if body == nil and type(opts) == "function" then return nil, opts end
  return opts, body
end

--- The time on the run's clock, in seconds. Each run counts from another zero.
---@return number
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage local deadline = trio.current_time() + 5
function timeouts.current_time()
  needs_trio "current_time"
  return native_now()
end

--- The earliest deadline that holds for the current task: `-math.huge` when it
--- is cancelled already, `math.huge` when there is none.
---@return number
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage local left = trio.current_effective_deadline() - trio.current_time()
function timeouts.current_effective_deadline()
  needs_trio "current_effective_deadline"
  return scope_lib.current_effective_deadline()
end

--- Waits for a number of seconds; `sleep(0)` is a bare checkpoint.
---@param seconds number
---Checkpoint: always.
---Raises: ValueError when `seconds` is negative or NaN; Cancelled.
---@usage trio.sleep(0.5)
function timeouts.sleep(seconds)
  check_seconds(seconds, "sleep")
  needs_trio "sleep"
  native_sleep(seconds)
end

--- Waits until the run's clock shows `deadline`; a past one is a checkpoint.
---@param deadline number
---Checkpoint: always.
---Raises: ValueError when `deadline` is NaN; Cancelled.
---@usage trio.sleep_until(trio.current_time() + 1)
function timeouts.sleep_until(deadline)
  check_time(deadline, "sleep_until")
  needs_trio "sleep_until"
  time_lib.sleep_until(deadline)
end

--- Waits until cancelled.
---Checkpoint: always.
---Raises: Cancelled.
---@usage trio.move_on_after(1, trio.sleep_forever)
function timeouts.sleep_forever()
  needs_trio "sleep_forever"
  time_lib.sleep_forever()
end

local function check_scope(opts)
  options.check("CancelScope", opts, SCOPE, 1, 4)
  local deadline, relative = opts.deadline, opts.relative_deadline
  if deadline and deadline ~= deadline then
    value_error "deadline must not be NaN"
  elseif relative and (relative < 0 or relative ~= relative) then
    value_error "relative_deadline must be a non-negative number"
  elseif (deadline or huge) ~= huge and (relative or huge) ~= huge then
    value_error "deadline and relative_deadline exclude each other"
  end
end

--- A stretch of code that can be cancelled as a whole. With a body it is
--- entered at once; without, the scope is returned: call it with a body, once.
---@param opts? table `deadline`, `relative_deadline` (seconds), `shield`
---@param body? fun(scope: any): ...
---@return any scope and what `body` returned
---Checkpoint: never, apart from the body's own.
---Raises: ValueError for NaN, a negative relative deadline, or both kinds.
---@usage local scope = trio.CancelScope({ shield = true }, clean_up)
function timeouts.CancelScope(opts, body)
  not_foreign "CancelScope"
  opts, body = split(opts, body)
  if opts ~= nil then check_scope(opts) end
  return native_scope(opts, body)
end

local function with_deadline(name, key, value, opts)
  not_foreign(name)
  local scope = native_scope()
  if value ~= huge then scope[key] = value end
  if opts ~= nil then
    scope.shield = options.check(name, opts, SHIELD, 2, 4).shield or false
  end
  return scope
end

--- Runs `body`, and quietly leaves it `seconds` after it was entered.
---@param seconds number
---@param opts? table `shield`
---@param body? fun(scope: any): ...
---@return any scope its `cancelled_caught` tells; then what `body` returned
---Checkpoint: never, apart from the body's own.
---Raises: ValueError when `seconds` is negative or NaN.
---@usage if trio.move_on_after(2, fetch).cancelled_caught then give_up() end
function timeouts.move_on_after(seconds, opts, body)
  check_seconds(seconds, "move_on_after")
  opts, body = split(opts, body)
  local scope = with_deadline("move_on_after", "relative_deadline", seconds, opts)
  if body == nil then return scope end
  return scope(body)
end

--- Runs `body`, and quietly leaves it when the run's clock shows `deadline`.
---@param deadline number
---@param opts? table `shield`
---@param body? fun(scope: any): ...
---@return any scope its `cancelled_caught` tells; then what `body` returned
---Checkpoint: never, apart from the body's own.
---Raises: ValueError when `deadline` is NaN.
---@usage trio.move_on_at(deadline, function() worker:wait() end)
function timeouts.move_on_at(deadline, opts, body)
  check_time(deadline, "move_on_at")
  opts, body = split(opts, body)
  local scope = with_deadline("move_on_at", "deadline", deadline, opts)
  if body == nil then return scope end
  return scope(body)
end

-- Any cancellation the scope caught counts, one by hand too.
local function too_slow(scope, body)
  native_fails(scope, "TooSlowError")
  if body == nil then return scope end
  return scope(body)
end

--- Like `move_on_after`, but raises TooSlowError when the scope was left.
---@param seconds number
---@param opts? table `shield`
---@param body? fun(scope: any): ...
---@return any scope and what `body` returned
---Checkpoint: never, apart from the body's own.
---Raises: TooSlowError; ValueError when `seconds` is negative or NaN.
---@usage local _, page = trio.fail_after(10, function() return get(url) end)
function timeouts.fail_after(seconds, opts, body)
  check_seconds(seconds, "fail_after")
  opts, body = split(opts, body)
  local scope = with_deadline("fail_after", "relative_deadline", seconds, opts)
  return too_slow(scope, body)
end

--- Like `move_on_at`, but raises TooSlowError when the scope was left.
---@param deadline number
---@param opts? table `shield`
---@param body? fun(scope: any): ...
---@return any scope and what `body` returned
---Checkpoint: never, apart from the body's own.
---Raises: TooSlowError; ValueError when `deadline` is NaN.
---@usage trio.fail_at(deadline, function() worker:wait() end)
function timeouts.fail_at(deadline, opts, body)
  check_time(deadline, "fail_at")
  opts, body = split(opts, body)
  local scope = with_deadline("fail_at", "deadline", deadline, opts)
  return too_slow(scope, body)
end

return timeouts
