--- Threads below trio's surface.

local errors = require "anyrun.errors"
local native_errors = require "_anyrun.errors"
local options = require "anyrun.options"
local thread = require "_anyrun.thread"

local io, tostring = io, tostring

---@class trio.threads
local threads = {}

-- In the thread: an error of `deliver` has nobody to go to.
local function serve(f, deliver)
  local ok, err = errors.try(deliver, errors.try(f))
  if ok then return end
  io.stderr:write(("error in the function that was to deliver: %s\n%s\n"):format(
    tostring(err), native_errors.traceback(err) or ""))
end

threads.serve = serve

--- Has a cached thread call a function, then `deliver` with what came of it. Both
--- are copied to the thread, and know nothing of a run.
---@param f fun(): ...
---@param deliver fun(ok: boolean, ...: any) the results, or the error
---@param name? string of the thread meanwhile
---Checkpoint: never.
---@usage trio.lowlevel.start_thread_soon(work, function(ok, value) end)
function threads.start_thread_soon(f, deliver, name)
  options.arg("start_thread_soon", 1, f, "callable")
  options.arg("start_thread_soon", 2, deliver, "callable")
  options.arg("start_thread_soon", 3, name, "string?")
  thread.submit("stray", nil, name, serve, f, deliver)
end

return threads
