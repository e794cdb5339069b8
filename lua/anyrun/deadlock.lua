--- The report of a deadlock: every task that waits, for what and where.

local errors = require "anyrun.errors"

local ipairs, tostring = ipairs, tostring

local function line(task)
  local what = task.waits_for or "nothing that is known"
  if task.object ~= nil then what = what .. " " .. tostring(task.object) end
  local where = task.where and " at " .. task.where or ""
  return ("\n  task '%s' waits for %s%s"):format(task.name, what, where)
end

--- Makes the error of a run in which nothing can wake any task.
---@param tasks {name: string, waits_for: string, where?: string, object?: any}[]
---@return anyio.BaseException DeadlockError with the list in its field `tasks_waiting`
---Checkpoint: never.
---@usage error(deadlock(list))
return function(tasks)
  local text = { "nothing can wake any of the tasks that wait:" }
  for _, task in ipairs(tasks) do text[#text + 1] = line(task) end
  return errors.DeadlockError(table.concat(text), { tasks_waiting = tasks })
end
