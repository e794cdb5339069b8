--- Closing what takes time to close, without taking the time.

local scope = require "_anyrun.scope"

---@class anyio.resources
local resources = {}

--- Closes a resource inside a scope that is cancelled already: it is closed,
--- but for nothing is waited that it would do on the way.
---@param resource any an object with an `aclose` method
---Checkpoint: always.
---Raises: what `aclose` raises but the cancellation it was given.
---@usage anyio.aclose_forcefully(stream)
function resources.aclose_forcefully(resource)
  scope.CancelScope(function(cancelled)
    cancelled:cancel()
    resource:aclose()
  end)
end

return resources
