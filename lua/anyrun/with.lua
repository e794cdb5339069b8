--- `with`: a body function between the entering and leaving of an object.

local errors = require "anyrun.errors"

local error, getmetatable, setmetatable = error, getmetatable, setmetatable
local rawget, type = rawget, type

-- The protocols, first found wins. Each enters, calls and leaves.
local protocols = {}

-- Leaves when the coroutine that runs the body is closed in the middle: then
-- nothing returns from the call of the body.
local Guard = {}

function Guard:__close()
  local leave = self.leave
  if leave then
    self.leave = nil
    leave(self.cm)
  end
end

local function leave_after(guard, leave, cm, ok, ...)
  guard.leave = nil
  if ok then
    leave(cm)
    return ...
  end
  local err = (...)
  local left, swallow = errors.try(leave, cm, err)
  if not left then errors.rethrow(errors.chain(swallow, err)) end
  if swallow ~= true then errors.rethrow(err) end
end

local function run_between(cm, leave, body, value)
  local guard <close> = setmetatable({ cm = cm, leave = leave }, Guard)
  return leave_after(guard, leave, cm, errors.try(body, value))
end

-- As a field, or beside `__close` in a metatable that has no `__index`.
local function field(cm, key)
  local mt = getmetatable(cm)
  if type(cm) == "table" or type(cm) == "userdata" and mt then
    local value = cm[key]
    if value == nil and type(mt) == "table" then value = rawget(mt, key) end
    return value
  end
end

-- Those that are called with a body themselves.
local CALLED <const> = {
  BlockingPortal = true, CancelScope = true, Nursery = true, TaskGroup = true,
}

function protocols.called(cm)
  local mt = getmetatable(cm)
  if type(mt) == "table" and CALLED[rawget(mt, "__name")] and mt.__call then
    return function(object, body) return object(body) end
  end
end

function protocols.enter_exit(cm)
  local enter, exit = field(cm, "__enter"), field(cm, "__exit")
  if not enter or not exit then return nil end
  return function(object, body)
    return run_between(object, exit, body, enter(object))
  end
end

function protocols.close(cm)
  local mt = getmetatable(cm)
  local close = type(mt) == "table" and mt.__close
  if not close then return nil end
  local function leave(object, err) close(object, err) end
  return function(object, body)
    return run_between(object, leave, body, object)
  end
end

function protocols.mixin(cm)
  return field(cm, "__with")
end

--- Enters `cm`, calls `body` with what entering gave, and leaves it, whatever
--- happens. `cm` has `__enter()` and `__exit(err)`, or is a to-be-closed value
--- (`__close`), or is made with a context manager mixin, or is a task group, a
--- cancel scope or a portal, which is called with the body. Where `__exit`
--- returns true the error of the body is swallowed and nothing is returned;
--- an error of `__exit` replaces it and keeps it as its cause.
---@param cm any
---@param body fun(value: any): any
---@return any ... what `body` returned
---Checkpoint: as `cm` and `body`.
---Raises: what `body` raised, or what entering or leaving raised.
---@usage anyio.with(lock, function() counter = counter + 1 end)
local function with(cm, body)
  local run = protocols.mixin(cm) or protocols.enter_exit(cm)
    or protocols.called(cm) or protocols.close(cm)
  if not run then
    error(("bad argument #1 to 'with' (an object with __enter and __exit, or "
      .. "__close, expected, got %s)"):format(type(cm)), 2)
  elseif type(body) ~= "function" then
    error(("bad argument #2 to 'with' (function expected, got %s)"):format(
      type(body)), 2)
  end
  return run(cm, body)
end

return with
