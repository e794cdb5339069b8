--- Typed attributes: facts about an object, looked up by unique keys.

local class = require "anyrun.class"
local options = require "anyrun.options"

local error, getmetatable, pairs, select = error, getmetatable, pairs, select
local setmetatable, tostring, type = setmetatable, tostring, type

local typedattr = {}

---@class anyio.TypedAttribute
---@field name? string `Set.key`, once it is part of a set
local TypedAttribute = class.new("TypedAttribute")

function TypedAttribute:__tostring()
  return self.key_name or "TypedAttribute"
end

--- A fresh key for a `TypedAttributeSet`; equal to no other key.
---@return anyio.TypedAttribute
---Checkpoint: never.
---@usage anyio.TypedAttributeSet("Peer", { user = anyio.typed_attribute() })
function typedattr.typed_attribute() return TypedAttribute() end

local function add_key(set, set_name, name, key)
  if type(name) ~= "string" then
    error(("bad argument #2 to 'TypedAttributeSet' (names expected, got %s)")
      :format(type(name)), 3)
  end
  key.key_name = key.key_name or (set_name .. "." .. name)
  set[name] = key
end

--- Makes a set of keys: `TypedAttributeSet("Peer", {"user", "host"})`; the
--- keys are then `Peer.user` and `Peer.host`.
---@param name string
---@param keys table names, or `{name = anyio.typed_attribute()}`
---@return table<string, anyio.TypedAttribute>
---Checkpoint: never.
---@usage local Peer = anyio.TypedAttributeSet("Peer", { "user", "host" })
function typedattr.TypedAttributeSet(name, keys)
  options.arg("TypedAttributeSet", 1, name, "string")
  options.arg("TypedAttributeSet", 2, keys, "table")
  local set = setmetatable({}, {
    __name = "TypedAttributeSet",
    __tostring = function() return name end,
  })
  for key, value in pairs(keys) do
    if class.is(value, TypedAttribute) then
      add_key(set, name, key, value)
    else
      add_key(set, name, value, TypedAttribute())
    end
  end
  return set
end

--- Gives a class `extra`. The class has a method `extra_attributes()` that
--- returns a table of getters by key; a class that wraps another object starts
--- from that one's table and adds or replaces entries.
---@class anyio.TypedAttributeProvider
---@overload fun(class: string|table): table
local TypedAttributeProvider = class.new("TypedAttributeProvider")
getmetatable(TypedAttributeProvider).__call = class.extend

--- The getters by key: `{[Peer.user] = function() return "root" end}`.
---@return table<anyio.TypedAttribute, fun(): any>
---Checkpoint: never.
---@usage local getters = stream:extra_attributes()
function TypedAttributeProvider:extra_attributes() return {} end

--- The value of an attribute.
---@param key anyio.TypedAttribute
---@param ... any a default, also nil, for an object that has no such attribute
---@return any
---Checkpoint: never.
---Raises: TypedAttributeLookupError when there is no such attribute and no
---default; what the getter raises.
---@usage local port = listener:extra(anyio.abc.SocketAttribute.local_port)
function TypedAttributeProvider:extra(key, ...)
  if key == nil then
    error("bad argument #1 to 'extra' (typed attribute expected, got no value)", 2)
  end
  local getters = self.extra_attributes
  if type(getters) == "function" then getters = getters(self) end
  local getter = getters and getters[key]
  if getter then return getter() end
  if select("#", ...) > 0 then return (...) end
  error(require("anyrun.errors").TypedAttributeLookupError(
    ("attribute not found: %s"):format(tostring(key))), 2)
end

typedattr.TypedAttributeProvider = TypedAttributeProvider

return typedattr
