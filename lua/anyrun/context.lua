--- Context variables: values that a task takes from whoever spawned it.
-- The C core keeps, for each task and for the code outside any, either a table
-- of values by variable, which is never changed, or a Context that holds one.
-- To set a variable makes a new table, so a copy costs nothing.

local class = require "anyrun.class"
local native = require "_anyrun.task"
local options = require "anyrun.options"

local error, next, select, setmetatable = error, next, select, setmetatable
local tostring, type = tostring, type

local context = {}

local DEFAULTS <const> = { default = "any" }
local EMPTY <const> = {}
-- Stands for nil in a table of values. A function of this module, so that it
-- is the same one in a thread that a context is copied to.
local function NIL() end

local function fail(kind, text)
  error(require("anyrun.errors")[kind](text), 3)
end

---@class contextvars.ContextVar
---@field name string
local ContextVar = class.new("ContextVar")

---@class contextvars.Token
---@field var contextvars.ContextVar
---@field old_value any what was there before; `Token.MISSING` when nothing
local Token = class.new("Token")
Token.MISSING = setmetatable({}, {
  __name = "Token.MISSING",
  __tostring = function() return "<Token.MISSING>" end,
})

---@class contextvars.Context
---@field vars? table values by variable, never changed
local Context = class.new("Context")

--- Makes a variable. Two of one name are two variables.
---@param name string
---@param opts? {default: any} what `get` gives while it is not set
---Checkpoint: never.
---@usage local request_id = ContextVar("request_id", { default = 0 })
function ContextVar:_init(name, opts)
  options.arg("ContextVar", 1, name, "string", 4)
  self.name = name
  self._default = options.check("ContextVar", opts, DEFAULTS, 2, 4).default
end

function ContextVar:__tostring()
  return ("<ContextVar name='%s'>"):format(self.name)
end

-- found, value
local function look_up(vars, var)
  local value = vars and vars[var]
  if value == NIL then return true, nil end
  return value ~= nil, value
end

--- The value in the current context.
---@param ... any a default, also nil, that goes before the variable's own
---@return any
---Checkpoint: never.
---Raises: LookupError when it is not set and there is no default.
---@usage log(request_id:get())
function ContextVar:get(...)
  local found, value = look_up(native.context(), self)
  if found then return value end
  if select("#", ...) > 0 then return (...) end
  if self._default ~= nil then return self._default end
  fail("LookupError", ("%s has no value in this context"):format(tostring(self)))
end

local function replace(var, value)
  local vars = {}
  for key, old in next, native.context() or EMPTY do vars[key] = old end
  vars[var] = value
  native.set_context(next(vars) and vars)
end

--- Sets the value in the current context.
---@param value any
---@return contextvars.Token token for `reset`; as a `<close>` value it resets
---Checkpoint: never.
---@usage local token = request_id:set(7)
function ContextVar:set(value)
  local found, old = look_up(native.context(), self)
  if not found then old = Token.MISSING end
  replace(self, value == nil and NIL or value)
  return setmetatable({ var = self, old_value = old,
    _owner = native.context_owner() }, Token)
end

--- Brings back what was there before the `set` that gave the token.
---@param token contextvars.Token
---Checkpoint: never.
---Raises: ValueError when the token is of another variable or was made in another
---context; RuntimeError when it was used before.
---@usage request_id:reset(token)
function ContextVar:reset(token)
  if not class.is(token, Token) then
    options.arg("reset", 1, token, function() return "Token expected" end)
  elseif token.var ~= self then
    fail("ValueError", ("%s was made by another variable, %s"):format(
      tostring(token), tostring(token.var)))
  elseif token._used then
    fail("RuntimeError", ("%s has already been used"):format(tostring(token)))
  end
  local owner = native.context_owner()
  if owner ~= token._owner and owner ~= nil and token._owner ~= nil then
    fail("ValueError", ("%s was made in another context"):format(tostring(token)))
  end
  token._used = true
  local old = token.old_value
  if old == Token.MISSING then
    replace(self, nil)
  else
    replace(self, old == nil and NIL or old)
  end
end

function Token:__tostring()
  return ("<Token var=%s>"):format(tostring(self.var))
end

function Token:__close() self.var:reset(self) end

--- A context of its own with the values of the current one.
---@return contextvars.Context
---Checkpoint: never.
---@usage local ctx = contextvars.copy_context()
function context.copy_context()
  return setmetatable({ vars = native.context() }, Context)
end

--- Another context with the same values.
---@return contextvars.Context
---Checkpoint: never.
---@usage local other = ctx:copy()
function Context:copy()
  return setmetatable({ vars = self.vars }, Context)
end

--- The value of a variable in this context.
---@param var contextvars.ContextVar
---@param default? any
---@return any
---Checkpoint: never.
---@usage print(ctx:get(request_id))
function Context:get(var, default)
  local found, value = look_up(self.vars, var)
  if found then return value end
  return default
end

--- Whether a variable has a value in this context.
---@param var contextvars.ContextVar
---@return boolean
---Checkpoint: never.
---@usage if ctx:has(request_id) then print(ctx:get(request_id)) end
function Context:has(var)
  return (look_up(self.vars, var))
end

function Context:__len()
  local n = 0
  for _ in next, self.vars or EMPTY do n = n + 1 end
  return n
end

local function step(vars, var)
  local key, value = next(vars, var)
  if value == NIL then value = nil end
  return key, value
end

function Context:__pairs() return step, self.vars or EMPTY, nil end

-- Leaves the context on every path out of `run`, also when the coroutine
-- that called it is closed in the middle.
local Leave = {
  __close = function(self)
    native.swap_context(self.old)
    self.entered._entered = nil
  end,
}

--- Calls `f` in this context: what it sets stays in the context and is not
--- seen outside.
---@param f function
---@param ... any its arguments
---@return any ... its results
---Checkpoint: as `f`.
---Raises: what `f` raises; RuntimeError when the context is already entered.
---@usage ctx:run(handle, request)
function Context:run(f, ...)
  if not options.callable(f) then
    error(("bad argument #1 to 'run' (function expected, got %s)"):format(
      f == nil and "no value" or type(f)), 2)
  elseif self._entered then
    fail("RuntimeError", "cannot enter a context that is already entered")
  end
  self._entered = true
  local guard <close> = -- luacheck: ignore (it is there to be closed)
    setmetatable({ old = native.swap_context(self), entered = self }, Leave)
  return f(...)
end

--- A context that holds what another thread's held.
---@param vars? table values by variable, never changed
---@return contextvars.Context
---Checkpoint: never.
---@usage context.of(vars):run(f)
function context.of(vars) return setmetatable({ vars = vars }, Context) end

-- How they are copied to other threads: a variable is the same one there.
ContextVar.__copies, Context.__copies = "identity", "value"

context.NIL = NIL
context.ContextVar = ContextVar
context.Context = Context
context.Token = Token

return context
