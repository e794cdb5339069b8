--- Which tasks have which ends of a memory stream, for the report of a deadlock.
-- Nothing is noted while a program runs: when it is stuck, the stacks of its
-- tasks are searched for ends, in variables and one table deep.

local getinfo, getlocal, getupvalue = debug.getinfo, debug.getlocal, debug.getupvalue
local getmetatable, next, type = getmetatable, next, type

-- Calls visit(name, value) for all variables of a function on a stack.
local function each_variable(thread, level, f, visit)
  local i, step = 1, 1
  while true do
    local name, value = getlocal(thread, level, i)
    if name then
      visit(name, value)
      i = i + step
    elseif step == 1 then
      i, step = -1, -1 -- the variable arguments
    else
      break
    end
  end
  for k = 1, 255 do
    local name, value = getupvalue(f, k)
    if not name then break end
    if name ~= "_ENV" then visit(name, value) end
  end
end

local function each_on_stack(thread, visit)
  local level = 0
  while true do
    local info = getinfo(thread, level, "f")
    if not info then return end
    each_variable(thread, level, info.func, visit)
    level = level + 1
  end
end

-- Whether a name is one that a script gave.
local function is_given(name) return name:find("^[%a_]") ~= nil end

-- Notes the ends that a task has: by channel, then by end, a list of who has it.
local function search(task, end_of, found)
  local function note(value, name)
    if type(value) ~= "userdata" then return end
    local channel, sends, closed = end_of(value)
    if not channel or closed then return end
    local ends = found[channel] or {}
    local one = ends[value] or { sends = sends, tasks = {}, count = 0 }
    found[channel], ends[value] = ends, one
    if one.tasks[task] == nil then
      one.count = one.count + 1
      one[one.count] = task
    end
    one.tasks[task] = one.tasks[task] or is_given(name) and name or false
  end
  local function visit(name, value)
    note(value, name)
    if type(value) == "table" then
      for key, field in next, value do
        if type(key) == "string" then note(field, name .. "." .. key)
        else note(field, name) end
      end
    end
  end
  if task.stack then each_on_stack(task.stack, visit) end
  if task.inner_stack then each_on_stack(task.inner_stack, visit) end
end

local holders = {}

--- What a task waits for: whose method of the library called the wait.
---@param task table with `inner_stack` or `stack`
---@return any nil when that is not known
---Checkpoint: never.
---@usage local lock = holders.waited(task)
function holders.waited(task)
  local thread = task.inner_stack or task.stack
  for level = 0, 9 do
    local info = thread and getinfo(thread, level, "S")
    if not info then return nil end
    local is_ours = info.source:sub(1, 8) == "@anyrun:"
    if not is_ours and info.what ~= "C" then return nil end
    local name, value = getlocal(thread, level, 1)
    if is_ours and name == "self" then
      local mt = getmetatable(value)
      return type(mt) == "table" and mt.__tostring and value or nil
    end
  end
end

--- Searches the stacks of tasks.
---@param tasks table[] with `name`, `stack`, `inner_stack`
---@return fun(object: any): string lines about the open ends of the other side
---Checkpoint: never.
---@usage local others = holders.find(tasks)
function holders.find(tasks)
  local end_of, found = require("_anyrun.channel").end_of, {}
  for i = 1, #tasks do search(tasks[i], end_of, found) end
  return function(object)
    local channel, sends = end_of(object)
    if not channel then return "" end
    return holders._lines(object, found[channel] or {}, not sends)
  end
end

local function line(one)
  local names = {}
  for i = 1, one.count do
    local task = one[i]
    local variable = one.tasks[task]
    names[i] = "task '" .. task.name .. "'"
      .. (variable and " (" .. variable .. ")" or "")
  end
  table.sort(names)
  return table.concat(names, ", ")
end

-- The ends of one side that are open, a line each.
function holders._lines(object, ends, sends)
  local _, _, n_send, n_receive = object:_counts()
  local left, lines = sends and n_send or n_receive, {}
  local what = sends and "sending" or "receiving"
  for _, one in next, ends do
    if one.sends == sends then
      left = left - 1
      lines[#lines + 1] = ("\n    a %s end is open: %s"):format(what, line(one))
    end
  end
  table.sort(lines)
  if left > 0 then
    lines[#lines + 1] =
      ("\n    open %s ends that none of the tasks has at hand: %d"):format(what, left)
  end
  return table.concat(lines)
end

return holders
