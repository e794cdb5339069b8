--- Context manager mixins: a class that writes entering, body and leaving as
--- one method.
-- Python's method is a generator that yields where the block runs. In Lua the
-- method gets the block as a function and calls it there, once:
--
--     local Server = anyio.ContextManagerMixin("Server")
--     function Server:__contextmanager(body)
--       anyio.create_task_group(function(tg)
--         self.tg = tg
--         body(self)            -- what `with` hands to the block
--         tg.cancel_scope:cancel()
--       end)
--     end
--     anyio.with(Server(), function(server) ... end)
--
-- What is before the call is entering, what is after it leaving; `<close>`
-- values and other body functions of the method surround the block. An error
-- of the block is raised by `body(...)`, where the method may catch it. A
-- subclass calls its parent's method with the body, or with one of its own
-- that calls the body. `object(body)` is `anyio.with(object, body)`.

local class = require "anyrun.class"
local errors = require "anyrun.errors"

local error, getmetatable, pack = error, getmetatable, table.pack
local setmetatable, type, unpack = setmetatable, type, table.unpack

local contextmanager = {}

-- The objects that are entered now: object -> the state of that block.
local entered = setmetatable({}, { __mode = "k" })

local Leave = {
  __close = function(state) entered[state.object] = nil end,
}

local function class_name(object)
  local mt = getmetatable(object)
  local name = type(mt) == "table" and mt.__name
  return type(name) == "string" and name or type(object)
end

local function check_called(state, name, method, ...)
  if state.called then return end
  local result = (...)
  local hint = "call body(value) where the block is to run"
  if type(result) == "thread" then
    hint = "it returned a coroutine; " .. hint
  elseif type(result) == "function" then
    hint = "it returned a function; " .. hint
  elseif result == state.object then
    hint = "it returned the object itself; use body(self)"
  end
  error(errors.TypeError(("%s:%s did not call its body (%s)"):format(name,
    method, hint)), 0)
end

local function enter(object, body, method)
  local name, run = class_name(object), object[method]
  if type(run) ~= "function" then
    error(errors.TypeError(("%s does not define %s"):format(name, method)), 3)
  elseif entered[object] then
    error(errors.RuntimeError(("this %s has already been entered"):format(
      name)), 3)
  end
  local state <close> = setmetatable({ object = object }, Leave)
  entered[object] = state
  local function block(...)
    if state.called then
      error(errors.RuntimeError(("%s:%s called its body twice"):format(name,
        method)), 2)
    end
    state.called = true
    state.results = pack(body(...))
    return unpack(state.results, 1, state.results.n)
  end
  check_called(state, name, method, run(object, block))
  if state.results then
    return unpack(state.results, 1, state.results.n)
  end
end

local function mixin(name, method)
  local cls = class.new(name)
  function cls:__with(body) return enter(self, body, method) end
  cls.__call = cls.__with
  getmetatable(cls).__call = class.extend
  return cls
end

--- Makes a class (from its name), or adds to one, whose method
--- `__contextmanager(self, body)` enters, calls `body(value)` once, and leaves.
---Checkpoint: as that method and the block.
---Raises: RuntimeError when the object is already entered or the body is
---called twice; TypeError when the method is missing or does not call its body.
---@class anyio.ContextManagerMixin
---@overload fun(class: string|table): table
contextmanager.ContextManagerMixin =
  mixin("ContextManagerMixin", "__contextmanager")

--- The same with the method `__asynccontextmanager`; in Lua both may suspend.
---Checkpoint: as that method and the block.
---Raises: as `ContextManagerMixin`.
---@class anyio.AsyncContextManagerMixin
---@overload fun(class: string|table): table
contextmanager.AsyncContextManagerMixin =
  mixin("AsyncContextManagerMixin", "__asynccontextmanager")

return contextmanager
