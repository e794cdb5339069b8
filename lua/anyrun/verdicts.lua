--- What the core asks about errors it has in hand, seldom.

local errors = require "anyrun.errors"

local ipairs, rawget, tostring = ipairs, rawget, tostring

local verdicts = {}

local GROUP <const> = 4
local INTERRUPT <const> = 8
local SIGINT <const> = 2

--- A task as the texts of cancellations name it.
---@param task userdata
---@return string
---Checkpoint: never.
---@usage errors.task_text(task) --> <Task 'fetch'>
function verdicts.task_text(task)
  return ("<Task '%s'>"):format(require("_anyrun.task").name(task))
end

--- The errors of a task group as one.
---@param pairs_list any[] error, traceback or false, error, ...
---@param native boolean on asyncio
---@param nursery boolean trio's own
---@param strict boolean one error makes a group, too
---@return any
---Checkpoint: never.
---@usage error(errors.group_of(list, false, true, true), 0)
function verdicts.group_of(pairs_list, native, nursery, strict)
  local list, tracebacks = {}, {}
  for i = 1, #pairs_list, 2 do
    list[#list + 1] = pairs_list[i]
    tracebacks[#list] = pairs_list[i + 1] or nil
  end
  if nursery and not strict and #list == 1 then return list[1] end
  local message = native and "unhandled errors in a TaskGroup"
    or "Exceptions from Trio nursery"
  return errors.BaseExceptionGroup(message, list, { tracebacks = tracebacks })
end

--- What leaves a nursery that does not insist on groups: the only error of a
--- group of one.
---@param err any
---@return any
---Checkpoint: never.
---@usage error(errors.lone_error(err), 0)
function verdicts.lone_error(err)
  if errors.kind(err) & GROUP == 0 or #err.exceptions ~= 1 then return err end
  return err.exceptions[1]
end

--- What leaves a task group of AnyIO: a group of nothing but cancellations
--- leaves as one of them.
---@param err any
---@return any
---Checkpoint: never.
---@usage error(errors.single_cancelled(err), 0)
function verdicts.single_cancelled(err)
  if errors.kind(err) & GROUP == 0 then return err end
  if not errors.all_cancelled(err) then return err end
  while errors.kind(err) & GROUP ~= 0 do err = err.exceptions[1] end
  return err
end

--- What a run of trio raises when a task of the system has failed: the error
--- in the groups of the nurseries that it came through. A callback has come
--- through one less.
---@param err any
---@param from_callback boolean
---@return anyio.BaseException TrioInternalError
---Checkpoint: never.
---@usage error(errors.internal_error(err, false), 0)
function verdicts.internal_error(err, from_callback)
  local cause = err
  for _ = 1, from_callback and 1 or 2 do
    cause = errors.BaseExceptionGroup("Exceptions from Trio nursery", { cause })
  end
  local who = from_callback and "a callback" or "a system task"
  return errors.TrioInternalError(("%s failed: %s"):format(who, tostring(err)),
    { cause = cause })
end

-- Whether every leaf of a group is a KeyboardInterrupt.
local function all_interrupts(group)
  for _, member in ipairs(group.exceptions) do
    local kind = errors.kind(member)
    local is_one = kind & INTERRUPT ~= 0
      or kind & GROUP ~= 0 and all_interrupts(member)
    if not is_one then return false end
  end
  return true
end

--- The signal a process dies of when this error ends it; 0 when of none.
---@param err any
---@return integer
---Checkpoint: never.
---@usage local signum = errors.signal_of(err)
function verdicts.signal_of(err)
  local kind = errors.kind(err)
  if kind & INTERRUPT ~= 0 then return SIGINT end
  if kind & GROUP ~= 0 then return all_interrupts(err) and SIGINT or 0 end
  return errors.is_error(err) and math.tointeger(rawget(err, "signal")) or 0
end

return verdicts
