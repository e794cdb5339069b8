--- Which async library the running code belongs to.

local globals = require("_anyrun.run").globals()
local library = require "anyrun.library"

local setmetatable = setmetatable

local sniffio = {
  current_async_library = globals.current_async_library,
  thread_local = library.thread_local,
}

local lazy = {}

function lazy.AsyncLibraryNotFoundError()
  return require("anyrun.errors").AsyncLibraryNotFoundError
end

--- The context variable that overrides what is found, where it is set.
function lazy.current_async_library_cvar()
  library.cvar =
    require("anyrun.context").ContextVar("current_async_library_cvar")
  return library.cvar
end

return setmetatable(sniffio, {
  __index = function(self, key)
    local make = lazy[key]
    if not make then return nil end
    self[key] = make()
    return self[key]
  end,
})
