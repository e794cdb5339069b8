--- The classes that others extend.

local class = require "anyrun.class"

local getmetatable = getmetatable

local abc = {}

--- Something that is closed when it is no longer needed: a to-be-closed value
--- whose `aclose` a class defines. Called with a name or a class, it makes or
--- completes a class.
---@class anyio.abc.AsyncResource
---@overload fun(class: string|table): table
local AsyncResource = class.new("AsyncResource")
getmetatable(AsyncResource).__call = class.extend

--- Closes the resource; a class overrides it.
---Checkpoint: always.
---Raises: NotImplementedError when the class does not define it.
---@usage stream:aclose()
function AsyncResource:aclose()
  error(require("anyrun.errors").NotImplementedError(
    (self.name or "AsyncResource") .. " does not define aclose"), 2)
end

function AsyncResource:__close() self:aclose() end

abc.AsyncResource = AsyncResource

return abc
