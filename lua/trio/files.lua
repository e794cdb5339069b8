--- Files whose operations let other tasks run.

local file = require "anyrun.fs.file"

local files = { Path = require "anyrun.fs.paths" }

--- Opens a file. What blocks is done by a thread; what the system has in memory
--- is taken from there at once.
---@param path string|trio.Path|integer a path, or a descriptor that is open
---@param mode? string as `anyio.open_file`
---@param opts? table as `anyio.open_file`
---@return anyio.AsyncFile
---Checkpoint: always.
---Raises: OSError when it cannot be opened; ValueError for a mode or a value
---  of an option that is none.
---@usage local log <close> = trio.open_file("log.txt", "a")
files.open_file = file.open

--- Makes an asynchronous file of one of Lua's `io` library, which is used through
--- it alone from then on. Closing it closes that.
---@param lua_file file*
---@param opts? table as `anyio.wrap_file`
---@return anyio.AsyncFile
---Checkpoint: never.
---Raises: ValueError when the file is closed.
---@usage local input = trio.wrap_file(io.stdin)
files.wrap_file = file.wrap

return files
