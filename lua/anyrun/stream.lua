--- What the streams written in Lua have in common.

local errors = require "anyrun.errors"
local options = require "anyrun.options"

local error, getmetatable, ipairs = error, getmetatable, ipairs
local math_type, require, type = math.type, require, type

---@class anyrun.stream
local stream = {}

--- A step of a `for` loop over a stream: nil where the data ends.
---@param self table the stream
---@return any item
---Checkpoint: as its `receive`.
---Raises: as its `receive`, but for EndOfStream.
---@usage function MyStream:__call() return stream_lib.step(self) end
function stream.step(self)
  local ok, item = errors.pcall(self.receive, self)
  if ok then return item end
  if errors.isinstance(item, errors.EndOfStream) then return nil end
  errors.rethrow(item)
end

--- The getters of what a stream wraps, which may have none.
---@param wrapped table|userdata
---@return table<anyio.TypedAttribute, fun(): any>
---Checkpoint: never.
---@usage return stream_lib.attributes(self.transport_stream)
function stream.attributes(wrapped)
  local getters = wrapped.extra_attributes
  if type(getters) == "function" then return getters(wrapped) end
  return getters or {}
end

--- Closes several resources in a row, all of them, whatever happens.
---@param list table[]
---Checkpoint: as their `aclose`.
---Raises: the first error that is no Exception (a cancellation), else what one
---  raised, else a group of what several raised.
---@usage stream_lib.close_all { self.send_stream, self.receive_stream }
function stream.close_all(list)
  local failed, urgent = {}, nil
  for _, resource in ipairs(list) do
    local ok, err = errors.try(resource.aclose, resource)
    if not ok and errors.is_ordinary(err) then
      failed[#failed + 1] = err
    elseif not ok then
      urgent = urgent or err
    end
  end
  if urgent then errors.rethrow(urgent) end
  if #failed == 1 then errors.rethrow(failed[1]) end
  if #failed > 1 then
    error(errors.ExceptionGroup("several resources could not be closed", failed), 0)
  end
end

--- Checks what a stream of strings gave.
---@param chunk any
---@return string chunk
---Checkpoint: never.
---Raises: TypeError when it is no string.
---@usage local chunk = stream_lib.check_chunk(source:receive())
function stream.check_chunk(chunk)
  if type(chunk) == "string" then return chunk end
  error(errors.TypeError(("a stream of strings expected, got a %s from it")
    :format(type(chunk))), 0)
end

--- Checks how many bytes are wanted at most.
---@param max_bytes? integer
---@return integer 65536 when absent
---Checkpoint: never.
---Raises: ValueError when it is less than 1.
---@usage max_bytes = stream.check_max(max_bytes)
function stream.check_max(max_bytes)
  if max_bytes == nil then return 65536 end
  if math_type(max_bytes) ~= "integer" then
    error("bad argument #1 to 'receive' (integer expected)", 3)
  elseif max_bytes < 1 then
    error(errors.ValueError "max_bytes must be a positive integer", 3)
  end
  return max_bytes
end

local function is_group(value)
  local kind, mt = type(value), getmetatable(value)
  local fields = kind == "table"
    or kind == "userdata" and type(mt) == "table" and mt.__index
  if value == nil or fields and options.callable(value.start_soon) then return nil end
  return "task group expected"
end

--- Checks the arguments of a listener's `serve`.
---@param handler any a function, or a task spec
---@param task_group any
---Checkpoint: never.
---@usage stream.check_serve(handler, task_group)
function stream.check_serve(handler, task_group)
  require("anyrun.spec").parse("serve", 1, handler, nil, 4)
  options.arg("serve", 2, task_group, is_group, 4)
end

return stream
