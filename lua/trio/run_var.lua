--- RunVar: a variable with a value in each run.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local guard = require "trio.guard"
local options = require "anyrun.options"
local run_lib = require "_anyrun.run"

local error, select = error, select

---@class trio.run_var
local run_var = {}

---@class trio.lowlevel.RunVar
---@field name string
local RunVar = class.new("RunVar")
run_var.RunVar = RunVar

---@class trio.lowlevel.RunVarToken
local RunVarToken = class.new("RunVarToken")

local UNSET = {} -- no value; a value may be nil, hence is kept in a box

local function no_check() return nil end

function RunVar:_init(name, opts)
  options.arg("RunVar", 1, name, "string", 5)
  opts = options.check("RunVar", opts, { default = no_check }, 2, 5)
  -- the instance's field hides the class's name
  self.name = name
  self._default = opts.default
end

function RunVar:__tostring() return ("<RunVar name='%s'>"):format(self.name) end

local function values()
  guard.needs_trio "lowlevel.RunVar"
  return run_lib.vars()
end

--- The variable's value in the run that is going on.
---@param default? any what to return when it has none
---@return any
---Checkpoint: never.
---Raises: LookupError when it has no value and there is no default;
---  NoEventLoopError outside a run.
---@usage local pool = pool_var:get(nil)
function RunVar:get(...)
  local box = values()[self]
  if box ~= nil then return box.value end
  if select("#", ...) > 0 then return (...) end
  if self._default ~= nil then return self._default end
  error(errors.LookupError(("%s has no value in this run"):format(self)), 0)
end

--- Gives the variable a value in the run that is going on.
---@param value any
---@return trio.lowlevel.RunVarToken for `reset`
---Checkpoint: never.
---Raises: NoEventLoopError outside a run.
---@usage local token = pool_var:set(new_pool())
function RunVar:set(value)
  local vars = values()
  local token = RunVarToken()
  token._var, token._run, token._previous = self, vars, vars[self] or UNSET
  vars[self] = { value = value }
  return token
end

--- Takes back the `set` that returned `token`.
---@param token trio.lowlevel.RunVarToken good for one use
---Checkpoint: never.
---Raises: ValueError when the token has been used, or is another variable's or
---  another run's; NoEventLoopError outside a run.
---@usage pool_var:reset(token)
function RunVar:reset(token)
  local vars = values()
  if not class.is(token, RunVarToken) then
    error(errors.TypeError "reset needs a token of this variable's set", 0)
  elseif token._used then
    error(errors.ValueError "token has already been used", 0)
  elseif token._var ~= self then
    error(errors.ValueError "token is not for us", 0)
  elseif token._run ~= vars then
    error(errors.ValueError "token is of another run", 0)
  end
  local previous = token._previous
  if previous == UNSET then previous = nil end
  vars[self] = previous
  token._used, token._previous = true, nil
end

return run_var
