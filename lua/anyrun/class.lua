--- Classes: a table that is at the same time the metatable of its instances.
-- Raw in every class: `__name`, `name`, `class`, `base`, `__index`, and all
-- metamethods of the base, so that neither C nor Lua has to walk the chain to
-- find one. `Class(...)` makes an instance and calls `Class._init(self, ...)`.

local getmetatable, rawget, setmetatable = getmetatable, rawget, setmetatable
local error, next, type = error, next, type

---@class anyrun.class
local class = {}

-- Set anew in every class, hence never taken over from the base.
local OWN = { __index = true, __name = true }

-- What describes a class itself, hence never passes to another by mixing in.
local BOOKKEEPING = {
  __index = true, __name = true, __tostring = true,
  name = true, class = true, base = true, also = true,
}

local function construct(cls, ...)
  local self = setmetatable({}, cls)
  local init = cls._init
  if init then init(self, ...) end
  return self
end

local function default_tostring(self)
  return ("<%s: %p>"):format(self.name or "object", self)
end

--- Makes a class.
---@param name string shown by `tostring` and in messages
---@param base? table the class it extends
---@return table class
---Checkpoint: never.
---@usage local Event = class.new("Event")
function class.new(name, base)
  local cls = { __tostring = default_tostring }
  if base then
    for key, value in next, base do
      if type(key) == "string" and key:find("^__") and not OWN[key] then
        cls[key] = value
      end
    end
  end
  cls.__name, cls.name, cls.class, cls.base = name, name, cls, base
  cls.__index = cls
  return setmetatable(cls, { __index = base, __call = construct })
end

--- Whether `value` is an instance of `cls` or of a class that extends it.
---@param value any
---@param cls table
---@return boolean
---Checkpoint: never.
---@usage if class.is(value, Event) then value:set() end
function class.is(value, cls)
  return class.extends(getmetatable(value), cls)
end

--- Whether the class `cls` is `other` or extends it. A class may name further
--- bases in its field `also`, a list.
---@param cls any
---@param other table
---@return boolean
---Checkpoint: never.
---@usage assert(class.extends(errors.TimeoutError, errors.OSError))
function class.extends(cls, other)
  while type(cls) == "table" do
    if cls == other then return true end
    local also = rawget(cls, "also")
    for i = 1, also and #also or 0 do
      if class.extends(also[i], other) then return true end
    end
    cls = rawget(cls, "base")
  end
  return false
end

--- Raises unless `self` is an object of the class: a method was called with a
--- dot, hence without its object, or with its first argument in its place.
---@param cls table
---@param method string
---@param self? any
---Checkpoint: never.
---@usage if not self then class.colon(Event, "set") end
function class.colon(cls, method, self)
  if class.is(self, cls) then return end
  error(("bad argument #1 to '%s' (%s expected, got %s colon is missing, it is "
    .. "called as 'object:%s(...)')"):format(method, cls.__name,
    self == nil and "no value: a" or type(self) .. ": perhaps a", method), 3)
end

-- What `cls` has and what it takes from its bases, unless `target` has it.
local function adopt(target, cls)
  while cls do
    for key, value in next, cls do
      if target[key] == nil and not BOOKKEEPING[key] then target[key] = value end
    end
    local also = rawget(cls, "also")
    for i = 1, also and #also or 0 do adopt(target, also[i]) end
    cls = rawget(cls, "base")
  end
end

--- Makes `mixin` one more base of a class, which gets what it has not itself.
---@param target table the class
---@param mixin table
---@return table target
---Checkpoint: never.
---@usage class.mix(ObjectStream, ObjectSendStream)
function class.mix(target, mixin)
  adopt(target, mixin)
  local also = rawget(target, "also") or {}
  also[#also + 1] = mixin
  target.also = also
  if rawget(target, "__index") == nil then target.__index = target end
  return target
end

--- What a mixin does when it is called: a name makes a class that extends
--- it, a class of the caller's own gets what it has not itself.
---@param mixin table
---@param target string|table
---@return table class
---Checkpoint: never.
---@usage local Server = class.extend(ContextManagerMixin, "Server")
function class.extend(mixin, target)
  if type(target) == "string" then return class.new(target, mixin) end
  if type(target) ~= "table" then
    error(("bad argument #1 to '%s' (name or class expected, got %s)"):format(
      mixin.name, type(target)), 3)
  end
  return class.mix(target, mixin)
end

return class
