--- The report of a deadlock: every task that waits, for what and where.

local errors = require "anyrun.errors"
local holders = require "anyrun.holders"

local ipairs, tostring, type = ipairs, tostring, type

-- A class of a script may fail to show itself; the report may not.
local function text_of(object)
  local ok, text = errors.pcall(tostring, object)
  return ok and text or type(object)
end

local function line(task, ends_of)
  local what = task.waits_for or "nothing that is known"
  if task.object == nil then task.object = holders.waited(task) end
  if task.object ~= nil then what = what .. " " .. text_of(task.object) end
  local where = task.where and " at " .. task.where or ""
  return ("\n  task '%s' waits for %s%s%s"):format(task.name, what, where,
    ends_of(task.object))
end

--- Makes the error of a run in which nothing can wake any task.
---@param tasks {name: string, waits_for: string, where?: string, object?: any}[]
---@return anyio.BaseException DeadlockError with the list in its field `tasks_waiting`
---Checkpoint: never.
---@usage error(deadlock(list))
return function(tasks)
  local text = { "nothing can wake any of the tasks that wait:" }
  local ends_of = holders.find(tasks)
  for _, task in ipairs(tasks) do text[#text + 1] = line(task, ends_of) end
  for _, task in ipairs(tasks) do task.stack, task.inner_stack = nil, nil end
  return errors.DeadlockError(table.concat(text), { tasks_waiting = tasks })
end
