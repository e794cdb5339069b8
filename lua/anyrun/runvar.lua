--- Variables that live as long as a run and are shared by all its tasks.

local class = require "anyrun.class"
local native = require "_anyrun.run"
local options = require "anyrun.options"

local error, select, tostring = error, select, tostring

local DEFAULTS <const> = { default = "any" }
-- Stands for nil in the run's table and for "not set" in a token.
local NIL <const> = {}
local UNSET <const> = {}

---@class anyio.lowlevel.RunVar
---@field name string
local RunVar = class.new("RunVar")

---@class anyio.lowlevel.RunVarToken
local Token = class.new("RunVarToken")

--- Makes a variable. Two of one name are two variables.
---@param name string
---@param opts? {default: any} what `get` gives while it is not set
---Checkpoint: never.
---@usage local connections = RunVar("connections", { default = 0 })
function RunVar:_init(name, opts)
  options.arg("RunVar", 1, name, "string", 4)
  self.name = name
  self._default = options.check("RunVar", opts, DEFAULTS, 2, 4).default
end

function RunVar:__tostring()
  return ("<RunVar name='%s'>"):format(self.name)
end

--- The value in this run.
---@param ... any a default, also nil, that goes before the variable's own
---@return any
---Checkpoint: never.
---Raises: LookupError when it is not set and there is no default;
---NoEventLoopError outside a run.
---@usage local pool = pool_var:get(nil) or open_pool()
function RunVar:get(...)
  local value = native.vars()[self]
  if value == NIL then return nil end
  if value ~= nil then return value end
  if select("#", ...) > 0 then return (...) end
  if self._default ~= nil then return self._default end
  error(require("anyrun.errors").LookupError(
    ("%s has no value in this run"):format(tostring(self))), 2)
end

--- Sets the value in this run.
---@param value any
---@return anyio.lowlevel.RunVarToken token for `reset`; also a `<close>`
---value and, called with a body function, a block that resets at its end
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage local _ <close> = debug_var:set(true)
function RunVar:set(value)
  local vars = native.vars()
  local token = Token(self, vars)
  vars[self] = value == nil and NIL or value
  return token
end

--- Brings back what was there before the `set` that gave the token.
---@param token anyio.lowlevel.RunVarToken
---Checkpoint: never.
---Raises: ValueError when the token was used, or is of another variable or
---another run.
---@usage local token = var:set(1)  work()  var:reset(token)
function RunVar:reset(token)
  if not class.is(token, Token) then
    options.arg("reset", 1, token, function() return "RunVarToken expected" end)
  end
  local wrong
  if token._var ~= self then
    wrong = "this token belongs to another RunVar"
  elseif token._used then
    wrong = "this token has already been used"
  elseif token._vars ~= native.vars() then
    wrong = "this token belongs to another run"
  end
  if wrong then error(require("anyrun.errors").ValueError(wrong), 2) end
  token._used = true
  local old = token._old
  if old == UNSET then old = nil end
  token._vars[self] = old
end

function Token:_init(var, vars)
  local old = vars[var]
  self._var, self._vars, self._old = var, vars, old == nil and UNSET or old
end

function Token:__close() self._var:reset(self) end

function Token:__enter() return self end

function Token:__exit() self._var:reset(self) end

function Token:__call(body)
  return require "anyrun.with"(self, body)
end

return RunVar
