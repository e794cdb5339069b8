--- AsyncResource: something that is closed when it is no longer needed.

local class = require "anyrun.class"
local errors = require "anyrun.errors"

local error, getmetatable = error, getmetatable

---@class anyio.abc.resources
local resources = {}

--- Something that is closed when it is no longer needed: a to-be-closed value
--- whose `aclose` a class defines. Called with a name or a class, it makes or
--- completes a class.
---@class anyio.abc.AsyncResource
---@overload fun(class: string|table): table
local AsyncResource = class.new("AsyncResource")
getmetatable(AsyncResource).__call = class.extend
resources.AsyncResource = AsyncResource

--- Closes the resource; a class overrides it.
---Checkpoint: always.
---Raises: NotImplementedError when the class does not define it.
---@usage stream:aclose()
function AsyncResource:aclose() resources._missing(self, "aclose") end

function AsyncResource:__close() self:aclose() end

-- Raises what a method of a contract raises that a class does not define.
function resources._missing(self, method)
  error(errors.NotImplementedError(("%s does not define %s"):format(
    self.name or "the class", method)), 3)
end

return resources
