--- Fields of an object that are checked when they are set.

local errors = require "anyrun.errors"
local names = require "anyrun.tls.names"
local options = require "anyrun.options"

local error, getmetatable, math_type = error, getmetatable, math.type
local tostring, type = tostring, type

---@class anyrun.tls.properties
local properties = {}

--- Checks the type of a field's new value.
---@param name string
---@param value any
---@param wanted string a type of Lua, `integer`, `callable`; with ? nil, too
---Checkpoint: never.
---@usage properties.is_a("options", value, "integer")
function properties.is_a(name, value, wanted)
  local kind, optional = wanted:match("^(%l+)(%??)$")
  if value == nil and optional == "?" then return end
  if kind == type(value) or kind == math_type(value)
    or kind == "callable" and options.callable(value) then
    return
  end
  error(("bad value of '%s' (%s expected, got %s)"):format(name, kind,
    type(value)), 4)
end

--- Checks that a field's new value is one of some words.
---@param name string
---@param value any
---@param known table<string, any> the words are its keys
---Checkpoint: never.
---Raises: ValueError when it is another word.
---@usage properties.one_of("verify_mode", value, MODES)
function properties.one_of(name, value, known)
  if type(value) ~= "string" then
    error(("bad value of '%s' (string expected, got %s)"):format(name,
      type(value)), 4)
  elseif known[value] == nil then
    error(errors.ValueError(("no such %s: '%s' (known: %s)"):format(name,
      value, names.list(known))), 0)
  end
end

--- A check of an argument or option, as `anyrun.options` takes it: is it an
--- SSLContext?
---@param value any
---@return string? wrong what was expected
---Checkpoint: never.
---@usage options.arg("SSLListener", 2, context, properties.is_context)
function properties.is_context(value)
  local mt = getmetatable(value)
  if type(mt) == "table" and mt.__name == "SSLContext" then return nil end
  return "SSLContext expected"
end

--- Gives a class fields that are checked: what was set last is in the table
--- `_set` of the object. A field that is not known cannot be set.
---@param cls table
---@param get table<string, fun(self: table): any> what is computed
---@param set table<string, fun(self: table, value: any)> checks and applies
---@param readonly table<string, true>
---Checkpoint: never.
---@usage properties.install(SSLContext, get, set, { protocol = true })
function properties.install(cls, get, set, readonly)
  function cls:__index(key)
    local compute = get[key]
    if compute then return compute(self) end
    if set[key] or readonly[key] then return self._set[key] end
    return getmetatable(self)[key]
  end

  function cls:__newindex(key, value)
    local apply = set[key]
    if apply then
      apply(self, value)
      self._set[key] = value
    elseif readonly[key] then
      error(errors.RuntimeError("'" .. key .. "' is read-only"), 0)
    else
      error(errors.TypeError(("%s has no field '%s' that could be set (known: %s)")
        :format(cls.name, tostring(key), names.list(set))), 2)
    end
  end
end

return properties
