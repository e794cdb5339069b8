--- Which async library the running code belongs to.

local native = require "_anyrun.run"

local error, rawget, setmetatable = error, rawget, setmetatable

local sniffio = {}

--- `thread_local.name` overrides what is found in this thread; it is nil
--- until somebody sets it.
sniffio.thread_local = {}

--- The name of the async library that runs the caller: "asyncio" or "trio".
--- At the top level of a script it is the backend of the command line, whose
--- run begins with this call.
---@return string
---Checkpoint: never.
---Raises: AsyncLibraryNotFoundError in code that no task runs: callbacks of
---asyncio's `call_soon`, plain threads, finalizers.
---@usage print(current_async_library())
function sniffio.current_async_library()
  local name = sniffio.thread_local.name
  if name == nil then
    -- nobody can have set the variable before it was made
    local var = rawget(sniffio, "current_async_library_cvar")
    name = var and var:get(nil)
  end
  if name == nil then name = native.backend() end
  if name ~= nil then return name end
  error(sniffio.AsyncLibraryNotFoundError(
    "unknown async library, or not in async context"), 2)
end

local lazy = {}

function lazy.AsyncLibraryNotFoundError()
  return require("anyrun.errors").AsyncLibraryNotFoundError
end

--- The context variable that overrides what is found, where it is set.
function lazy.current_async_library_cvar()
  return require("anyrun.context").ContextVar("current_async_library_cvar")
end

return setmetatable(sniffio, {
  __index = function(self, key)
    local make = lazy[key]
    if not make then return nil end
    self[key] = make()
    return self[key]
  end,
})
