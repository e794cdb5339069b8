--- Where errors go that nobody can catch: standard error.
-- A run's exception handler (asyncio's set_exception_handler) goes before it.

local errors = require "anyrun.errors"
local native = require "_anyrun.errors"

local stderr = io.stderr
local pairs, tostring, type = pairs, tostring, type

local SKIPPED <const> = { message = true, exception = true }

local function other_fields(context, lines)
  local keys = {}
  for key in pairs(context) do
    if not SKIPPED[key] then keys[#keys + 1] = key end
  end
  table.sort(keys)
  for _, key in ipairs(keys) do
    lines[#lines + 1] = ("%s: %s"):format(key, tostring(context[key]))
  end
end

--- Says on standard error what happened.
---@param context {message: string, exception?: any} and more, for whoever reads it
---Checkpoint: never.
---@usage report{ message = "a callback failed", exception = err }
return function(context)
  local lines = { "anyrun: " .. (context.message or "unhandled error") }
  other_fields(context, lines)
  local err = context.exception
  if err ~= nil then
    lines[#lines + 1] = tostring(err)
    local traceback = errors.is_error(err) and err.traceback
      or native.traceback(err)
    if type(traceback) == "string" then lines[#lines + 1] = traceback end
  end
  stderr:write(table.concat(lines, "\n"), "\n")
end
