--- Closing what takes time to close, without taking the time.

local options = require "anyrun.options"
local scope = require "_anyrun.scope"

local type = type

---@class anyio.resources
local resources = {}

local function is_resource(value)
  local kind = type(value)
  if (kind == "table" or kind == "userdata") and options.callable(value.aclose) then
    return nil
  end
  return "resource expected, with a method aclose"
end

--- Closes a resource inside a scope that is cancelled already: it is closed,
--- but for nothing is waited that it would do on the way.
---@param resource any an object with an `aclose` method
---Checkpoint: always.
---Raises: what `aclose` raises but the cancellation it was given.
---@usage anyio.aclose_forcefully(stream)
function resources.aclose_forcefully(resource)
  options.arg("aclose_forcefully", 1, resource, is_resource)
  scope.CancelScope(function(cancelled)
    cancelled:cancel()
    resource:aclose()
  end)
end

return resources
