--- What nobody else hears of: exception handlers, and errors never looked at.
-- A failed task or future holds a sentinel until somebody asks for the error.
-- Whoever drops the future drops the sentinel with it, and that one reports.

local base = require "asyncio.base"
local errors = require "anyrun.errors"
local native = require "_anyrun.errors"
local task_lib = require "_anyrun.task"

local error, io, ipairs, pairs, setmetatable = error, io, ipairs, pairs, setmetatable
local table, tostring, type = table, tostring, type

local reports = {}

local GROUP <const> = 4

local function indented(text, indent)
  return indent .. text:gsub("\n", "\n" .. indent)
end

local function format_error(err, lines, indent, traceback)
  lines[#lines + 1] = indented(tostring(err), indent)
  local is_error = errors.is_error(err)
  if is_error then traceback = err.traceback end
  if traceback then lines[#lines + 1] = indented(traceback, indent) end
  if not is_error then return end
  if errors.kind(err) & GROUP ~= 0 then
    local tracebacks = err.tracebacks or {}
    for i, member in ipairs(err.exceptions) do
      format_error(member, lines, indent .. "    ", tracebacks[i])
    end
  end
  if err.cause ~= nil then
    lines[#lines + 1] = indent .. "caused by:"
    format_error(err.cause, lines, indent .. "  ")
  end
end

local APART <const> = { message = true, exception = true, traceback = true }

local function sorted_keys(context)
  local keys = {}
  for key in pairs(context) do
    if not APART[key] then keys[#keys + 1] = key end
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

-- Where a value was raised that cannot say so itself: the last such one.
local function traceback_of(err)
  if errors.is_error(err) then return nil end
  local text = native.traceback(err)
  return type(text) == "string" and text or nil
end

-- One record: the message, the other keys in order, the error with its trace.
local function format(context)
  local message = context.message
  local lines = { message and tostring(message) or "Unhandled exception in event loop" }
  for _, key in ipairs(sorted_keys(context)) do
    lines[#lines + 1] = ("%s: %s"):format(tostring(key), base.repr(context[key]))
  end
  local err = context.exception
  if err ~= nil then
    format_error(err, lines, "", context.traceback or traceback_of(err))
  end
  return table.concat(lines, "\n") .. "\n"
end

--- Writes a report to standard error, as a loop without a handler does.
---@param context table `message`, perhaps `exception` and, where that is no error
---object, `traceback`, and anything else
---Checkpoint: never.
---@usage reports.default({ message = "it broke", exception = err })
function reports.default(context) io.stderr:write(format(context)) end

-- The handler runs in the context of the task that the report is about.
local function call_in_context(loop, handler, context)
  local about = context.task or context.future or context.handle
  local vars = type(about) == "table" and about._context
  if not vars or not base.running() then
    return base.try(handler, loop, context)
  end
  local old = task_lib.swap_context(vars)
  local ok, err = base.try(handler, loop, context)
  task_lib.swap_context(old)
  return ok, err
end

--- Hands a report to the loop's handler, or writes it.
---@param loop asyncio.Loop
---@param context table
---Checkpoint: never.
---Raises: KeyboardInterrupt and SystemExit from the handler, nothing else.
---@usage reports.call(loop, { message = "it broke", exception = err })
function reports.call(loop, context)
  local handler = loop._handler
  if not handler then return reports.default(context) end
  local ok, err = call_in_context(loop, handler, context)
  if ok then return end
  if base.stops_loop(err) then error(err, 0) end
  reports.default({
    message = "Unhandled error in exception handler",
    exception = err,
    context = context.message,
  })
end

local Sentinel = { __name = "asyncio.sentinel" }

function Sentinel:__gc()
  local future = self.future
  if not future then return end
  self.future = nil
  local loop = future._loop
  loop._unseen = loop._unseen - 1
  local kind = future._native and "Task" or "Future"
  reports.call(loop, {
    message = kind .. " exception was never retrieved",
    exception = self.err,
    traceback = self.traceback,
    future = future,
    created_at = future._created,
  })
end

--- Makes sure that the error of a failed future is seen or reported.
---@param future asyncio.Future
---@param err any
---Checkpoint: never.
---@usage reports.arm(self, err)
function reports.arm(future, err)
  local loop = future._loop
  loop._unseen = loop._unseen + 1
  future._sentinel = setmetatable({
    future = future, err = err, traceback = traceback_of(err),
  }, Sentinel)
end

--- Somebody looked at the error.
---@param future asyncio.Future
---Checkpoint: never.
---@usage reports.seen(self)
function reports.seen(future)
  local sentinel = future._sentinel
  if not sentinel then return end
  future._sentinel = nil
  if not sentinel.future then return end
  sentinel.future = nil
  local loop = future._loop
  loop._unseen = loop._unseen - 1
end

--- Reports now the unseen errors of futures that nobody holds any more.
---@param loop asyncio.Loop
---Checkpoint: never.
---@usage reports.flush(loop)
function reports.flush(loop)
  if loop._unseen == 0 then return end
  collectgarbage() -- the futures are found dead, their sentinels run
  if loop._unseen > 0 then collectgarbage() end
end

return reports
