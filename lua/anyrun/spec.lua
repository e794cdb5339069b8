--- Task functions and task specs: `fetch` or `{fetch, name = "fetcher"}`.

local options = require "anyrun.options"

local error, getmetatable, pairs, tostring = error, getmetatable, pairs, tostring
local type = type
local callable = options.callable

local spec = {}

local function known_keys(allowed)
  local known = { name = true, context = true }
  for key in pairs(allowed or {}) do known[key] = true end
  return known
end

local function is_context(value)
  local mt = getmetatable(value)
  return type(mt) == "table" and mt.__name == "Context"
end

--- Reads what stands where a task function is expected.
---@param fname string the function's name as the caller knows it
---@param n integer which of its arguments this is
---@param value any a function, a callable, or `{f, name=, context=, ...}`
---@param allowed? table<string, any> further keys a spec may carry here
---@param level? integer whose line an error names; default: who called `fname`
---@return function f
---@return string? name
---@return table? context a `contextvars.Context`
---@return table? rest the spec itself, for the further keys
---Checkpoint: never.
---Raises: TypeError for a key that is not known here.
---@usage local f, name, context, rest = spec.parse("start_soon", 1, target)
function spec.parse(fname, n, value, allowed, level)
  if callable(value) then return value end
  level = level or 3
  local function bad(text)
    error(("bad argument #%d to '%s' (%s)"):format(n, fname, text), level + 1)
  end
  if type(value) ~= "table" then
    bad("function expected, got " .. (value == nil and "no value" or type(value)))
  end
  local f, name, context = value[1], value.name, value.context
  if not callable(f) then
    bad("task spec: function expected at [1], got " .. type(f))
  elseif context ~= nil and not is_context(context) then
    bad("task spec: Context expected as 'context', got " .. type(context))
  end
  local known
  for key in pairs(value) do
    if key ~= 1 and key ~= "name" and key ~= "context" then
      known = known or known_keys(allowed)
      if not known[key] then error(options.unknown(fname, key, known), level) end
    end
  end
  if name ~= nil then name = tostring(name) end
  return f, name, context, value
end

return spec
