--- What the checks of streams are written with.

local errors = require "anyrun.errors"
local nurseries = require "trio.nursery"
local streams = require "trio.streams"
local assert_checkpoints = require("trio.testing").assert_checkpoints

local error, tostring = error, tostring

---@class trio.check_tools
local tools = {}

--- A promise was broken.
---@param text string
---@param ... any
---Checkpoint: never.
function tools.fail(text, ...)
  error(errors.AssertionError(text:format(...)), 0)
end

--- `got` must be `want`.
---@param what string
---@param got any
---@param want any
---Checkpoint: never.
function tools.expect(what, got, want)
  if got ~= want then
    tools.fail("%s: got '%s', want '%s'", what, tostring(got), tostring(want))
  end
end

--- `f(...)` must raise an error of this class.
---@param what string
---@param class table
---@param f function
---@param ... any
---Checkpoint: as `f`.
function tools.refused(what, class, f, ...)
  local ok, err = errors.pcall(f, ...)
  if ok then tools.fail("%s: nothing was raised, want %s", what, class.name) end
  if not errors.isinstance(err, class) then
    tools.fail("%s: got %s, want %s", what, tostring(err), class.name)
  end
end

--- Both functions at once, each in a task; their errors come ungrouped.
---@param f function
---@param g function
---Checkpoint: always.
function tools.both(f, g)
  local ok, err = errors.pcall(nurseries.open_nursery, function(nursery)
    nursery:start_soon(f)
    nursery:start_soon(g)
  end)
  if ok then return end
  while errors.isinstance(err, errors.BaseExceptionGroup) do
    err = err.exceptions[1]
  end
  error(err, 0)
end

--- Sends, which must be a checkpoint.
---@param s table
---@param data string
---Checkpoint: always.
function tools.send(s, data)
  return assert_checkpoints(function() return s:send_all(data) end)
end

--- Receives, which must be a checkpoint.
---@param r table
---@param max_bytes? integer
---@return string
---Checkpoint: always.
function tools.receive(r, max_bytes)
  return assert_checkpoints(function() return r:receive_some(max_bytes) end)
end

--- Closes, which must be a checkpoint.
---@param s table
---Checkpoint: always.
function tools.close(s) assert_checkpoints(function() s:aclose() end) end

--- Calls `body(s, r)` with two new streams, which are closed at the end.
---@param maker function
---@param body function
---Checkpoint: always.
function tools.with(maker, body)
  local s, r = maker()
  local ok, err = errors.try(body, s, r)
  streams.aclose_forcefully(s)
  streams.aclose_forcefully(r)
  if not ok then errors.rethrow(err) end
end

return tools
