--- What the streams written in Lua have in common.

local class = require "anyrun.class"
local errors = require "anyrun.errors"
local typedattr = require "anyrun.typedattr"

local error, math_type = error, math.type

---@class anyrun.stream
local stream = {}

-- A step of a `for` loop: nil where the data ends.
local function step(self)
  local ok, item = errors.pcall(self.receive, self)
  if ok then return item end
  if errors.isinstance(item, errors.EndOfStream) then return nil end
  errors.rethrow(item)
end

--- Makes a class of streams: iterated by `receive`, closed by `aclose`, with
--- `extra`.
---@param name string
---@param base? table
---@return table class
---Checkpoint: never.
---@usage local Stapled = stream.class "StapledByteStream"
function stream.class(name, base)
  local cls = class.new(name, base or typedattr.TypedAttributeProvider)
  cls.__call = step
  function cls:__close() self:aclose() end
  return cls
end

--- Checks how many bytes are wanted at most.
---@param max_bytes? integer
---@return integer 65536 when absent
---Checkpoint: never.
---Raises: ValueError when it is less than 1.
---@usage max_bytes = stream.check_max(max_bytes)
function stream.check_max(max_bytes)
  if max_bytes == nil then return 65536 end
  if math_type(max_bytes) ~= "integer" then
    error("bad argument #1 to 'receive' (integer expected)", 3)
  elseif max_bytes < 1 then
    error(errors.ValueError "max_bytes must be a positive integer", 3)
  end
  return max_bytes
end

return stream
