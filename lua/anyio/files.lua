--- Files whose operations let other tasks run.

local file = require "anyrun.fs.file"

local files = { AsyncFile = file.AsyncFile }

--- Opens a file. What blocks is done by a thread; what the system has in memory
--- is taken from there at once.
---@param path string|anyio.Path|integer a path, or a descriptor that is open
---@param mode? string `r` (the default), `w`, `a` or `x` (the file must not
---  exist yet), perhaps with `+` (reading and writing), `b` or `t` (no difference,
---  but that text has the options `encoding`, `errors` and `newline`)
---@param opts? table `buffering`: 0 none, 1 by lines, else a size; `encoding`
---  of the file: then what is read and written is text in UTF-8; `errors`:
---  `strict` (the default), `replace` or `ignore`; `newline`: how lines end, one of
---  `\n` (the default), `\r`, `\r\n`, and the empty string: any of them; what is
---  written as `\n` is written so; `closefd`: false leaves a descriptor open;
---  `limiter`: a CapacityLimiter each operation takes a token of
---@return anyio.AsyncFile
---Checkpoint: always.
---Raises: OSError when it cannot be opened; ValueError for a mode or a value
---  of an option that is none; TypeError for a limiter that is none.
---@usage local log <close> = anyio.open_file("log.txt", "a")
files.open_file = file.open

--- Makes an AsyncFile of a file of Lua's `io` library, which is used through it
--- alone from then on. Closing it closes that.
---@param lua_file file*
---@param opts? table `limiter`: a CapacityLimiter each operation takes a token of
---@return anyio.AsyncFile
---Checkpoint: never.
---Raises: ValueError when the file is closed; TypeError for a limiter that is
---  none.
---@usage local input = anyio.wrap_file(io.stdin)
files.wrap_file = file.wrap

return files
