--- Which async library runs the caller: sniffio's question, answered.

local native = require "_anyrun.run"

local error, rawget = error, rawget

local library = {}

--- What overrides the answer in this thread: nil until somebody sets `name`.
library.thread_local = {}

--- The name of the async library that runs the caller: "asyncio" or "trio".
--- At the top level of a script it is the backend of the command line.
---@return string
---Checkpoint: never.
---Raises: AsyncLibraryNotFoundError in code that no task runs: callbacks of
---asyncio's `call_soon`, plain threads, finalizers.
---@usage print(current_async_library())
function library.current_async_library()
  local name = library.thread_local.name
  if name == nil then
    -- nobody can have set the variable before it was made
    local var = rawget(library, "cvar")
    name = var and var:get(nil)
  end
  if name == nil then name = native.backend() end
  if name ~= nil then return name end
  error(require("anyrun.errors").AsyncLibraryNotFoundError(
    "unknown async library, or not in async context"), 2)
end

return library
